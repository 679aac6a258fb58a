package integration_test

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine/enginetest"
)

const initDir = "/docker-entrypoint-initdb.d/"

// failedScript is k01: an init script that fails must not leave a database that looks fine.
func failedScript(p *postgres) {
	p.file(initDir+"10-half.sql",
		"create table half_one (id int);\nselect no_such_function_here();\ncreate table half_two (id int);\n", 0o444)
	for range 2 {
		code, log := p.fail()
		assert.Equal(p, 70, code)
		assert.Equal(p,
			`entrypoint: init script "10-half.sql" line 2: ERROR:  function no_such_function_here() does not exist: `+
				`select no_such_function_here(); nothing was kept, the next start begins anew`, said(log))
		assert.NotContains(p, log, "ready to accept connections on", "never open")
	}
	p.spec.Files = nil
	conn := p.start()
	assert.Equal(p, "0", p.query(conn, "select count(*)::text from pg_tables where tablename like 'half%'"))
	exec(p.T, conn, "create table whole (id int)")

	assert.NotContains(p, p.logs(), "an earlier initialisation did not finish", "nothing was kept of it")
	p.file(initDir+"10-half.sql", "drop table whole;\n", 0o444)
	p.stop()
	assert.Equal(p, "0", p.query(p.start(), "select count(*)::text from whole"), "a finished database is left alone")
}

// readyLate is k02: it asks the health check and TCP all the while: neither may say yes before the script has ended.
func readyLate(p *postgres) {
	p.file(initDir+"10-slow.sh", "#!/bin/bash\npsql -v ON_ERROR_STOP=1 -U \"$POSTGRES_USER\" -d \"$POSTGRES_DB\" -c "+
		"'create table slow_began (id int)'\nsleep ${WAIT:-2}\npsql -U \"$POSTGRES_USER\" -d \"$POSTGRES_DB\" -c 'create "+
		"table slow_done (id int)'\n", 0o555)
	p.create()
	const done = "select to_regclass('slow_done')::text"
	deadline := time.Now().Add(time.Minute)
	for {
		require.Less(p, time.Now(), deadline, "never ready; it said:\n%s", p.logs())
		healthy := p.answers("healthcheck") || p.answers("pg_isready", "-U", "app", "-d", "app")
		conn, err := p.dial(p.password, "disable")
		if healthy {
			require.NoError(p, err, "healthy means that clients get in")
		}
		if err == nil {
			assert.Equal(p, "slow_done", p.query(conn, done))
			require.NoError(p, conn.Close(p.Context()))
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	for range 5 {
		conn, err := p.dial(p.password, "disable")
		require.NoError(p, err, "no no after a yes")
		require.NoError(p, conn.Close(p.Context()))
	}
}

// k02: a race shows rarely, so it is looked for often.
func TestPostgres_readiness(t *testing.T) {
	enginetest.AnyEngine(t)
	t.Parallel()
	for _, kind := range enginetest.Kinds(t) {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			e := enginetest.Open(t, kind)
			for i := range enginetest.Rounds(t, 3) {
				t.Run(fmt.Sprintf("start %d", i+1), func(t *testing.T) {
					readyLate(newPostgres(t, e).with(map[string]string{"WAIT": "0.2"}))
				})
			}
		})
	}
}

// killedWhileInitialising is k01: what was cut short, at whatever moment, never looks complete. The same container
// is started again, as the engine does after a crash, then a new one.
func killedWhileInitialising(p *postgres) {
	p.file(initDir+"10.sql", "create table first_half (id int);\n", 0o444)
	p.file(initDir+"20.sh", "sleep ${WAIT:-0}\n", 0o444)
	p.file(initDir+"30.sql", "create table whole (id int);\n", 0o444)
	p.with(map[string]string{"WAIT": "600"}).create()
	for _, moment := range []string{
		"making a new database", "running " + initDir + "20.sh", "an earlier initialisation did not finish",
	} {
		p.says(moment)
		p.kill()
		require.NoError(p, p.engine.ContainerStart(p.Context(), p.id))
	}
	p.kill()
	conn := p.with(map[string]string{"WAIT": "0"}).start()
	assert.Contains(p, p.logs(), "an earlier initialisation did not finish")
	assert.Equal(p, "whole", p.query(conn, "select to_regclass('whole')::text"))
	p.kill()
	assert.Equal(p, "whole", p.query(p.start(), "select to_regclass('whole')::text"),
		"a finished database is never touched")
}

