package stack

import (
	"cmp"
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
	quota, err := quotaBytes(o.Quota)
	var notes []string
	can := func(ctx context.Context, conn hosting.Conn, of hosting.Address) (err error) {
		notes, err = hosting.CanAddAccount(ctx, conn, of)
		return err
	}
	return s.withPassword(ctx, "account:add", typed, err, o.Password, can,
		func(ctx context.Context, conn hosting.Conn, of hosting.Address, password secret.Value) (ended, []string, error) {
			if typed != of.String() {
				notes = append([]string{fmt.Sprintf("%s is kept as %s: sign in as that", typed, of)}, notes...)
			}
			data := AccountData{Address: of.String(), Name: o.Name, QuotaBytes: quota, Enabled: true}
			return ended{Outcome: event.Done, Text: "added account " + of.String(), Data: data}, notes,
				hosting.AddAccount(ctx, conn, of,
					hosting.AccountOptions{Password: password, DisplayName: o.Name, Quota: quota})
		})
}

// withPassword does something with a password for an account, if it can be done: that is looked for before somebody is
// asked for one. One that was made is given out afterwards.
func (s *Stack) withPassword(
	ctx context.Context, target, typed string, wrong error, o PasswordOptions,
	can func(context.Context, hosting.Conn, hosting.Address) error,
	do func(context.Context, hosting.Conn, hosting.Address, secret.Value) (ended, []string, error),
) error {
	of, err := hosting.ParseAddress(typed)
	err = s.look(ctx, target, cmp.Or(err, wrong), func(ctx context.Context, conn hosting.Conn) error {
		return can(ctx, conn, of)
	})
	if err != nil {
		return err
	}
	password, err := s.givenPassword(ctx, target, of, o)
	if err != nil {
		return s.targetEnded(ctx, target, Usage, err)
	}
	err = s.change(ctx, target, nil, func(ctx context.Context, conn hosting.Conn) (ended, []string, error) {
		return do(ctx, conn, of, password)
	})
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
	of, err := some(typed, hosting.ParseDomain)
	return list(ctx, s, "account:list", err, about(of, hosting.Accounts), []string{"account", "name", "quota", "enabled"},
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

// some reads a domain or a zone that may be left out.
func some(typed string, parse func(string) (hosting.Domain, error)) (hosting.Domain, error) {
	if typed == "" {
		return "", nil
	}
	return parse(typed)
}

// SetPassword gives an account another password.
func (s *Stack) SetPassword(ctx context.Context, typed string, o PasswordOptions) error {
	return s.withPassword(ctx, "account:password", typed, nil, o, hosting.HasAccount,
		func(ctx context.Context, conn hosting.Conn, of hosting.Address, password secret.Value) (ended, []string, error) {
			return ended{Outcome: event.Done, Text: "account " + of.String() + " has another password"}, nil,
				hosting.SetPassword(ctx, conn, of, password)
		})
}

// EnableAccount lets an account sign in and get mail, or not.
func (s *Stack) EnableAccount(ctx context.Context, typed string, enabled bool) error {
	target, state := "account:disable", "disabled: it cannot sign in and gets no mail; what it has is kept"
	if enabled {
		target, state = "account:enable", "enabled"
	}
	of, err := hosting.ParseAddress(typed)
	return s.enable(ctx, target, err, "account "+of.String(), state,
		func(ctx context.Context, conn hosting.Conn) (bool, error) {
			return hosting.EnableAccount(ctx, conn, of, enabled)
		})
}

// RemoveAccount removes an account, with all the aliases that pass mail to it, too.
func (s *Stack) RemoveAccount(ctx context.Context, typed string, all, yes bool) error {
	of, err := hosting.ParseAddress(typed)
	return s.removeFrom(ctx, err, removal{
		target: "account:remove", what: "account " + of.String(), all: all, yes: yes,
		after: "its mail stays on the volume", depends: about(of, hosting.AccountDependents),
		remove: func(ctx context.Context, conn hosting.Conn) error { return hosting.RemoveAccount(ctx, conn, of, all) },
	})
}
