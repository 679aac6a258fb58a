package hosting

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// DomainOptions are what a domain is added with.
type DomainOptions struct {
	Mail, Web, DNS bool
	WebRoot        string // "" is the default place
}

// AddDomain adds a domain, and with DNS a zone for it, unless a zone above has its names already. It returns the zone's
// name, or "" if no DNS was asked for.
func AddDomain(ctx context.Context, conn Conn, name Domain, o DomainOptions) (zone string, err error) {
	if !o.Mail && !o.Web && !o.DNS {
		return "", refuse("domain %q would serve nothing; take one or more of -mail, -web and -dns", name)
	}
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		there, err := isThere(ctx, tx, `select from domains where name = $1`, string(name))
		if err != nil {
			return err
		}
		if there {
			return refuse("domain %s is there already; see: mage domain:list", name)
		}
		// A zone that was there before becomes the domain's own.
		if _, err := tx.Exec(ctx, `with added as (insert into domains (name, serves_mail, serves_web, web_root)
			values ($1, $2, $3, nullif($4, '')) returning id)
			update dns_zones set domain_id = added.id from added where name = $1 and domain_id is null`,
			string(name), o.Mail, o.Web, o.WebRoot); err != nil || !o.DNS {
			return err
		}
		zone, err = zoneAbove(ctx, tx, name)
		if err != nil || zone != "" {
			return err
		}
		zone = string(name)
		return insertZone(ctx, tx, ZoneOptions{Name: name})
	})
	return zone, wrapped(err, "add domain %q", name)
}

// isThere tells whether a query has a row.
func isThere(ctx context.Context, conn Conn, query string, args ...any) (there bool, err error) {
	err = conn.QueryRow(ctx, "select exists ("+query+")", args...).Scan(&there)
	return there, err
}

// DomainRow is a domain, and how many things it has.
type DomainRow struct {
	Name         Domain `json:"name"` // in its ASCII form
	Mail         bool   `json:"mail"`
	Web          bool   `json:"web"`
	Enabled      bool   `json:"enabled"`
	WebRoot      string `json:"web_root"` // "" for the default place
	Zone         string `json:"zone"`     // that has its names; "" if none here has
	Accounts     int    `json:"accounts"`
	Aliases      int    `json:"aliases"`
	Certificates int    `json:"certificates"`
}

// Domains are all domains by name.
func Domains(ctx context.Context, conn Conn) ([]DomainRow, error) {
	list, err := collect[DomainRow](ctx, conn, `
		select d.name, d.serves_mail, d.serves_web, d.enabled, coalesce(d.web_root, ''),
			coalesce((select z.name from dns_zones z where z.name = d.name or right(d.name, length(z.name) + 1) = '.' || z.name
				order by length(z.name) desc limit 1), ''),
			(select count(*) from accounts a where a.domain_id = d.id),
			(select count(*) from aliases a where a.domain_id = d.id),
			(select count(*) from certificates c where c.domain_id = d.id)
		from domains d order by d.name`)
	return list, wrapped(err, "list domains")
}

// collect reads rows into values, by position.
func collect[T any](ctx context.Context, conn Conn, query string, args ...any) ([]T, error) {
	rows, err := conn.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[T])
}

// column reads the only column of a query.
func column(ctx context.Context, conn Conn, query string, args ...any) ([]string, error) {
	rows, err := conn.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// Dependents are what goes with something, or keeps it from going, a line for each.
type Dependents struct {
	Keep []string // while they are there it is not removed, unless all is asked for
	Go   []string // what goes with it
}

// DomainDependents are what belongs to a domain, and the aliases elsewhere that pass mail to it.
func DomainDependents(ctx context.Context, conn Conn, name Domain) (d Dependents, err error) {
	id, err := domainID(ctx, conn, name)
	if err != nil {
		return d, wrapped(err, "look up domain %q", name)
	}
	d.Keep, err = column(ctx, conn, `
		select 'account ' || local_part || '@' || $2 from (select local_part from accounts where domain_id = $1 order by 1) a
		union all select 'certificate for ' || array_to_string(names, ', ') from certificates where domain_id = $1
		union all (select 'alias ' || a.local_part || '@' || o.name || ' → ' || a.destination from aliases a
		join domains o on o.id = a.domain_id
			where lower(a.destination) like '%@' || $2 and a.domain_id <> $1 order by 1)`, id, string(name))
	if err != nil {
		return d, wrapped(err, "look up what depends on domain %q", name)
	}
	d.Go, err = column(ctx, conn, `
		select 'alias ' || local_part || '@' || $2 || ' → ' || destination from (select local_part, destination from aliases
		where domain_id = $1 order by 1, 2) a
		union all select 'zone ' || z.name || ' with ' || (select count(*) from dns_records r
		where r.zone_id = z.id) || ' records'
			from dns_zones z where z.domain_id = $1`, id, string(name))
	return d, wrapped(err, "look up what depends on domain %q", name)
}

// RemoveDomain removes a domain with its aliases and its zone; with all, also its accounts, its certificates and the
// aliases elsewhere that pass mail to it. Without all it refuses while there are some.
func RemoveDomain(ctx context.Context, conn Conn, name Domain, all bool) error {
	err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		id, err := domainID(ctx, tx, name)
		if err != nil {
			return err
		}
		// As the rows that keep it are told of before, so are those that came meanwhile.
		if _, err := tx.Exec(ctx, `select from domains where id = $1 for update`, id); err != nil {
			return err
		}
		depends, err := DomainDependents(ctx, tx, name)
		if err != nil {
			return err
		}
		if len(depends.Keep) > 0 && !all {
			return &RefusedError{Lines(fmt.Sprintf("domain %s is in use, and -all would remove this with it", name),
				depends.Keep)}
		}
		for _, statement := range []string{
			`delete from accounts where domain_id = $1`,
			`delete from certificates where domain_id = $1`,
			`delete from aliases where lower(destination) like '%@' || (select name from domains where id = $1)`,
			`delete from dns_zones where domain_id = $1`,
			`delete from domains where id = $1`,
		} {
			if _, err := tx.Exec(ctx, statement, id); err != nil {
				return err
			}
		}
		return nil
	})
	return wrapped(err, "remove domain %q", name)
}

// EnableDomain takes a domain into service, or out of it with all that it has.
func EnableDomain(ctx context.Context, conn Conn, name Domain, enabled bool) (changed bool, err error) {
	id, err := domainID(ctx, conn, name)
	if err != nil {
		return false, wrapped(err, "change domain %q", name)
	}
	tag, err := conn.Exec(ctx, `update domains set enabled = $2 where id = $1 and enabled <> $2`, id, enabled)
	return tag.RowsAffected() > 0, wrapped(err, "change domain %q", name)
}

// domainID is the key of a domain, or a refusal with those that are there.
func domainID(ctx context.Context, conn Conn, name Domain) (id int64, err error) {
	err = conn.QueryRow(ctx, `select id from domains where name = $1`, string(name)).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, refuse("there is no domain %s; add it with: mage domain:add %s, or see: mage domain:list",
			name, string(name))
	}
	return id, err
}