func stoppedWhileInitialising(p *postgres) {
	p.file(initDir+"10-long.sh", "trap '' TERM INT\necho begun\nwhile sleep 1; do :; done\n", 0o444) // it does not listen
	p.create()
	require.Eventually(p, func() bool { return bytes.Contains([]byte(p.logs()), []byte("begun")) }, time.Minute,
		50*time.Millisecond)
	code, took := p.stop()
	assert.Equal(p, 130, code, p.logs())
	assert.Less(p, took, 45*time.Second)
	assert.Equal(p, "entrypoint: interrupted; nothing was kept", said(p.logs()))

	p.spec.Files = nil
	p.start()
	assert.NotContains(p, p.logs(), "an earlier initialisation did not finish", "nothing was kept")
}

// whatScriptsLeave are an init script's traces that would keep the database from starting, or lose its tables.
func whatScriptsLeave(p *postgres) {
	const space = "mkdir -p /var/lib/postgresql/space\npsql -v ON_ERROR_STOP=1 -U app -c \"create tablespace outer_one " +
		"location '/var/lib/postgresql/space'\"\n"
	was := p.spec.Files
	p.file(initDir+"10.sh", space, 0o444)
	p.file(initDir+"20.sql", "alter system set shared_preload_libraries = 'no_such_library';\n", 0o444)
	code, log := p.fail()
	assert.Equal(p, 70, code)
	assert.Contains(p, log, "no_such_library")
	assert.Equal(p,
		"entrypoint: the server with what the init scripts have left ended, see above; nothing was kept, the next start "+
			"begins anew",
		said(log))

	p.spec.Files = was
	p.file(initDir+"10.sh", space+`mkdir "$PGDATA/inner" /var/lib/postgresql/data/conf.d
psql -v ON_ERROR_STOP=1 -U app -c "create tablespace inner_one location '$PGDATA/inner'" \
  -c "create table kept tablespace inner_one as select 'kept' as v"
echo "work_mem = 7MB" >/var/lib/postgresql/data/conf.d/one.conf
echo "max_connections = 37" >"$PGDATA/more.conf"
printf "include_dir 'conf.d'\\ninclude '%s'\\n" "$PGDATA/more.conf" >>"$PGDATA/postgresql.conf"
`, 0o444)
	conn := p.start()
	assert.Equal(p, "kept 7MB 37", p.query(conn,
		"select v || ' ' || current_setting('work_mem') || ' ' || current_setting('max_connections') from kept"))
	assert.NotContains(p, p.logs(), "did not finish", "nothing was kept of the first one, the tablespace neither")

	p.stop()
	p.spec.Files = was
	p.byAnother("0", "rm -rf /var/lib/postgresql/*")
	code, log = p.with(map[string]string{"POSTGRES_HOST_AUTH_METHOD": "scram-sha256"}).fail()
	assert.Equal(p, 70, code)
	assert.Contains(p, log, `invalid authentication method "scram-sha256"`)
	assert.Equal(p, `entrypoint: cannot finish database "app", see above; nothing was kept`, said(log))
}

func initScripts(p *postgres) {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err := w.Write([]byte("insert into ran values ('sql.gz');\n"))
	require.NoError(p, err)
	require.NoError(p, w.Close())
	p.file(initDir+"10.sql", "create table ran (by text);\ninsert into ran values ('sql');\n", 0o444)
	p.file(initDir+"20.sql.gz", packed.String(), 0o444)
	p.file(initDir+"30.sh", "POSTGRES_USER=nobody\npsql -U app -d \"$POSTGRES_DB\" -c \"insert into ran values "+
		"('sh')\"\necho 'work_mem = 7MB' >> \"$PGDATA/postgresql.conf\"\n", 0o444)
	p.file(initDir+"40.sh", "#!/usr/bin/env python3\nimport os, subprocess\n"+
		"subprocess.run(['psql', '-U', os.environ['POSTGRES_USER'], '-d', 'app', '-c', \"insert into ran values "+
		"('python')\"], check=True)\n", 0o555)
	p.file(initDir+"50.txt", "x", 0o444)
	conn := p.start()
	assert.Equal(p, "{sql,sql.gz,sh,python}", p.query(conn, "select array_agg(by)::text from ran"))
	assert.Equal(p, "7MB", p.query(conn, "show work_mem"))
	assert.Contains(p, p.logs(), "ignoring "+initDir+"50.txt")
}

