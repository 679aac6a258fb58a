package stack

import (
	"context"
	"fmt"

	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/hosting"
)

// AddAlias passes mail for an address on to another.
func (s *Stack) AddAlias(ctx context.Context, typed, destination string) error {
	const target = "alias:add"
	from, err := hosting.ParseAlias(typed)
	if err != nil {
		return s.refused(target, err)
	}
	to, err := hosting.ParseDestination(destination)
	if err != nil {
		return s.refused(target, err)
	}
	return s.change(ctx, target, func(ctx context.Context, conn hosting.Conn) (ended, []string, error) {
		notes, err := hosting.AddAlias(ctx, conn, from, to)
		if typed != from.String() {
			notes = append([]string{fmt.Sprintf("%s is kept as %s", typed, from)}, notes...)
		}
		data := hosting.AliasRow{Address: from.String(), Destination: to.String(), Enabled: true}
		return ended{Outcome: event.Done, Text: fmt.Sprintf("added alias %s → %s", from, to), Data: data}, notes, err
	})
}

// ListAliases reports the aliases of a domain, or of all for "".
func (s *Stack) ListAliases(ctx context.Context, typed string) error {
	const target = "alias:list"
	of, err := someDomain(typed)
	if err != nil {
		return s.refused(target, err)
	}
	read := func(ctx context.Context, conn hosting.Conn) ([]hosting.AliasRow, error) {
		return hosting.Aliases(ctx, conn, of)
	}
	return list(ctx, s, target, read, []string{"alias", "passes mail to", "enabled"},
		func(a hosting.AliasRow) ([]string, hosting.AliasRow) {
			return []string{a.Address, a.Destination, yesNo(a.Enabled)}, a
		})
}

// RemoveAlias stops passing mail on, to one destination or to all for "".
func (s *Stack) RemoveAlias(ctx context.Context, typed, destination string, yes bool) error {
	const target = "alias:remove"
	from, err := hosting.ParseAlias(typed)
	if err != nil {
		return s.refused(target, err)
	}
	var to []string
	return s.removeFrom(ctx, removal{
		target: target, what: "alias " + from.String(), yes: yes, rows: true,
		depends: func(ctx context.Context, conn hosting.Conn) (d hosting.Dependents, err error) {
			all, err := hosting.AliasDestinations(ctx, conn, from)
			if err == nil {
				to, err = hosting.Chosen(from, all, destination)
			}
			for _, one := range to {
				d.Go = append(d.Go, "destination "+one)
			}
			return d, err
		},
		remove: func(ctx context.Context, conn hosting.Conn) error { return hosting.RemoveAlias(ctx, conn, from, to) },
	})
}
