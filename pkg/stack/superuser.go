package stack

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// bootstrapSQL names the superuser that a server was made with, whom everybody may know.
const bootstrapSQL = `select rolname from pg_roles where oid = 10`

// outerSQL are the superusers that may sign in from outside. The one that a database is made with now may not.
const outerSQL = `select rolname from pg_roles where rolsuper and rolcanlogin
	and (oid <> 10 or rolname = current_user) order by 1`

// outerSuperusers are those of the own database; none if it is another one.
func (s *Stack) outerSuperusers(ctx context.Context, conn *pgx.Conn) ([]string, error) {
	if s.External() {
		return nil, nil
	}
	rows, _ := conn.Query(ctx, outerSQL) // its error is that of the rows
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// superuserRemedy is what to do about them.
func (s *Stack) superuserRemedy(names []string) string {
	if slices.Contains(names, s.Config.Database.User) {
		return "mage db:backup, then mage db:restore of that file: the user of a new volume is none"
	}
	return fmt.Sprintf("mage shell postgres, and there psql -U superuser -d %s: alter role NAME nosuperuser",
		s.Config.Database.Name)
}

// databaseRows tells of the database, and of those, if there are any.
func (s *Stack) databaseRows(report StatusReport, row func(what, state, more string)) {
	row("database", report.Answers, report.Database)
	if names := report.Superusers; len(names) > 0 {
		row("superuser", strings.Join(names, ", "), "signs in over the network; remedy: "+s.superuserRemedy(names))
	}
	row("schema", report.Schema, s.Config.Schema.Changelog)
	if c := report.Certificate; c != nil {
		row("certificate", c.String(), cmp.Or(c.Problem, c.From))
	}
}

// programs are those that read the database, and what to do when they have. They read our own as its superuser, who
// signs in inside the container alone; as the target's user what is not our own, a trial, and a database that was made
// when that user was the superuser.
func (b *taking) programs(ctx context.Context, conn *pgx.Conn) (c *client, done func() error, err error) {
	target := b.target
	if b.server != "" {
		if err := conn.QueryRow(ctx, bootstrapSQL).Scan(&target.User); err != nil {
			return nil, nil, err
		}
	}
	if target.User != b.target.User {
		c = &client{inside: inside{b.Stack, b.engine, b.server}, dbname: localName(target), super: true}
		return c, func() error { return nil }, nil
	}
	c, err = b.client(ctx, b.engine, b.image, b.target)
	return c, func() error { return removeIdle(ctx, c.engine, c.id) }, err
}

// ask has a query answered as text, at the moment that another session keeps.
func (c *client) ask(ctx context.Context, m snapshot, query string) (string, error) {
	var out bytes.Buffer
	err := c.run(ctx, &out, "psql", "--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set=ON_ERROR_STOP=1",
		"--command=begin read only, isolation level repeatable read",
		"--command=set transaction snapshot "+quoteText(m.id), "--command="+query)
	return out.String(), err
}

// roles is what makes the roles of a database of owner: see [rolesSQL].
func (c *client) roles(ctx context.Context, m snapshot, owner string, ours bool, without []string) (string, error) {
	if !c.super {
		return m.roles(ctx, owner, ours, without)
	}
	text, err := c.ask(ctx, m, rolesQuery("pg_authid", owner, ours, without))
	if err != nil {
		return "", fmt.Errorf("read roles: %w", err)
	}
	return text, nil
}

// count counts the rows of each table.
func (c *client) count(ctx context.Context, m snapshot) (counts map[string]int64, err error) {
	if !c.super {
		return countRows(ctx, m.tx)
	}
	text, err := c.ask(ctx, m, `select coalesce(json_object_agg(n.nspname || '.' || c.relname,
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
