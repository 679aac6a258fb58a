package schema

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"
)

// recorded is what Liquibase, and Poststack's launcher, have written down in a database.
type recorded struct {
	server int // version of the server, such as 150018
	rows   []row
	lock   *Lock    // nil if the row is not set
	partly *Partly  // nil if no changeset outside a transaction was left unfinished
	tables []string // what stands in the schema although nothing is recorded
	bare   bool     // nothing is recorded, and nothing else is there either
}

// has tells whether the changeset of that identity is recorded.
func (r recorded) has(k key) bool {
	return slices.ContainsFunc(r.rows, func(w row) bool { return w.key == k })
}

// Partly is a changeset with runInTransaction:false that has begun and was never recorded as done: parts of it may
// be in the database. The launcher writes it down before the first statement.
type Partly struct {
	File    string `json:"file"`
	ID      string `json:"id"`
	Author  string `json:"author"`
	Ran     *int   `json:"ran"`     // how many of its statements had run; nil if it is not known
	Indexes string `json:"indexes"` // invalid indexes that it has left
}

// String is what is known of it, in one line.
func (p Partly) String() string {
	text := fmt.Sprintf("changeset %s (%s) of %s is partly applied: ", p.ID, p.Author, p.File)
	switch {
	case p.Ran == nil:
		text += "an update ended while it ran outside a transaction; how much of it is in the database is not known"
	case *p.Ran == 0:
		text += "it failed in its first statement"
	default:
		text += fmt.Sprintf("the first %d of its statements have run and stay", *p.Ran)
	}
	if p.Indexes != "" {
		text += "; it left the invalid index " + p.Indexes
	}
	return text
}

func (p Partly) key() key { return newKey(p.File, p.ID, p.Author) }

// row is an applied changeset.
type row struct {
	key
	md5, exec string
	order     int
}

// status is the row as a changeset of which nothing else is known.
func (w row) status() Status {
	will := Ran
	if w.exec == "MARK_RAN" {
		will = Marked
	}
	return Status{Changeset{File: w.file, ID: w.id, Author: w.author}, will}
}

// state is the state of a changelog that was not read.
func (r recorded) state() State {
	s := State{Recorded: len(r.rows), Lock: r.lock, Standing: r.tables, Estimated: true}
	for _, w := range r.rows {
		s.Unknown = append(s.Unknown, w.status())
	}
	if r.partly != nil && !slices.ContainsFunc(r.rows, func(w row) bool { return w.key == r.partly.key() }) {
		s.Partly = r.partly
	}
	s.Kind = s.kind()
	return s
}

// Lock is the row in Liquibase's lock table.
type Lock struct {
	By    string    // as Liquibase spells it: "host (address)"
	Since time.Time // by the clock and in the time zone of the machine that set it
}

func (l Lock) String() string {
	text := cmp.Or(l.By, "an unnamed client")
	if !l.Since.IsZero() {
		text += ", since " + l.Since.Format("2006-01-02 15:04:05")
	}
	return text
}

const (
	changelogTable = "databasechangelog"
	lockTable      = "databasechangeloglock"
)

// read asks for everything that Liquibase has recorded in the connection's schema, and only there: a table of
// that name further down the search path is not the one that Liquibase uses.
func read(ctx context.Context, conn *pgx.Conn) (recorded, error) {
	var r recorded
	var logThere, lockThere bool
	var comment string
	schema, err := currentSchema(ctx, conn)
	if err != nil {
		return recorded{}, err
	}
	err = conn.QueryRow(ctx, `select to_regclass($1) is not null, to_regclass($2) is not null,
		coalesce(obj_description(to_regclass($1), 'pg_class'), ''), current_setting('server_version_num')::int`,
		schema+"."+changelogTable, schema+"."+lockTable).Scan(&logThere, &lockThere, &comment, &r.server)
	if err != nil {
		return recorded{}, fmt.Errorf("read schema state: %w", err)
	}
	if lockThere {
		if r.lock, err = readLock(ctx, conn, schema); err != nil {
			return recorded{}, err
		}
	}
	if logThere {
		r.rows, err = readRows(ctx, conn, schema)
	}
	if err == nil && len(r.rows) == 0 {
		r.tables, r.bare, err = standing(ctx, conn)
	}
	if text, found := strings.CutPrefix(comment, partlyPrefix); found {
		r.partly = &Partly{}
		if json.Unmarshal([]byte(text), r.partly) != nil {
			r.partly = nil
		}
	}
	return r, err
}