// changedPassword is k05: the settings' password is no longer the volume's.
func changedPassword(p *postgres) {
	exec(p.T, p.start(), "create table kept (id int)")
	p.stop()
	p.password = "pw-two"
	conn := p.start()
	assert.Equal(p, `entrypoint: the password setting has changed: role "app" now has the new one`, said(p.logs()))
	p.query(conn, "select count(*)::text from kept")
	_, err := p.dial("pw-one", "disable")
	assert.ErrorContains(p, err, "28P01")

	p.stop()
	p.start()
	assert.Empty(p, said(p.logs()), "once is enough")
	p.stop()
	code, log := p.with(map[string]string{"POSTGRES_USER": "other"}).fail()
	assert.Equal(p, 78, code)
	assert.Contains(p, said(log), "made with POSTGRES_USER=app")
}

// passwordFiles is k06: files as editors save them.
func passwordFiles(p *postgres) {
	for _, ending := range []string{"", "\n", "\r\n"} {
		p.password = "pw-files" + ending
		p.create()
		p.login("pw-files")
		p.stop()
	}
	assert.NotContains(p, p.logs(), "has changed", "all of them are the same password")
	for file, says := range map[string]string{
		"/dev/null": "/dev/null is empty", "/etc": "/etc is a directory", "/no/such": "there is no file /no/such",
	} {
		code, log := p.with(map[string]string{"POSTGRES_PASSWORD_FILE": file}).fail()
		assert.Equal(p, 66, code)
		assert.Contains(p, said(log), "POSTGRES_PASSWORD_FILE: "+says)
	}
	code, log := p.with(map[string]string{"POSTGRES_PASSWORD": "x"}).fail()
	assert.Equal(p, 64, code)
	assert.Contains(p, said(log), "POSTGRES_PASSWORD and POSTGRES_PASSWORD_FILE are both set")
}

// hardCharacters is k07: nothing is expanded, cut or shown.
func hardCharacters(p *postgres) {
	p.start()
	p.stop()
	secretText := hardPassword().Reveal()
	p.password = secretText
	p.start()
	_, err := p.dial(secretText[:len(secretText)-1], "disable")
	assert.ErrorContains(p, err, "28P01", "nothing is cut")
	assert.NotContains(p, p.logs(), secretText[:27])
	c, err := p.engine.ContainerInspect(p.Context(), string(p.id))
	require.NoError(p, err)
	assert.NotContains(p, c.Env, "POSTGRES_PASSWORD="+secretText)
}

// tlsState tells what a connection negotiated.
func tlsState(conn *pgx.Conn) (tls.ConnectionState, bool) {
	c, ok := conn.PgConn().Conn().(*tls.Conn)
	if !ok {
		return tls.ConnectionState{}, false
	}
	return c.ConnectionState(), true
}

// innerSuperuser has the user be a superuser for a while, too, which a lost machine does not make longer.
func innerSuperuser(p *postgres) {
	code, log := p.with(map[string]string{"POSTGRES_SUPERUSER": "app"}).fail()
	assert.Equal(p, 64, code)
	assert.Contains(p, said(log), "are both app")
	conn := p.with(map[string]string{"POSTGRES_SUPERUSER": "chief"}).start()
	const is = "show is_superuser"
	assert.Equal(p, "off", p.query(conn, is))
	assert.Equal(p, "on", p.inside("psql", "-U", "chief", "-d", "app", "-Atc", is))
	assert.Equal(p, "off", p.inside("psql", "-U", "app", "-Atc", is))
	exec(p.T, conn, "create role early")
	p.stop()

	conn = p.with(map[string]string{"POSTGRES_ELEVATED": "yes"}).start()
	assert.Equal(p, "on", p.query(conn, is))
	exec(p.T, conn, "create role other", "create role boss superuser", "create role above in role app")
	p.kill()
	delete(p.spec.Env, "POSTGRES_ELEVATED")
	conn = p.start()
	assert.Equal(p, "off", p.query(conn, is))
	exec(p.T, conn, "alter role other connection limit 1", "drop role other", "drop role early")
	_, err := conn.Exec(p.Context(), "alter role boss nosuperuser")
	assert.ErrorContains(p, err, "42501")
	p.stop()

	p.with(map[string]string{"POSTGRES_SUPERUSER": "another"}).start()
	assert.Equal(p, "on", p.inside("psql", "-U", "chief", "-d", "app", "-Atc", is), "it is for a new database")
}
