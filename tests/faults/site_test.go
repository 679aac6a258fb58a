package faults_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
	"github.com/poststack/poststack/tests/checkout"
)

// services are those that serve while the faults happen.
const services = "POSTSTACK_SERVICES=nginx,bind,dovecot"

// site is a checkout that is set up, with services that serve a domain.
type site struct {
	*checkout.Checkout
	bare   *checkout.Checkout // the same one without services
	kind   engine.Kind
	engine *engine.Engine
	name   string   // of the stack
	url    string   // of its database
	cache  string   // Poststack's cache directory
	before []string // what was left by others
	good   []engine.Ref
	slow   int // how many slow changesets there have been
}

// newSite sets a checkout up, and has the services serve example.org.
func newSite(t *testing.T, kind engine.Kind) *site {
	t.Helper()
	c := checkout.New(t, kind)
	s := &site{Checkout: c.With(services), bare: c, kind: kind, engine: enginetest.Open(t, kind)}
	var err error
	s.cache, err = enginetest.CacheDir()
	require.NoError(t, err)
	s.OK(t, "install")
	s.SlowBuild(t, "true")
	t.Cleanup(func() { checkout.RemoveSlow(t, s.engine) })
	s.OK(t, "build:all", "setup")
	s.name, s.url = s.Stack(t), s.URL(t)
	// Not the tag "latest", which others may take meanwhile.
	s.good = s.Images(t, "base-debian", "postgres", "liquibase", "nginx", "bind", "dovecot", checkout.SlowImage)
	s.fill(t)
	return s
}

// fill adds a domain with a web site, a zone and an account.
func (s *site) fill(t *testing.T) {
	t.Helper()
	s.OK(t, "domain:add", "example.org", "-mail", "-web", "-dns")
	s.OK(t, "dns:records", "example.org", "-address=192.0.2.1", "-add")
	s.OK(t, "account:add", "zoe@example.org", "-generate")
	require.NoError(t, s.engine.ContainerCopyTo(t.Context(), s.container(t, "nginx").ID, []engine.File{
		{Path: "/srv/www/example.org/index.html", Mode: 0o644, Content: []byte("welcome")},
	}))
	s.serves(t)
}

// container is the one of a service.
func (s *site) container(t *testing.T, service string) engine.Container {
	t.Helper()
	c, err := s.engine.ContainerInspect(t.Context(), "poststack-"+s.name+"-"+service)
	require.NoError(t, err)
	return c
}

// sql runs a statement in the database.
func (s *site) sql(t *testing.T, statement string, args ...any) {
	t.Helper()
	_, err := checkout.Connect(t, s.url).Exec(t.Context(), statement, args...)
	require.NoError(t, err)
}

// state is what must not get less by a fault: the rows that were committed, and the changesets.
func (s *site) state(t *testing.T) []string {
	t.Helper()
	rows, err := checkout.Connect(t, s.url).Query(t.Context(), `select 'changeset '||id from databasechangelog
		union all select 'domain '||name from domains union all select 'account '||local_part from accounts
		union all select 'record '||name||' '||type from dns_records`)
	require.NoError(t, err)
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return all
}

// images are the IDs behind the tags of the images that are in use.
func (s *site) images(t *testing.T) map[engine.Ref]engine.ImageID {
	t.Helper()
	found := map[engine.Ref]engine.ImageID{}
	for _, ref := range s.good {
		image, err := s.engine.ImageInspect(t.Context(), ref)
		require.NoError(t, err, ref)
		found[ref] = image.ID
	}
	return found
}

// recovers sets up, and compares what there is then with what there was.
func (x *trial) recovers(before []string, env ...string) {
	x.Helper()
	if r := x.Mage(x.T, env, "setup"); r.Code != 0 {
		x.help("the next set-up ended with %d", r.Code)
		return
	}
	x.keeps(before)
}

// keeps compares what there is with what there was.
func (x *trial) keeps(before []string) {
	x.Helper()
	now := x.state(x.T)
	for _, what := range before {
		if !slices.Contains(now, what) {
			x.lose("%s", what)
		}
	}
	x.serves(x.T)
}

// engineOutput runs the engine's own command, as a stranger to Poststack would.
func engineOutput(t *testing.T, e *engine.Engine, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), string(e.Info().Kind), args...)
	cmd.Dir = e.Info().StoreDir // podman's conmon stays there, and leaves a file "oom" when memory runs out
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%v: %s", args, out)
	return strings.TrimSpace(string(out))
}

// published is the port of this machine that a service's has; 0 while that does not run.
func (s *site) published(t *testing.T, service string, port uint16) uint16 {
	t.Helper()
	for _, p := range s.container(t, service).Ports {
		if p.Container == port {
			return p.Host
		}
	}
	return 0 // it does not run
}
