package schema

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// recorded is what Liquibase has written down in a database.
type recorded struct {
	tables bool // Liquibase's table is there
	rows   []row
	mark   string // fingerprint that was stored
	lock   *Lock  // nil if the row is not set
}

// row is an applied changeset.
type row struct {
	key
	md5, exec, contexts, labels string
}

// Lock is the row in Liquibase's lock table.
type Lock struct {
	By    string    // as Liquibase spells it: "host (address)"
	Since time.Time // by the clock and in the time zone of the machine that set it
}

func (l Lock) String() string {
	text := first(l.By, "an unnamed client")
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
	var lockThere bool
	const find = `select to_regclass(t.log) is not null, to_regclass(t.lock) is not null,
			coalesce(obj_description(to_regclass(t.log), 'pg_class'), '')
		from (select quote_ident(current_schema()) || '.` + changelogTable + `' as log,
			quote_ident(current_schema()) || '.` + lockTable + `' as lock) t`
	if err := conn.QueryRow(ctx, find).Scan(&r.tables, &lockThere, &r.mark); err != nil {
		return recorded{}, fmt.Errorf("read schema state: %w", err)
	}
	schema, err := currentSchema(ctx, conn)
	if err != nil {
		return recorded{}, err
	}
	if lockThere {
		if r.lock, err = readLock(ctx, conn, schema); err != nil {
			return recorded{}, err
		}
	}
	if !r.tables {
		return r, nil
	}
	rows, err := conn.Query(ctx, `select filename, id, author, coalesce(md5sum, ''), coalesce(exectype, ''),
		coalesce(contexts, ''), coalesce(labels, '') from `+schema+`.`+changelogTable+` order by orderexecuted, dateexecuted, id`)
	if err != nil {
		return recorded{}, fmt.Errorf("read schema state: %w", err)
	}
	r.rows, err = pgx.CollectRows(rows, func(c pgx.CollectableRow) (w row, err error) {
		err = c.Scan(&w.file, &w.id, &w.author, &w.md5, &w.exec, &w.contexts, &w.labels)
		return w, err
	})
	if err != nil {
		return recorded{}, fmt.Errorf("read schema state: %w", err)
	}
	return r, nil
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
	var since *time.Time
	var by *string
	err := conn.QueryRow(ctx, `select lockgranted, lockedby from `+schema+`.`+lockTable+` where locked limit 1`).Scan(&since, &by)
	if err == pgx.ErrNoRows { //nolint:errorlint // pgx returns it as it is
		return nil, nil //nolint:nilnil // not locked
	}
	if err != nil {
		return nil, fmt.Errorf("read lock of the changelog: %w", err)
	}
	lock := &Lock{}
	if since != nil {
		lock.Since = *since
	}
	if by != nil {
		lock.By = *by
	}
	return lock, nil
}

// standing lists those of tables that exist in the connection's schema.
func standing(ctx context.Context, conn *pgx.Conn, tables []string) ([]string, error) {
	rows, err := conn.Query(ctx, `select c.relname::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where n.nspname = current_schema() and c.relkind in ('r', 'p', 'v', 'm', 'f') and c.relname = any($1) order by 1`, tables)
	if err != nil {
		return nil, fmt.Errorf("list tables: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("list tables: %w", err)
	}
	return names, nil
}

// markPrefix begins the comment on Liquibase's table that holds the fingerprint; its number changes with what
// the fingerprint covers.
const markPrefix = "poststack fingerprint 1: "

// fingerprint stands for everything that decides what an update would do. Equal ones mean: nothing.
func fingerprint(c *Changelog, rows []row, image, contexts, labels string) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%q\n%q\n%q\n", c.Digest(), image, contexts, labels)
	for _, r := range rows {
		fmt.Fprintf(h, "%q\n", []string{r.file, r.id, r.author, r.md5, r.exec, r.contexts, r.labels})
	}
	return markPrefix + hex.EncodeToString(h.Sum(nil))
}

// writeMark stores a fingerprint as the comment on Liquibase's table. It goes when the table goes, and comes
// along in a dump.
func writeMark(ctx context.Context, conn *pgx.Conn, mark string) error {
	schema, err := currentSchema(ctx, conn)
	if err != nil {
		return err
	}
	if strings.ContainsAny(mark, `'\`) {
		return fmt.Errorf("store fingerprint: %q cannot be quoted", mark)
	}
	if _, err := conn.Exec(ctx, `comment on table `+schema+`.`+changelogTable+` is '`+mark+`'`); err != nil {
		return fmt.Errorf("store fingerprint: %w", err)
	}
	return nil
}

// clearLock takes back the lock of a client that is gone. It tells whether that lock was still the one set.
func clearLock(ctx context.Context, conn *pgx.Conn, lock Lock) (cleared bool, err error) {
	schema, err := currentSchema(ctx, conn)
	if err != nil {
		return false, err
	}
	var since *time.Time
	if !lock.Since.IsZero() {
		since = &lock.Since
	}
	tag, err := conn.Exec(ctx, `update `+schema+`.`+lockTable+` set locked = false, lockgranted = null, lockedby = null
		where locked and coalesce(lockedby, '') = $1 and lockgranted is not distinct from $2::timestamp`, lock.By, since)
	if err != nil {
		return false, fmt.Errorf("release lock of the changelog: %w", err)
	}
	return tag.RowsAffected() > 0, nil
}
