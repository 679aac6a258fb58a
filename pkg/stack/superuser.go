package stack

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// bootstrapSQL names the superuser that a server was made with, whom everybody may know.
const bootstrapSQL = `select rolname from pg_roles where oid = 10`

// superuser reads the own database as its superuser, who signs in inside the container alone, by programs that are
// run there.
type superuser struct{ client }

// superuser is nil where the user of the target reads it: what is not our own, a trial, and a database that was made
// when that user was the superuser.
func (b *taking) superuser(ctx context.Context, conn *pgx.Conn) (*superuser, error) {
	var name string
	if b.server == "" {
		return nil, nil //nolint:nilnil // see above
	}
	if err := conn.QueryRow(ctx, bootstrapSQL).Scan(&name); err != nil || name == b.target.User {
		return nil, err
	}
	target := b.target
	target.User = name
	return &superuser{client{inside: inside{b.Stack, b.engine, b.server}, dbname: localName(target)}}, nil
}

// ask has one query answered in a line or more, at the moment that another session keeps.
func (s *superuser) ask(ctx context.Context, m snapshot, query string) (string, error) {
	var out bytes.Buffer
	err := s.run(ctx, &out, "psql", "--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set=ON_ERROR_STOP=1",
		"--command=begin isolation level repeatable read read only",
		"--command=set transaction snapshot "+quoteText(m.id), "--command="+query)
	return out.String(), err
}

func (s *superuser) roles(
	ctx context.Context, m snapshot, owner string, ours bool, without []string,
) (string, error) {
	text, err := s.ask(ctx, m, rolesQuery("pg_authid", owner, ours, without))
	if err != nil {
		return "", fmt.Errorf("read roles: %w", err)
	}
	return text, nil
}

// count counts the rows of each table by one query.
func (s *superuser) count(ctx context.Context, m snapshot) (counts map[string]int64, err error) {
	text, err := s.ask(ctx, m, `select coalesce(json_object_agg(n.nspname || '.' || c.relname,
		(xpath('/row/n/text()', query_to_xml(format('select count(*) as n from only %I.%I', n.nspname, c.relname),
		false, true, '')))[1]::text::bigint), '{}')`+tablesSQL)
	if err == nil {
		err = json.Unmarshal([]byte(text), &counts)
	}
	if err != nil {
		return nil, fmt.Errorf("count rows: %w", err)
	}
	return counts, nil
}
