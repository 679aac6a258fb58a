package stack

import (
	"context"
	"fmt"

	"github.com/docker/go-units"

	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/hosting"
	"github.com/poststack/poststack/pkg/secret"
)

// AccountOptions are what an account is added with.
type AccountOptions struct {
	Password PasswordOptions
	Name     string // shown to people
	Quota    string // 5GiB; "" for no limit
}

// AddAccount adds a mailbox. Nobody is asked for a password of an account that cannot be added. A password that was
// made is the result, and nothing else is.
func (s *Stack) AddAccount(ctx context.Context, typed string, o AccountOptions) error {
	const target = "account:add"
	of, err := hosting.ParseAddress(typed)
	if err != nil {
		return s.refused(target, err)
	}
	quota, err := quotaBytes(o.Quota)
	if err != nil {
		return s.refused(target, err)
	}
	var notes []string
	err = s.look(ctx, target, func(ctx context.Context, conn hosting.Conn) (err error) {
		notes, err = hosting.CanAddAccount(ctx, conn, of)
		return err
	})
	if err != nil {
		return err
	}
	password, err := s.givenPassword(ctx, target, of, o.Password)
	if err != nil {
		return s.unasked(ctx, target, err)
	}
	if typed != of.String() {
		notes = append([]string{fmt.Sprintf("%s is kept as %s: sign in as that", typed, of)}, notes...)
	}
	err = s.change(ctx, target, func(ctx context.Context, conn hosting.Conn) (ended, []string, error) {
		err := hosting.AddAccount(ctx, conn, of,
			hosting.AccountOptions{Password: password, DisplayName: o.Name, Quota: quota})
		data := AccountData{Address: of.String(), Name: o.Name, QuotaBytes: quota, Enabled: true}
		return ended{Outcome: event.Done, Text: "added account " + of.String(), Data: data}, notes, err
	})
	return s.handOut(err, of, password, o.Password)
}

// unasked is how a target ends that got no password.
func (s *Stack) unasked(ctx context.Context, target string, err error) error {
	if interrupted(ctx, err) {
		return context.Cause(ctx)
	}
	return s.failure(target, Usage, err)
}

// handOut gives out a password that was made, unless what it was made for has failed.
func (s *Stack) handOut(err error, of hosting.Address, password secret.Value, o PasswordOptions) error {
	if err == nil && o.Generate {
		s.Sink.Result(event.Report{
			Text: password.Reveal(), Data: PasswordData{Address: of.String(), Password: password.Reveal()},
		})
	}
	return err
}

// quotaBytes reads a size such as 5GiB or 500m.
func quotaBytes(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	bytes, err := units.RAMInBytes(text)
	if err != nil || bytes <= 0 {
		return 0, badUsage("-quota=%s is no size; write one such as 5GiB or 500MiB", text)
	}
	return bytes, nil
}

// ListAccounts reports the accounts of a domain, or of all for "".
func (s *Stack) ListAccounts(ctx context.Context, typed string) error {
	const target = "account:list"
	of, err := someDomain(typed)
	if err != nil {
		return s.refused(target, err)
	}
	read := func(ctx context.Context, conn hosting.Conn) ([]hosting.AccountRow, error) {
		return hosting.Accounts(ctx, conn, of)
	}
	return list(ctx, s, target, read, []string{"account", "name", "quota", "enabled"},
		func(a hosting.AccountRow) ([]string, AccountData) {
			quota, enabled := "none", yesNo(a.Enabled)
			if a.Quota > 0 {
				quota = units.BytesSize(float64(a.Quota))
			}
			if a.Enabled && !a.Domain {
				enabled = "no, its domain is not"
			}
			return []string{a.Address, a.DisplayName, quota, enabled},
				AccountData{Address: a.Address, Name: a.DisplayName, QuotaBytes: a.Quota, Enabled: a.Enabled && a.Domain}
		})
}

// someDomain reads a domain that may be left out.
func someDomain(typed string) (hosting.Domain, error) {
	if typed == "" {
		return "", nil
	}
	return hosting.ParseDomain(typed)
}

// someZone reads a zone that may be left out.
func someZone(typed string) (hosting.Domain, error) {
	if typed == "" {
		return "", nil
	}
	return hosting.ParseZone(typed)
}

// SetPassword gives an account another password.
func (s *Stack) SetPassword(ctx context.Context, typed string, o PasswordOptions) error {
	const target = "account:password"
	of, err := hosting.ParseAddress(typed)
	if err != nil {
		return s.refused(target, err)
	}
	err = s.look(ctx, target, func(ctx context.Context, conn hosting.Conn) error {
		return hosting.HasAccount(ctx, conn, of)
	})
	if err != nil {
		return err
	}
	password, err := s.givenPassword(ctx, target, of, o)
	if err != nil {
		return s.unasked(ctx, target, err)
	}
	err = s.change(ctx, target, func(ctx context.Context, conn hosting.Conn) (ended, []string, error) {
		return ended{Outcome: event.Done, Text: "account " + of.String() + " has another password"}, nil,
			hosting.SetPassword(ctx, conn, of, password)
	})
	return s.handOut(err, of, password, o)
}

// EnableAccount lets an account sign in and get mail, or not.
func (s *Stack) EnableAccount(ctx context.Context, typed string, enabled bool) error {
	target, state := "account:disable", "disabled: it cannot sign in and gets no mail; what it has is kept"
	if enabled {
		target, state = "account:enable", "enabled"
	}
	of, err := hosting.ParseAddress(typed)
	if err != nil {
		return s.refused(target, err)
	}
	return s.change(ctx, target, func(ctx context.Context, conn hosting.Conn) (ended, []string, error) {
		changed, err := hosting.EnableAccount(ctx, conn, of, enabled)
		if !changed {
			return ended{Outcome: event.Unchanged, Text: "account " + of.String() + " was " + state}, nil, err
		}
		return ended{Outcome: event.Done, Text: "account " + of.String() + " is " + state}, nil, err
	})
}

// RemoveAccount removes an account, with all the aliases that pass mail to it, too.
func (s *Stack) RemoveAccount(ctx context.Context, typed string, all, yes bool) error {
	const target = "account:remove"
	of, err := hosting.ParseAddress(typed)
	if err != nil {
		return s.refused(target, err)
	}
	return s.removeFrom(ctx, removal{
		target: target, what: "account " + of.String(), all: all, yes: yes, after: "its mail stays on the volume",
		depends: func(ctx context.Context, conn hosting.Conn) (hosting.Dependents, error) {
			return hosting.AccountDependents(ctx, conn, of)
		},
		remove: func(ctx context.Context, conn hosting.Conn) error { return hosting.RemoveAccount(ctx, conn, of, all) },
	})
}
