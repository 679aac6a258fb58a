package stack

import (
	"cmp"
	"context"
	"fmt"

	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/hosting"
)

// AddAlias passes mail for an address on to another.
func (s *Stack) AddAlias(ctx context.Context, typed, destination string) error {
	from, err := hosting.ParseAlias(typed)
	to, wrong := hosting.ParseDestination(destination)
	return s.change(ctx, "alias:add", cmp.Or(err, wrong), func(ctx context.Context, conn hosting.Conn) (ended, []string, error) {
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
	of, err := some(typed, hosting.ParseDomain)
	return list(ctx, s, "alias:list", err, about(of, hosting.Aliases), []string{"alias", "passes mail to", "enabled"},
		func(a hosting.AliasRow) ([]string, hosting.AliasRow) {
			return []string{a.Address, a.Destination, yesNo(a.Enabled)}, a
		})
}

// RemoveAlias stops passing mail on, to one destination or to all for "".
func (s *Stack) RemoveAlias(ctx context.Context, typed, destination string, yes bool) error {
	from, err := hosting.ParseAlias(typed)
	var to []string
	return s.removeFrom(ctx, err, removal{
		target: "alias:remove", what: "alias " + from.String(), yes: yes, rows: true,
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
