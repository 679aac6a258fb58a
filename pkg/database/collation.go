package database

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Collations tells of each database of the server, and of each collation in use in the one connected to, whose text was
// sorted by another version of the C library or ICU than the server has now: its indexes may miss rows. PostgreSQL
// itself warns of a database only who connects to it by psql, once.
//
// Source: PostgreSQL manual, ALTER DATABASE and ALTER COLLATION, "Notes"; a provider that has no versions (C.UTF-8) can
// not be refreshed, "invalid collation version change".
func Collations(ctx context.Context, conn *pgx.Conn) ([]string, error) {
	const query = `select 'database', format('%I', datname), datcollversion, pg_database_collation_actual_version(oid),
			format('reindex database %I; alter database %1$I refresh collation version', datname),
			format('update pg_database set datcollversion = null where datname = %L', datname)
		from pg_database where datcollversion is not null
		union all
		select 'collation', oid::regcollation::text, collversion, pg_collation_actual_version(oid),
			format('reindex database %I; alter collation %s refresh version', current_database(), oid::regcollation),
			format('update pg_collation set collversion = null where oid = %s', oid)
		from pg_collation c where collversion is not null
			and exists (select from pg_depend d where d.refclassid = 'pg_collation'::regclass and d.refobjid = c.oid)
		order by 1 desc, 2`
	var number int
	if err := conn.QueryRow(ctx, `select current_setting('server_version_num')::int`).Scan(&number); err != nil ||
		number < 150000 {
		return nil, err // before 15, no database had one
	}
	rows, err := conn.Query(ctx, query)
	if err != nil {
		return nil, err
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[collation])
	var out []string
	for _, c := range all {
		if text := c.warning(); text != "" {
			out = append(out, text)
		}
	}
	return out, err
}

// collation is what has a version of its own, as the server recorded it and as it would now.
type collation struct {
	Kind, Name, Recorded string
	Actual               *string // nil if the provider has no versions
	Refresh, Forget      string  // what mends a version that has changed, or is gone
}

// warning is one line; "" if nothing has changed.
func (c collation) warning() string {
	switch {
	case c.Actual == nil:
		return fmt.Sprintf("%s %s has collation version %s recorded, and its sort order has none now; no index depends "+
			"on it: %s",
			c.Kind, c.Name, c.Recorded, c.Forget)
	case *c.Actual != c.Recorded:
		return fmt.Sprintf("%s %s was sorted by collation version %s, and the server has %s now: indexes on text may miss "+
			"rows: %s",
			c.Kind, c.Name, c.Recorded, *c.Actual, c.Refresh)
	default:
		return ""
	}
}