// partlyPrefix begins the comment on Liquibase's table that holds a [Partly]. See Outside.java.
const partlyPrefix = "poststack partly applied: "

func readRows(ctx context.Context, conn *pgx.Conn, schema string) ([]row, error) {
	rows, _ := conn.Query(ctx, `select filename, id, author, coalesce(md5sum, ''), coalesce(exectype, ''),
		coalesce(orderexecuted, 0)
		from `+schema+`.`+changelogTable+` order by orderexecuted, dateexecuted, id`) // CollectRows returns its error
	list, err := pgx.CollectRows(rows, func(c pgx.CollectableRow) (w row, err error) {
		var file, id, author string
		err = c.Scan(&file, &id, &author, &w.md5, &w.exec, &w.order)
		w.key = newKey(file, id, author)
		return w, err
	})
	if err != nil {
		return nil, fmt.Errorf("read schema state: %w", err)
	}
	return list, nil
}

// currentSchema is the schema that new tables go to, quoted.
func currentSchema(ctx context.Context, conn *pgx.Conn) (string, error) {
	var name *string
	if err := conn.QueryRow(ctx, `select quote_ident(current_schema())`).Scan(&name); err != nil {
		return "", fmt.Errorf("read current schema: %w", err)
	}
	if name == nil {
		return "", fmt.Errorf("read current schema: no schema of the search path exists")
	}
	return *name, nil
}

func readLock(ctx context.Context, conn *pgx.Conn, schema string) (*Lock, error) {
	lock := &Lock{}
	err := conn.QueryRow(ctx, `select lockgranted, lockedby from `+schema+`.`+lockTable+` where locked limit 1`).
		Scan((*zeronull.Timestamp)(&lock.Since), (*zeronull.Text)(&lock.By))
	if err == pgx.ErrNoRows { //nolint:errorlint // pgx returns it as it is
		return nil, nil //nolint:nilnil // not locked
	}
	if err != nil {
		return nil, fmt.Errorf("read lock of the changelog: %w", err)
	}
	return lock, nil
}

// standing lists the tables of the connection's schema, without Liquibase's own; the first hundred. bare tells that the
// database holds nothing at all but what it was made with.
func standing(ctx context.Context, conn *pgx.Conn) (tables []string, bare bool, err error) {
	rows, _ := conn.Query(ctx, `select c.relname::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where n.nspname = current_schema() and c.relkind in ('r', 'p', 'f')
		and c.relname not in ('`+changelogTable+`', '`+lockTable+`') order by 1 limit 100`)
	tables, err = pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, false, fmt.Errorf("list tables: %w", err)
	}
	err = conn.QueryRow(ctx, `with own as (select oid from pg_namespace
			where nspname !~ '^pg_' and nspname <> 'information_schema')
		select not exists (select from own where oid >= 16384)
		and not exists (select from pg_extension where oid >= 16384)
		and not exists (select from pg_proc join own on own.oid = pronamespace)
		and not exists (select from pg_type join own on own.oid = typnamespace
			where typname !~ '^_?`+changelogTable+`(lock)?$')`).Scan(&bare)
	if err != nil {
		return nil, false, fmt.Errorf("look for objects: %w", err)
	}
	return tables, bare, nil
}

// clearLock takes back the lock of a client that is gone. It tells whether that lock was still the one set.
func clearLock(ctx context.Context, conn *pgx.Conn, lock Lock) (cleared bool, err error) {
	schema, err := currentSchema(ctx, conn)
	if err != nil {
		return false, err
	}
	tag, err := conn.Exec(ctx, `update `+schema+`.`+lockTable+` set locked = false, lockgranted = null, lockedby = null
		where locked and coalesce(lockedby, '') = $1 and lockgranted is not distinct from $2::timestamp`,
		lock.By, zeronull.Timestamp(lock.Since))
	if err != nil {
		return false, fmt.Errorf("release lock of the changelog: %w", err)
	}
	return tag.RowsAffected() > 0, nil
}
