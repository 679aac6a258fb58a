package stack

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/poststack/poststack/pkg/backup"
)

// The members of a backup.
const (
	rolesMember  = "roles.sql"     // roles that the database knows, and settings of it
	schemaMember = "schema.sql"    // pg_dump --schema-only, to compare with
	dumpMember   = "database.dump" // pg_dump --format=custom, which is compressed
)

// snapshot is one moment of a database, which sessions besides its own can look at while it lasts.
type snapshot struct {
	tx pgx.Tx
	id string
}

// atOneMoment looks at the database as it is now, whatever is written meanwhile.
func atOneMoment(ctx context.Context, conn *pgx.Conn, do func(snapshot) error) error {
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	moment := snapshot{tx: tx}
	if err := tx.QueryRow(ctx, `select pg_export_snapshot()`).Scan(&moment.id); err != nil {
		return fmt.Errorf("take snapshot: %w", err)
	}
	return do(moment)
}

// header is what the server says of the database.
func (m snapshot) header(ctx context.Context) (h backup.Header, err error) {
	err = m.tx.QueryRow(ctx, `select current_database(), current_user, 
		split_part(current_setting('server_version'), ' ', 1),
		current_setting('server_version_num')::int / 10000, pg_encoding_to_char(encoding), datcollate
		from pg_database where datname = current_database()`).
		Scan(&h.Database, &h.User, &h.Server, &h.Major, &h.Encoding, &h.Collation)
	return h, err
}

// tablesSQL are the tables, apart from those of extensions, whose content pg_dump leaves out.
const tablesSQL = ` from pg_class c join pg_namespace n on n.oid = c.relnamespace
	where c.relkind = 'r' and c.relpersistence <> 't' and n.nspname <> 'information_schema' and n.nspname !~ '^pg_'
	and not exists (select from pg_depend where classid = 'pg_class'::regclass and objid = c.oid and deptype = 'e')`

// countRows counts the rows of each table.
func countRows(ctx context.Context, tx pgx.Tx) (map[string]int64, error) {
	rows, err := tx.Query(ctx, `select n.nspname, c.relname`+tablesSQL)
	if err != nil {
		return nil, err
	}
	type table struct{ Schema, Name string }
	tables, err := pgx.CollectRows(rows, pgx.RowToStructByPos[table])
	if err != nil {
		return nil, err
	}
	counts := map[string]int64{}
	for _, t := range tables {
		var n int64
		name := pgx.Identifier{t.Schema, t.Name}.Sanitize()
		if err := tx.QueryRow(ctx, `select count(*) from only `+name).Scan(&n); err != nil {
			return nil, fmt.Errorf("count rows of %s: %w", name, err)
		}
		counts[t.Schema+"."+t.Name] = n
	}
	return counts, nil
}

// rowsOf is how many rows there are in all.
func rowsOf(counts map[string]int64) (all int64) {
	for _, n := range counts {
		all += n
	}
	return all
}

// rowsDiffer names the first table that does not have as many rows as another count says; "" if there is none.
func rowsDiffer(want, got map[string]int64) string {
	for _, name := range append(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))...) {
		wanted, known := want[name]
		switch n, there := got[name]; {
		case !there:
			return fmt.Sprintf("table %s is missing", name)
		case !known:
			return fmt.Sprintf("there is a table %s besides", name)
		case n != wanted:
			return fmt.Sprintf("table %s has %d rows instead of %d", name, n, wanted)
		}
	}
	return ""
}

