package integration_test

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"strings"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
)

// conventionTests are what people rely on in the well-known image. Sources: docker-library/postgres, its
// docker-entrypoint.sh and README; docker-library/official-images, test/tests: postgres-basics, postgres-initdb,
// override-cmd and utc.
func conventionTests() map[string]func(*postgres) {
	return map[string]func(*postgres){
		"names may have blanks, and psql inside needs no password": namesWithBlanks,
		"init scripts run in the well-known order":                 scriptOrder,
		"a sourced init script is one of the well-known image":     sourcedScripts,
		"a sourced init script stops at its first error":           sourcedFailure,
		"init scripts may name the usual data directory":           usualDirectory,
		"options for initdb are taken":                             initdbOptions,
		"the log may have a volume of its own":                     walDirectory,
		"trust needs no password":                                  trustAll,
		"the server's options may be given":                        serverOptions,
		"any other command is run":                                 otherCommands,
		"Debian's programs about clusters run":                     clusterPrograms,
	}
}

func namesWithBlanks(p *postgres) {
	p.with(map[string]string{
		"POSTGRES_USER": "my cool postgres user", "POSTGRES_DB": "my cool postgres database", "PGHOSTADDR": "192.0.2.1",
		"PGPORT": "6000",
	})
	p.password = `my cool: "postgres' pass\word`
	p.file(initDir+"test.sql", "CREATE TABLE test (c TEXT);\nINSERT INTO test VALUES ('goodbye!');\n", 0o444)
	p.create()
	p.ready()
	for _, host := range []string{"/var/run/postgresql", "localhost"} {
		assert.Equal(p, "goodbye!", p.inside("env", "-u", "PGHOSTADDR",
			"psql", "-h", host, "-U", "my cool postgres user", "-d", "my cool postgres database",
			"--no-password", "-Atc", "select c from test"), host)
	}
	assert.Equal(p, "600 999", p.inside("stat", "-c", "%a %u", "/run/postgresql/.pgpass"))
	assert.Equal(p, "UTC", p.inside("date", "+%Z"))
	assert.Equal(p, "6000", p.inside("sed", "-n", "4p", "/var/lib/postgresql/data/postmaster.pid"),
		"PGPORT is the server's, too")
	assert.NotContains(p, p.inside("sh", "-c", "tr '\\0' '\\n' < /proc/1/environ"), "PGPASSFILE",
		"a standby looks in its home directory")
	own := []string{"sh", "-c", "umask 077 && printf 'localhost:*:*:*:%s\\n' \"$1\" >~/.pgpass && unset PGHOSTADDR && " +
		"pg_dump -h localhost -U 'my cool postgres user' --no-password -s 'my cool postgres database'", "own"}
	assert.False(p, p.answers(append(own, "wrong")...), "people's own pass file is the one that counts")
	p.inside(append(own, strings.NewReplacer(`\`, `\\`, ":", `\:`).Replace(p.password))...)
}

func scriptOrder(p *postgres) {
	packed := func(text string) string {
		content, err := base64.StdEncoding.DecodeString(text)
		require.NoError(p, err)
		return string(content)
	}
	p.file(initDir+"01.sql", "create table ran (id serial, by text);\ninsert into ran (by) values ('01.sql');\n", 0o444)
	p.file(initDir+"01-x.sql", "insert into ran (by) values ('01-x.sql');\n", 0o444)
	p.file(initDir+"B.sql", "insert into ran (by) values ('B.sql');\n", 0o444)
	p.file(initDir+"a.sql", "insert into ran (by) values ('a.sql');\n", 0o444)
	p.file(initDir+"c.sql.xz",
		packed(
			"/Td6WFoAAATm1rRGAgAhARYAAAB0L+WjAQApaW5zZXJ0IGludG8gcmFuIChieSkgdmFsdWVzICgnYy5zcWwueHonKTsK"+
				"AAAAVSb4sCJ3z+IAAUIqelFyOR+2830BAAAAAARZWg==",
		),
		0o444)
	p.file(initDir+"d.sql.zst", packed("KLUv/QRYWQEAaW5zZXJ0IGludG8gcmFuIChieSkgdmFsdWVzICgnZC5zcWwuenN0Jyk7CkykxLI="),
		0o444)
	conn := p.start()
	assert.Equal(p, "01.sql 01-x.sql a.sql B.sql c.sql.xz d.sql.zst",
		p.query(conn, "select string_agg(by, ' ' order by id) from ran"))
}

func sourcedScripts(p *postgres) {
	p.file(initDir+"10.sh",
		`[ -n "$NOT_SET" ] || docker_process_sql <<<"create table ran (by text); create role other login"
"${psql[@]}" -c "insert into ran values ('psql array')"
psql -U other -d "$POSTGRES_DB" -Atc 'select current_user' | grep -x other
NOT_SET=1
return
docker_process_sql -c "drop table ran"
`, 0o444)
	p.file(initDir+"20.sh", "[[ -z $NOT_SET ]]\nexit 0\n", 0o444)
	p.file(initDir+"30.sql", "\\connect - other\n\\connect - app\ninsert into ran values (current_user);\n", 0o444)
	conn := p.start()
	assert.Equal(p, "{psql array,app}", strings.ReplaceAll(p.query(conn, "select array_agg(by)::text from ran"), `"`, ""))
	assert.Equal(p, "{scram-sha-256}",
		p.query(conn, "select array_agg(distinct auth_method)::text from pg_hba_file_rules"),
		"only while scripts run is the socket open")
}

func sourcedFailure(p *postgres) {
	p.file(initDir+"10.sh", "false | cat\necho went on\n", 0o444)
	code, log := p.fail()
	assert.Equal(p, 70, code)
	assert.Equal(p, `entrypoint: init script "10.sh" ended with status 1; nothing was kept, the next start begins anew`,
		said(log))
	assert.NotContains(p, log, "went on")
}

func usualDirectory(p *postgres) {
	p.file(initDir+"10.sh",
		"cd /var/lib/postgresql/data\necho 'work_mem = 7MB' >> postgresql.conf\nsed -i '$ a # edited' pg_hba.conf\n", 0o555)
	p.file(initDir+"20.sh", "sleep ${WAIT:-0}\n", 0o444)
	p.with(map[string]string{"WAIT": "600"}).create()
	p.says("running " + initDir + "20.sh")
	p.kill()

	conn := p.with(map[string]string{"WAIT": "0"}).start()
	assert.Equal(p, "7MB", p.query(conn, "show work_mem"))
	assert.Equal(p, "# edited", p.inside("tail", "-n", "1", "/var/lib/postgresql/data/pg_hba.conf"))
	assert.Empty(p,
		p.inside("find", "/var/lib/postgresql/data", "-maxdepth", "1", "-type", "l", "-o", "-name", ".*", "-mindepth", "1"),
		"nothing is left of it")
}

func initdbOptions(p *postgres) {
	p.with(map[string]string{"POSTGRES_INITDB_ARGS": "--locale=en_US.utf8\n--auth-local=trust   " +
		"--lc-messages='C.UTF-8'\n"})
	conn := p.start()
	assert.Equal(p, "en_US.utf8", p.query(conn, "select datcollate from pg_database where datname = 'app'"))
	assert.Equal(p, "trust",
		p.query(conn, "select auth_method from pg_hba_file_rules where type = 'local' and database = '{all}'"))
}

// walDirectory mounts a volume that nobody has prepared: only root can give it to postgres.
func walDirectory(p *postgres) {
	name := "pgtest-wal-" + strings.ToLower(rand.Text())
	require.NoError(p, p.engine.VolumeCreate(p.Context(), name, p.spec.Labels))
	p.Cleanup(func() {
		ctx := context.WithoutCancel(p.Context())
		p.remove(ctx)
		assert.NoError(p, p.engine.VolumeRemove(ctx, name))
	})
	p.spec.Mounts = append(p.spec.Mounts, engine.Mount{Volume: name, Target: "/wal"})
	p.byAnother("0", "chown 0:0 /wal && chmod 755 /wal") // podman gives a new volume to the container's user by itself
	p.with(map[string]string{"POSTGRES_INITDB_WALDIR": "/wal"})
	code, log := p.fail()
	assert.Equal(p, 73, code)
	assert.Contains(p, said(log), "POSTGRES_INITDB_WALDIR: user 999 may not write to /wal (owner 0:0")

	p.spec.User = "0"
	exec(p.T, p.start(), "create table kept (id int)")
	assert.Equal(p, "/wal", p.inside("readlink", "/var/lib/postgresql/data/pg_wal"))
	p.kill()
	p.spec.User = ""
	p.query(p.start(), "select count(*)::text from kept")
}

func trustAll(p *postgres) {
	delete(p.spec.Env, "POSTGRES_PASSWORD_FILE")
	p.with(map[string]string{"POSTGRES_HOST_AUTH_METHOD": "trust"})
	p.password = ""
	p.start()
	assert.Contains(p, p.logs(), "whoever reaches the port is let in without a password")
	assert.Equal(p, "app", p.inside("psql", "-U", "app", "-Atc", "select current_user"))
}

func serverOptions(p *postgres) {
	p.file("/etc/postgresql/postgresql.conf", "listen_addresses = '*'\nwork_mem = 9MB\n", 0o444)
	p.file(initDir+"10.sql", "create table ran as select current_setting('work_mem') as work_mem;\n", 0o444)
	p.spec.Command = []string{"-c", "config_file=/etc/postgresql/postgresql.conf", "-c", "max_connections=23"}
	conn := p.start()
	assert.Equal(p, "9MB", p.query(conn, "select work_mem from ran"), "init scripts have the same server")
	assert.Equal(p, "23", p.query(conn, "show max_connections"))

	p.spec.Command = []string{"docker-entrypoint.sh", "postgres", "-c", "max_connections=24"}
	assert.Equal(p, "24", p.query(p.start(), "show max_connections"))
	p.spec.Command = []string{"postgres", "--single", "-c", "max_connections=25", "app"}
	p.stop()
	code, log := p.fail()
	assert.Zero(p, code)
	assert.Contains(p, log, "backend>")
}

func otherCommands(p *postgres) {
	for _, test := range []struct {
		command []string
		says    string
	}{
		{[]string{"bash", "-c", "echo $((6 * 7))"}, "42"},
		{[]string{"psql", "--version"}, "psql (PostgreSQL)"},
		{[]string{"pg_dump", "--version"}, "pg_dump (PostgreSQL)"},
		{[]string{"postgres", "--version"}, "postgres (PostgreSQL)"},
		{[]string{"postgres", "--help"}, "Usage:"},
		{[]string{"--help"}, "Usage:"},
		{[]string{"id", "-un"}, "postgres"},
		{[]string{"cat", "/usr/share/postgresql/postgresql.conf.sample"}, "listen_addresses = '*'"},
	} {
		p.spec.Command = test.command
		code, log := p.fail()
		assert.Zero(p, code, "%q", test.command)
		assert.Contains(p, log, test.says, "%q", test.command)
	}
	p.spec.Command = []string{"ls", "-A", "/var/lib/postgresql/data"}
	code, log := p.fail()
	assert.Zero(p, code)
	assert.Empty(p, log, "none of them makes a database")
}

// clusterPrograms is what the Perl of the image is for: parts of its library are left out.
func clusterPrograms(p *postgres) {
	p.spec.User, p.spec.Entrypoint = "0", []string{"bash", "-ec"}
	p.spec.Command = []string{`major=$(ls /usr/lib/postgresql)
pg_createcluster "$major" test -- --no-sync >/dev/null
pg_ctlcluster "$major" test start
pg_lsclusters --no-header | awk '{ print $2, $3, $4 }'
runuser -u postgres -- /usr/bin/psql --cluster "$major/test" -Atc "select 'through the wrapper'"
pg_conftool "$major" test set work_mem 8MB
pg_conftool -s "$major" test show work_mem
pg_dropcluster --stop "$major" test
debconf-show locales >/dev/null
perl -Mdiagnostics -MEncode -MFile::Temp -MJSON -mPOSIX -mTest::More -e 'print lc encode("iso-8859-15", "EURO\n")'`}
	code, log := p.fail()
	assert.Zero(p, code)
	assert.Equal(p, []string{"test", "5432", "online", "through", "the", "wrapper", "8MB", "euro"}, strings.Fields(log))
}
