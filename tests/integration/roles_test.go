package integration_test

import (
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// rights are what the roles of the services may do: nothing else, on no table, in no column, by no function.
func rights() map[string][]string {
	common := []string{"SELECT services", "SELECT settings"}
	with := func(more ...string) []string {
		return slices.Sorted(slices.Values(append(slices.Clone(common), more...)))
	}
	return map[string][]string{
		"poststack_apache": with("SELECT domains", "SELECT certificates", "EXECUTE poststack_web_login"),
		"poststack_bind":   with("SELECT dns_zones", "SELECT dns_records", "SELECT dns_challenges"),
		"poststack_certbot": with("SELECT domains", "SELECT certificates",
			"SELECT dns_zones", "SELECT dns_records", "SELECT dns_challenges",
			"UPDATE certificates(fingerprint_sha256)", "UPDATE certificates(issuer)", "UPDATE certificates(last_error)",
			"UPDATE certificates(not_after)",
			"UPDATE certificates(not_before)", "UPDATE certificates(revoked_at)", "UPDATE certificates(serial_number)",
			"UPDATE certificates(status)",
			"UPDATE certificates(tried_at)", "UPDATE certificates(wanted_at)"),
		"poststack_dovecot": with("SELECT domains", "SELECT accounts", "SELECT aliases", "SELECT certificates"),
		"poststack_nginx":   with("SELECT domains", "SELECT certificates"),
	}
}

// held are all rights of a role: those on tables and views, those on single columns that its tables do not give,
// those on functions that run with the rights of their owner, except triggers, which nobody can call, and the right
// to make something.
const held = `
with made as (
	select c.oid, c.relname::text, c.relkind from pg_class c join pg_namespace n on n.oid = c.relnamespace
	where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
), kinds as (
	select unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) as kind
)
select kind || ' ' || relname from made, kinds where relkind <> 'S' and has_table_privilege($1, oid, kind)
union all
select kind || ' ' || relname from made, unnest(array['USAGE', 'SELECT', 'UPDATE']) kind where relkind = 'S'
and has_sequence_privilege($1, oid, kind)
union all
select kind || ' ' || relname || '(' || attname || ')' from made, kinds, pg_attribute
where attrelid = made.oid and attnum > 0 and not attisdropped and relkind <> 'S'
and kind in ('SELECT', 'INSERT', 'UPDATE', 'REFERENCES')
	and has_column_privilege($1, made.oid, attnum, kind) and not has_table_privilege($1, made.oid, kind)
union all
select 'EXECUTE ' || p.proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace
where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and p.prosecdef and p.prorettype <> 'trigger'::regtype
and has_function_privilege($1, p.oid, 'EXECUTE')
union all
select 'CREATE in ' || nspname from pg_namespace where has_schema_privilege($1, oid, 'CREATE')
union all
select 'CREATE a schema' where has_database_privilege($1, current_database(), 'CREATE')
union all
select 'be ' || g.rolname from pg_roles g where g.rolname <> $1 and pg_has_role($1, g.oid, 'MEMBER')
union all
select 'more than others' from pg_roles
where rolname = $1 and (rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls or rolcanlogin)
order by 1`

// leastPrivilege holds each role of a service to what it needs, by what the server says of it and by trying.
func leastPrivilege(x *tables) {
	x.domain("example.org")
	x.account("ada@example.org")
	rows, err := x.conn.Query(x.Context(), `select rolname from pg_roles where rolname ~ '^poststack_'`)
	require.NoError(x, err)
	roles, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(x, err)
	for _, role := range roles {
		require.Contains(x, rights(), role, "a new role belongs into this test")
		rows, err := x.conn.Query(x.Context(), held, role)
		require.NoError(x, err)
		has, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(x, err)
		assert.Equal(x, rights()[role], has, role)
		x.Run(role, func(t *testing.T) { refusedTo(t, x.conn, role) })
	}
	assert.Len(x, roles, len(rights()))
}

// refusedTo tries what no service may do, and what only some may.
func refusedTo(t *testing.T, conn *pgx.Conn, role string) {
	t.Helper()
	try := func(sql string) error {
		tx, err := conn.Begin(t.Context())
		require.NoError(t, err)
		defer func() { assert.NoError(t, tx.Rollback(t.Context())) }()
		_, err = tx.Exec(t.Context(), "set local role "+role)
		require.NoError(t, err)
		_, err = tx.Exec(t.Context(), sql)
		return err
	}
	for _, sql := range []string{
		`insert into domains (name) values ('x.example.org')`, `update domains set enabled = false`,
		`delete from certificates`,
		`update accounts set password_hash = 'x'`, `update settings set value = '1'`, `delete from dns_records`,
		`truncate aliases`,
		`create table mine (id int)`, `alter table domains add column mine int`,
		`update certificates set names = '{x.example.org}'`,
		`copy domains to program 'id'`,
	} {
		assert.Error(t, try(sql), sql)
	}
	for sql, may := range map[string]string{
		`select password_hash from accounts`:                      "poststack_dovecot",
		`select hash from poststack_web_login('ada@example.org')`: "poststack_apache",
		`update certificates set last_error = ''`:                 "poststack_certbot",
	} {
		if err := try(sql); role == may {
			assert.NoError(t, err, sql)
		} else {
			assert.ErrorContains(t, err, "permission denied", sql)
		}
	}
}