// rolesSQL makes the roles of a database, its settings, the comments on both and the grants on it anew. Roles are not
// in a dump, and what a dump grants to them needs them. They are those that the database refers to, on a server of our
// own all of them and what their owner is a member of; without that owner, and without the logins of services, which
// each stack makes for itself. Their passwords are there where the server shows them. A role that exists is left as it
// is.
const rolesSQL = `with own as (
  select oid as id, datacl, datconnlimit from pg_database where datname = current_database()),
wanted as (
  select r.* from %s r where rolname !~ '^pg_' and oid <> 10 and rolname <> $3 and rolname <> all ($1)
  and ($2 or exists (
    select from pg_shdepend, own where dbid = own.id and refclassid = 'pg_authid'::regclass and refobjid = r.oid))
),
setting as (
  select case when s.setrole = 0 then 'database %%2$I' when r.rolname = $3 then 'role %%1$I'
      else 'role ' || replace(quote_ident(r.rolname), '%%', '%%%%') end
    || case when s.setrole <> 0 and s.setdatabase <> 0 then ' in database %%2$I' else '' end as of,
    split_part(c, '=', 1) as name, substr(c, strpos(c, '=') + 1) as value
  from pg_db_role_setting s cross join own left join pg_roles r on r.oid = s.setrole, unnest(s.setconfig) c
  where s.setdatabase in (0, own.id)
  and (s.setrole = 0 or r.rolname = $3 or r.rolname in (select rolname from wanted))
),
said as (
  select 'database %%2$I' as of, description from own join pg_shdescription on objoid = id
  where classoid = 'pg_database'::regclass
  union all
  select case when r.rolname = $3 then 'role %%1$I' else 'role ' || replace(quote_ident(r.rolname), '%%', '%%%%') end,
    description from pg_roles r join pg_shdescription on objoid = r.oid
  where classoid = 'pg_authid'::regclass and (r.rolname = $3 or r.rolname in (select rolname from wanted))
),
statement as (
  select 'alter ' || of || ' set ' || name || ' to '
    || replace(case when name in ('local_preload_libraries', 'search_path', 'session_preload_libraries',
        'shared_preload_libraries', 'temp_tablespaces', 'unix_socket_directories')
      then value else quote_literal(value) end, '%%', '%%%%') as text
  from setting
  union all
  select 'comment on ' || of || ' is ' || replace(quote_literal(description), '%%', '%%%%') from said
  union all
  select 'alter database %%2$I connection limit ' || datconnlimit from own where datconnlimit >= 0
)
select coalesce(string_agg(line, E'\n' order by place, line) || E'\n', '') from (
  select 1 as place, format('do $make$ begin if not exists (select from pg_roles where rolname = %%1$L) '
    'then create role %%1$I%%2$s; end if; end $make$;', rolname,
    case when rolsuper then ' superuser' else '' end || case when rolinherit then '' else ' noinherit' end
    || case when rolcreaterole then ' createrole' else '' end || case when rolcreatedb then ' createdb' else '' end
    || case when rolcanlogin then ' login' else '' end || case when rolreplication then ' replication' else '' end
    || case when rolbypassrls then ' bypassrls' else '' end
    || case when rolconnlimit >= 0 then ' connection limit ' || rolconnlimit else '' end
    || coalesce(' password ' || quote_literal(nullif(rolpassword, '********')), '')
    || coalesce(' valid until ' || quote_literal(rolvaliduntil), '')) as line
  from wanted
  union all
  select 2, format('grant %%I to %%s%%s;', g.rolname, case when m.rolname = $3 then 'current_user'
      else quote_ident(m.rolname) end, case when admin_option then ' with admin option' else '' end)
  from pg_auth_members a join pg_roles g on g.oid = a.roleid join pg_roles m on m.oid = a.member
  where (g.rolname ~ '^pg_' or g.oid in (select oid from wanted)) and (m.oid in (select oid from wanted)
  or m.rolname = $3 and $2 and (to_jsonb(a) -> 'set_option') is distinct from 'false')
  union all
  select 3, format('do $make$ begin execute format(%%L, current_user, current_database()); end $make$;', text)
  from statement
  union all
  select 4, format('do $make$ begin execute format(%%L, current_database()); end $make$;',
    'revoke all on database %%I from public')
  from own where datacl is not null
  union all
  select 5, format('do $make$ begin execute format(%%L, current_database()); end $make$;',
    'grant ' || privilege_type || ' on database %%I to '
    || case when grantee = 0 then 'public' else replace(quote_ident(w.rolname), '%%', '%%%%') end
    || case when is_grantable then ' with grant option' else '' end)
  from own cross join aclexplode(own.datacl) left join wanted w on w.oid = grantee
  where grantee = 0 or w.oid is not null
) lines`

// rolesQuery is that for a database of owner.
func rolesQuery(from, owner string, ours bool, without []string) string {
	quoted := make([]string, len(without))
	for i, name := range without {
		quoted[i] = quoteText(name)
	}
	return strings.NewReplacer("$1", "array["+strings.Join(quoted, ",")+"]::text[]", "$2", strconv.FormatBool(ours),
		"$3", quoteText(owner)).Replace(fmt.Sprintf(rolesSQL, from))
}

// quoteText writes a string as SQL has it.
func quoteText(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// roles is what that gives.
func (m snapshot) roles(ctx context.Context, owner string, ours bool, without []string) (text string, err error) {
	var super bool
	if err := m.tx.QueryRow(ctx, `select rolsuper from pg_roles where rolname = current_user`).Scan(&super); err != nil {
		return "", err
	}
	from := "pg_roles"
	if super { // who alone may see passwords
		from = "pg_authid"
	}
	if err := m.tx.QueryRow(ctx, rolesQuery(from, owner, ours, without)).Scan(&text); err != nil {
		return "", fmt.Errorf("read roles: %w", err)
	}
	return text, nil
}

// makeRoles makes the roles that the dump grants to. One of another name than ours who owned the database owns it until
// [trial.finish]: grants are compared as they were.
func (t *trial) makeRoles(ctx context.Context, conn *pgx.Conn, owner string, r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if owner != t.target.User {
		text = append(text, fmt.Sprintf("create role %s;\n", pgx.Identifier{owner}.Sanitize())...)
	}
	if _, err := conn.PgConn().Exec(ctx, string(text)).ReadAll(); err != nil {
		return fmt.Errorf("make roles: %w", err)
	}
	return nil
}

// plain writes a text.
func plain(text string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	}
}
