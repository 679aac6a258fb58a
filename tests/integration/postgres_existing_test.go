package integration_test

import (
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// existingTests are what somebody meets who gives this image the volume of another one.
func existingTests() map[string]func(*postgres) {
	return map[string]func(*postgres){
		"the data of the well-known image is taken as it is":  wellKnownVolume,
		"a volume mounted in another place is not begun anew": misplacedVolume,
		"data of an Alpine image is refused":                  alpineVolume,
		"a directory of root is handed over by root":          rootsDirectory,
	}
}

// wellKnown is what docker-library/postgres does on a new volume at PGDATA: its locale, its user, trust on the
// local socket, the password's method for everybody else.
const wellKnown = `set -e
initdb -D "$PGDATA" --locale="${LOCALE:-en_US.utf8}" --username=app --pwfile=<(echo pw-old) >/dev/null
printf '\nhost all all all scram-sha-256\n' >>"$PGDATA/pg_hba.conf"
pg_ctl -D "$PGDATA" -w -o "-c listen_addresses=''" start >/dev/null
psql -U app -d postgres -c 'create database app'
psql -U app -d app -c "create table kept (name text primary key)" \
  -c "insert into kept values ('B'), ('a'), ('ä'), ('Z')"
pg_ctl -D "$PGDATA" -m fast -w stop >/dev/null
`

// byAnother fills the volume by a script of root or of another image, and goes back to this image's entrypoint.
func (p *postgres) byAnother(user, script string) {
	p.Helper()
	was := p.spec
	p.spec.User, p.spec.Entrypoint, p.spec.Command = user, []string{"bash", "-c"}, []string{script}
	code, log := p.fail()
	require.Zero(p, code, log)
	p.spec = was
}

func wellKnownVolume(p *postgres) {
	p.spec.Mounts[0].Target = "/var/lib/postgresql/data"
	p.byAnother("", wellKnown)
	conn := p.start()
	assert.Equal(p,
		`entrypoint: the database has no record of a password, as one that another image made: role "app" now has the one `+
			`that is set`,
		said(p.logs()))
	assert.Equal(p, "{a,ä,B,Z}", p.query(conn, "select array_agg(name order by name)::text from kept"),
		"the collation is the one it was made with")
	assert.Equal(p, "en_US.utf8", p.query(conn, "show lc_messages"))
	assert.Equal(p, "app", p.inside("psql", "-U", "app", "-Atc", "select current_user"))
	assert.NotContains(p, p.logs(), "WARNING")

	exec(p.T, conn, "update pg_database set datcollversion = '2.31' where datname = 'app'")
	p.stop()
	p.start()
	assert.Empty(p, said(p.logs()), "the password was taken over once")
	p.says(`database "app" has a collation version mismatch`) // the server itself tells of indexes to rebuild

	p.stop()
	code, log := p.with(map[string]string{"POSTGRES_USER": "other"}).fail()
	assert.Equal(p, 78, code)
	assert.Contains(p, said(log), "made with POSTGRES_USER=app")
}

func misplacedVolume(p *postgres) {
	p.start()
	p.stop()
	p.spec.Mounts[0].Target = "/var/lib/postgresql/data"
	code, log := p.fail()
	assert.Equal(p, 73, code)
	assert.Contains(p, said(log),
		"there is no database in /var/lib/postgresql/data, but one in /var/lib/postgresql/data/data: mount the volume")

	p.with(map[string]string{"PGDATA": "/var/lib/postgresql/data/data"}).start()
	p.stop()
	p.byAnother("", "cd /var/lib/postgresql/data && shopt -s dotglob && mv data/* . && rmdir data && chmod 700 .")
	p.spec.Mounts[0].Target = "/var/lib/postgresql"
	code, log = p.with(map[string]string{"PGDATA": "/var/lib/postgresql/data"}).fail()
	assert.Equal(p, 73, code)
	assert.Contains(p, said(log),
		"but one in /var/lib/postgresql: mount the volume at the place it was made for, or set PGDATA=/var/lib/postgresql")
	p.with(map[string]string{"PGDATA": "/var/lib/postgresql"}).start()
	assert.Equal(p, "gone", p.inside("sh", "-c", "test -e /var/lib/postgresql/data || echo gone"),
		"nothing was made by the refusal")
}

func alpineVolume(p *postgres) {
	p.spec.Mounts[0].Target = "/var/lib/postgresql/data"
	p.byAnother("", wellKnown)
	p.byAnother("0", "chown -R 70:70 /var/lib/postgresql/data")
	for _, p.spec.User = range []string{"", "0"} {
		code, log := p.fail()
		assert.Equal(p, 73, code)
		assert.Contains(p, said(log), "made by an Alpine image (owner 70)")
	}
}

// rootsDirectory is what docker makes of a bind mount that is not there: an empty directory of root.
func rootsDirectory(p *postgres) {
	p.byAnother("0", "cd /var/lib/postgresql && touch .keep && chown 0:0 . data && chmod 755 . data")
	code, log := p.fail()
	assert.Equal(p, 73, code)
	assert.Contains(p, said(log), "or start the container as root (--user 0), which hands over an empty one")
	p.spec.User = "0"
	p.start()
	assert.Equal(p, "999 700", p.inside("stat", "-c", "%u %a", "/var/lib/postgresql/data"))
	p.stop()
	p.spec.User = ""
	p.start()
}
