package hosting

import (
	"context"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// lockAliases lets one change of the aliases happen at a time: two could each close the other's circle.
func lockAliases(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `lock table aliases in share row exclusive mode`)
	return err
}

// AddAlias passes mail for an address on to another. It returns what there is to say about it.
func AddAlias(ctx context.Context, conn Conn, from, to Address) (notes []string, err error) {
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if err := lockAliases(ctx, tx); err != nil {
			return err
		}
		id, err := domainID(ctx, tx, from.Domain)
		if err != nil {
			return err
		}
		m := mail{ctx, tx}
		if to, err = m.here(to); err != nil {
			return err
		}
		var account, alias bool
		err = tx.QueryRow(ctx, `select exists (select from accounts where domain_id = $1 and local_part = $2),
			exists (select from aliases where domain_id = $1 and local_part = $2 and lower(destination) = lower($3))`,
			id, from.Local, to.String()).Scan(&account, &alias)
		switch {
		case err != nil:
			return err
		case account:
			return refuse("%s is an account, which keeps its mail; for an alias take another address", from)
		case alias:
			return refuse("alias %s passes mail to %s already; see: mage alias:list", from, to)
		}
		if _, err := tx.Exec(ctx, `insert into aliases (domain_id, local_part, destination) values ($1, $2, $3)`,
			id, from.Local, to.String()); err != nil {
			return err
		}
		circle, err := m.circle(from)
		if err != nil {
			return err
		}
		if circle != nil {
			return refuse("mail for %s would go round in a circle: %s", from, strings.Join(circle, " → "))
		}
		notes, err = m.notes(from, to)
		return err
	})
	return notes, wrapped(err, "add alias %q", from)
}

// mail looks up where mail for an address goes.
type mail struct {
	ctx context.Context //nolint:containedctx // lives as long as one call
	tx  pgx.Tx
}

// here is an address in lower case if its domain is one of the tables': capitals mean nothing there.
func (m mail) here(a Address) (Address, error) {
	there, err := isThere(m.ctx, m.tx, `select from domains where name = $1`, string(a.Domain))
	if there {
		a.Local = strings.ToLower(a.Local)
	}
	return a, err
}

// next are the addresses that mail for one is passed on to: by its own aliases, or by its domain's catch-all if it is
// neither an account nor an alias. By is the alias that does it.
func (m mail) next(address string) (by string, to []string, err error) {
	local, domain, _ := strings.Cut(address, "@")
	local, _, _ = strings.Cut(local, "+") // a tag is for who gets it
	err = m.tx.QueryRow(m.ctx, `select coalesce(min(a.local_part), '') || '@' || $1,
		coalesce(array_agg(lower(a.destination) order by lower(a.destination)), '{}')
		from domains d join aliases a on a.domain_id = d.id and a.enabled and a.local_part = case when exists (
			select from accounts where domain_id = d.id and local_part = $2
			union all select from aliases where domain_id = d.id and local_part = $2) then $2 else '*' end
		where d.name = $1`, domain, local).Scan(&by, &to)
	return by, to, err
}

// circle is the way from an alias back to itself, or nil.
func (m mail) circle(from Address) ([]string, error) {
	seen := map[string]bool{}
	var walk func(at string, way []string) ([]string, error)
	walk = func(at string, way []string) ([]string, error) {
		by, to, err := m.next(at)
		if err != nil || len(to) == 0 {
			return nil, err
		}
		if by != at {
			way = append(way, by)
		}
		if by == from.String() && len(way) > 1 {
			return way, nil
		}
		if seen[by] {
			return nil, nil
		}
		seen[by] = true
		for _, next := range to {
			if found, err := walk(next, append(slices.Clone(way), next)); found != nil || err != nil {
				return found, err
			}
		}
		return nil, nil
	}
	return walk(from.String(), []string{from.String()})
}

// AliasRow is one destination of an alias.
type AliasRow struct {
	Address     string `json:"address"`
	Destination string `json:"destination"`
	Enabled     bool   `json:"enabled"`
}

// Aliases are the aliases of a domain, or of all for "".
func Aliases(ctx context.Context, conn Conn, of Domain) ([]AliasRow, error) {
	if of != "" {
		if _, err := domainID(ctx, conn, of); err != nil {
			return nil, wrapped(err, "list aliases")
		}
	}
	list, err := collect[AliasRow](ctx, conn, `select a.local_part || '@' || d.name, a.destination, a.enabled
		from aliases a join domains d on d.id = a.domain_id where $1 in ('', d.name)
		order by d.name, a.local_part = '*', a.local_part, a.destination`, string(of))
	return list, wrapped(err, "list aliases")
}

// AliasDestinations are what an alias passes mail to; there is at least one, or a refusal.
func AliasDestinations(ctx context.Context, conn Conn, from Address) ([]string, error) {
	if _, err := domainID(ctx, conn, from.Domain); err != nil {
		return nil, wrapped(err, "look up alias %q", from)
	}
	to, err := column(ctx, conn, `select a.destination from aliases a join domains d on d.id = a.domain_id
		where d.name = $1 and a.local_part = $2 order by 1`, string(from.Domain), from.Local)
	if err == nil && len(to) == 0 {
		return nil, refuse("there is no alias %s; see: mage alias:list -of=%s", from, string(from.Domain))
	}
	return to, wrapped(err, "look up alias %q", from)
}

// RemoveAlias stops passing mail for an address to those, without which it refuses.
func RemoveAlias(ctx context.Context, conn Conn, from Address, to []string) error {
	tag, err := conn.Exec(ctx, `delete from aliases a using domains d
		where d.id = a.domain_id and d.name = $1 and a.local_part = $2 and a.destination = any($3)`,
		string(from.Domain), from.Local, to)
	if err == nil && tag.RowsAffected() == 0 {
		err = refuse("alias %s is not there any more", from)
	}
	return wrapped(err, "remove alias %q", from)
}

// Chosen are those of the destinations that are meant: all for "", or the one.
func Chosen(from Address, all []string, one string) ([]string, error) {
	if one == "" {
		return all, nil
	}
	to, err := ParseDestination(one)
	if err != nil {
		return nil, err
	}
	for _, destination := range all {
		if strings.EqualFold(destination, to.String()) {
			return []string{destination}, nil
		}
	}
	return nil, refuse("alias %s does not pass mail to %s, but to %s", from, to, join(all))
}

// join names things in words.
func join(list []string) string { return strings.Join(list, ", ") }
