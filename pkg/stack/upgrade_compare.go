package stack

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// factsSQL is what a server says of itself and of the database, beside what a dump has and its text shows: each line a
// thing, and how it is. What begins with ~ belongs to the server's own files, and is not moved.
const factsSQL = `with own as (
  select d.*, to_jsonb(d) as j from pg_database d where datname = current_database()
)
select 'role ' || quote_ident(rolname), concat_ws(' ', rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin,
    rolreplication, rolbypassrls, rolconnlimit, rolvaliduntil, rolpassword)
  from pg_authid where rolname !~ '^pg_' and rolname <> current_user and oid <> 10
union all
select format('membership of %I in %I', m.rolname, g.rolname), admin_option::text from pg_auth_members a
  join pg_roles g on g.oid = roleid join pg_roles m on m.oid = member where m.rolname !~ '^pg_'
  and (m.rolname <> current_user or (to_jsonb(a) -> 'set_option') is distinct from 'false')
union all
select 'settings of ' || coalesce('role ' || quote_ident(r.rolname), 'the database')
    || case when setdatabase > 0 and setrole > 0 then ' in the database' else '' end, c
  from pg_db_role_setting cross join own left join pg_roles r on r.oid = setrole, unnest(setconfig) c
  where setdatabase in (0, own.oid)
union all
select 'encoding', pg_encoding_to_char(encoding) from own
union all
select 'collation', concat_ws(' ', datcollate, datctype, coalesce(j ->> 'datlocprovider', 'c'),
  coalesce(j ->> 'datlocale', j ->> 'daticulocale')) from own
union all
select 'owner of the database', quote_ident(pg_get_userbyid(datdba)) from own
union all
select 'grants on the database', concat_ws(' ', pg_get_userbyid(grantee), privilege_type, is_grantable)
  from own, aclexplode(coalesce(datacl, acldefault('d', datdba)))
union all
select 'connection limit of the database', datconnlimit::text from own
union all
select 'extension ' || quote_ident(extname), '' from pg_extension
union all
select format('sequence %I.%I', schemaname, sequencename), coalesce(last_value::text, 'unused') from pg_sequences
union all
select 'large objects', count(*)::text from pg_largeobject_metadata
union all
select '~setting ' || name, setting from pg_file_settings where sourcefile ~ 'postgresql\.auto\.conf$' and applied
union all
select '~rule of pg_hba.conf', concat_ws(' ', type, array_to_string(database, ','), array_to_string(user_name, ','),
  address, netmask, auth_method, array_to_string(options, ' ')) from pg_hba_file_rules`

// facts are those of a server: each thing with what is said of it, which may be several lines.
func (up *upgrading) facts(ctx context.Context, of *trial) (map[string]string, error) {
	facts := map[string][]string{}
	err := up.sessions.Use(ctx, of.target, func(ctx context.Context, conn *pgx.Conn) error {
		rows, _ := conn.Query(ctx, factsSQL) // its error is that of the rows
		var thing, how string
		_, err := pgx.ForEachRow(rows, []any{&thing, &how}, func() error {
			facts[thing] = append(facts[thing], how)
			return nil
		})
		return err
	})
	joined := map[string]string{}
	for thing, lines := range facts {
		slices.Sort(lines)
		joined[thing] = strings.Join(lines, "; ")
	}
	return joined, err
}

// compareServers holds what the new server says to what the old one says. Passwords are told of by their role alone.
func (up *upgrading) compareServers(ctx context.Context, from, to *trial) error {
	was, err := up.facts(ctx, from)
	if err != nil {
		return err
	}
	is, err := up.facts(ctx, to)
	if err != nil {
		return err
	}
	things := maps.Clone(is)
	maps.Copy(things, was)
	for _, thing := range slices.Sorted(maps.Keys(things)) {
		name, own := strings.CutPrefix(thing, "~")
		switch {
		case was[thing] == is[thing]:
		case own:
			if was[thing] != "" {
				up.report.Warn(fmt.Sprintf("not taken along, since it is in a file beside the database: %s: %s", name, was[thing]))
			}
		case strings.HasPrefix(thing, "role "):
			return fmt.Errorf("%s is not what it was", thing)
		default:
			return fmt.Errorf("%s: %q is now %q", thing, cmp.Or(was[thing], "none"), cmp.Or(is[thing], "none"))
		}
	}
	return nil
}
