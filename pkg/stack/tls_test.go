package stack_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/certificate"
	"github.com/poststack/poststack/pkg/config"
	"github.com/poststack/poststack/pkg/doctor"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/stack"
)

// secured is a bench whose server takes what was put into the volume of its certificate, when it starts or is told to.
type secured struct {
	*bench
	server *server
	volume map[string]engine.File
	deaf   bool // it does not hear of a renewed certificate
}

const certificateVolume = "poststack-s-database-certificate"

func newSecured(t *testing.T) *secured {
	t.Helper()
	s := &secured{bench: newBench(t).built(t, "postgres"), volume: map[string]engine.File{}}
	s.config.Database.TLS, s.config.CertPath = config.TLSOwn, "/etc/certs"
	s.server = serve(t, s.engine)
	before := s.engine.OnCall
	s.engine.OnCall = func(method, name string) error {
		if spec, _ := s.engine.Spec(name); method == "ContainerRemove" && len(spec.Mounts) == 1 &&
			spec.Mounts[0].Volume == certificateVolume {
			for _, f := range spec.Files {
				s.volume[f.Path] = f
			}
			return nil
		}
		return before(method, name)
	}
	start := s.engine.Behave
	s.engine.Behave = func(spec engine.ContainerSpec) enginetest.Outcome {
		s.take(t, spec)
		return start(spec)
	}
	s.engine.OnExec = func(c engine.Container, e engine.ExecSpec) (engine.ExecResult, error) {
		if !slices.Equal(e.Command, []string{"reload-certificates"}) {
			return engine.ExecResult{}, errors.New("another command")
		}
		if spec, _ := s.engine.Spec(c.Name); !s.deaf {
			s.take(t, spec)
		}
		return engine.ExecResult{}, nil
	}
	return s
}

// take has the server serve what its container has mounted.
func (s *secured) take(t *testing.T, spec engine.ContainerSpec) {
	t.Helper()
	s.server.shown.Store(nil)
	if slices.ContainsFunc(spec.Mounts, func(m engine.Mount) bool { return m.Volume == certificateVolume }) {
		pair, err := tls.X509KeyPair(s.volume["/etc/certs/fullchain.pem"].Content, s.volume["/etc/certs/privkey.pem"].Content)
		assert.NoError(t, err)
		s.server.shown.Store(&pair)
	}
}

func (s *secured) start(t *testing.T) string {
	t.Helper()
	j, err := s.phase(t, (*stack.Stack).StartDatabase)
	require.NoError(t, err)
	return j.last(t, event.PhaseEnded).Text
}

func (s *secured) container(t *testing.T) engine.Container {
	t.Helper()
	c, err := s.engine.ContainerInspect(t.Context(), containerName)
	require.NoError(t, err)
	return c
}

func TestStartDatabase_TLS(t *testing.T) {
	t.Parallel()
	s := newSecured(t)
	dir := filepath.Join(s.config.StateDir, "tls")
	assert.Contains(t, s.start(t), ", made")
	first := s.container(t)
	assert.Contains(t, first.Mounts, engine.Mount{Volume: certificateVolume, Target: "/etc/certs", ReadOnly: true})
	key := s.volume["/etc/certs/privkey.pem"]
	assert.Equal(t, []any{int64(0o640), 0, 9999}, []any{key.Mode, key.UID, key.GID})
	assert.Equal(t, read(t, filepath.Join(dir, "privkey.pem")), string(key.Content))
	assert.Equal(t, read(t, filepath.Join(dir, "root.pem")), string(s.volume["/etc/certs/root.pem"].Content))

	for _, passfile := range []bool{false, true} {
		j, err := s.phase(t, printURL(passfile))
		require.NoError(t, err)
		u, err := url.Parse(j.last(t, event.Result).Report.Text)
		require.NoError(t, err)
		assert.Equal(t, "verify-full", u.Query().Get("sslmode"))
		assert.Equal(t, filepath.Join(dir, "root.pem"), u.Query().Get("sslrootcert"))
		assert.Equal(t, "127.0.0.1", u.Hostname())
	}
	calls := len(s.engine.Calls())
	assert.True(t, strings.HasSuffix(s.start(t), ", running already"))
	assert.NotContains(t, strings.Join(s.engine.Calls()[calls:], "\n"), "Create")

	require.NoError(t, os.Remove(filepath.Join(dir, "fullchain.pem")))
	assert.Contains(t, s.start(t), ", running already; it serves the new certificate")
	assert.Equal(t, first.ID, s.container(t).ID)
	assert.NotEqual(t, key, s.volume["/etc/certs/privkey.pem"])

	_, err := s.phase(t, (*stack.Stack).Down)
	require.NoError(t, err)
	require.NoError(t, os.Remove(filepath.Join(dir, "fullchain.pem")))
	assert.Contains(t, s.start(t), ", started", "a stopped one starts with the new certificate")
	assert.Equal(t, first.ID, s.container(t).ID)

	s.config.Database.TLS = config.TLSOff
	assert.Contains(t, s.start(t), ", replaced")
	_, err = s.engine.VolumeInspect(t.Context(), certificateVolume)
	require.ErrorIs(t, err, engine.ErrNotFound)
	assert.FileExists(t, filepath.Join(dir, "root.pem"))
	_, err = s.phase(t, func(s *stack.Stack, ctx context.Context) error { return s.Reset(ctx, true) })
	require.NoError(t, err)
	assert.NoDirExists(t, dir)
}

func TestStartDatabase_TLS_that_the_server_does_not_take(t *testing.T) {
	t.Parallel()
	s := newSecured(t)
	s.start(t)
	s.deaf, s.config.Timeout.Start = true, time.Second
	require.NoError(t, os.Remove(filepath.Join(s.config.StateDir, "tls", "fullchain.pem")))
	_, err := s.phase(t, (*stack.Stack).StartDatabase)
	require.ErrorContains(t, err, "take the certificate into use did not end within 1s")
	require.ErrorContains(t, err, "the database serves the certificate with serial")
	assert.Equal(t, 5, stack.ExitStatus(err))
}

func TestStartDatabase_TLS_of_a_directory(t *testing.T) {
	t.Parallel()
	begin := func(t *testing.T) (*secured, certificate.Authority) {
		t.Helper()
		s := newSecured(t)
		a := certificate.Authority{
			Dir: t.TempDir(), Name: "other", Server: certificate.Names{DNS: []string{"db.example.org"}},
		}
		_, err := a.Renew(time.Now())
		require.NoError(t, err)
		s.config.Database.TLS = a.Dir
		return s, a
	}
	t.Run("its name is looked up nowhere", func(t *testing.T) {
		t.Parallel()
		s, a := begin(t)
		s.start(t)
		st, ctx, _ := s.open(t)
		target, err := st.Target(ctx)
		require.NoError(t, err)
		assert.Equal(t, "db.example.org", target.Host)
		assert.Equal(t, "127.0.0.1", target.HostAddr.String())
		assert.Equal(t, filepath.Join(a.Dir, "root.pem"), target.SSLRootCert)
		assert.NoDirExists(t, filepath.Join(s.config.StateDir, "tls"), "no authority is made")
	})
	for name, tc := range map[string]struct {
		change func(dir string) error
		want   string
	}{
		"gone": {os.RemoveAll, "name a directory that holds fullchain.pem and privkey.pem"},
		"no key": {
			func(dir string) error { return os.Remove(filepath.Join(dir, "privkey.pem")) }, "put the certificate's key there",
		},
		"no pair": {func(dir string) error {
			return os.Rename(filepath.Join(dir, "root.pem"), filepath.Join(dir, "fullchain.pem"))
		}, "is not the key"},
		"not a key": {
			func(dir string) error { return os.WriteFile(filepath.Join(dir, "privkey.pem"), []byte("x"), 0o600) },
			"it holds no key in PEM",
		},
	} {
		t.Run("one that cannot be used is refused before anything changes: "+name, func(t *testing.T) {
			t.Parallel()
			s, a := begin(t)
			require.NoError(t, tc.change(a.Dir))
			for _, do := range []func(*stack.Stack, context.Context) error{
				(*stack.Stack).CheckCertificate, (*stack.Stack).CheckMigration, (*stack.Stack).StartDatabase,
			} {
				_, err := s.phase(t, do)
				require.ErrorContains(t, err, "database.tls: read certificate")
				require.ErrorContains(t, err, tc.want)
				assert.Equal(t, 2, stack.ExitStatus(err))
			}
			assert.NoFileExists(t, filepath.Join(s.config.StateDir, "password"))
			for _, call := range s.engine.Calls() {
				assert.NotContains(t, call, "Create")
			}
		})
	}
	t.Run("one that is about to end is told of", func(t *testing.T) {
		t.Parallel()
		s, a := begin(t)
		require.NoError(t, os.Remove(filepath.Join(a.Dir, certificate.AuthorityFile)))
		_, err := certificate.Authority{
			Dir: a.Dir, Name: a.Name, Server: certificate.Names{DNS: []string{"localhost"}},
		}.Renew(time.Now().Add(-3640 * 24 * time.Hour))
		require.NoError(t, err)
		j, err := s.phase(t, (*stack.Stack).StartDatabase)
		require.NoError(t, err)
		assert.Contains(t, j.texts(event.Warning),
			"the certificate in "+a.Dir+" ends in 9 days: renew it there, then run mage db:start")
	})
}

func TestStatus_TLS(t *testing.T) {
	t.Parallel()
	s := newSecured(t)
	report := func() stack.StatusReport {
		j, err := s.phase(t, (*stack.Stack).Status)
		require.NoError(t, err)
		data, ok := j.last(t, event.Result).Report.Data.(stack.StatusReport)
		require.True(t, ok)
		return data
	}
	seen := func() doctor.Finding {
		j, _ := s.phase(t, func(s *stack.Stack, ctx context.Context) error { return s.Doctor(ctx, false) })
		data, ok := j.last(t, event.Result).Report.Data.(stack.DoctorReport)
		require.True(t, ok)
		for _, f := range data.Findings {
			if f.Check == "certificate" {
				return f
			}
		}
		return doctor.Finding{}
	}
	s.config.Database.TLS = config.TLSOff
	s.start(t)
	assert.Nil(t, report().Certificate)
	assert.Empty(t, seen())

	s.config.Database.TLS = config.TLSOwn
	assert.Contains(t, report().Answers, "the certificate is not made yet: mage db:start makes it")
	s.start(t)
	c := report().Certificate
	require.NotNil(t, c)
	assert.Equal(t, 3649, c.DaysLeft)
	assert.Empty(t, c.Problem)
	assert.Equal(t, doctor.Finding{Check: "certificate", State: doctor.OK, Seen: "the database's: 3649 days left"}, seen())

	require.NoError(t, os.Remove(filepath.Join(s.config.StateDir, "tls", "privkey.pem")))
	assert.Contains(t, report().Certificate.Problem, "there is no such file")
	assert.Equal(t, doctor.Problem, seen().State)
	assert.Equal(t, "mage db:start, which renews it", seen().Remedy)
	s.start(t)
	assert.Empty(t, report().Certificate.Problem)

	s.server.shown.Store(nil)
	assert.Contains(t, report().Answers, "the server has no TLS")
	assert.Contains(t, seen().Seen, "the database serves no certificate")
}

func TestStartDatabase_without_TLS_stays_as_it_is(t *testing.T) {
	t.Parallel()
	s := newSecured(t)
	s.config.Database.TLS = "" // as before there was such a setting
	s.start(t)
	first, calls := s.container(t), len(s.engine.Calls())
	s.config.Database.TLS = config.TLSOff
	assert.Contains(t, s.start(t), ", running already")
	assert.Equal(t, first.ID, s.container(t).ID)
	assert.NotContains(t, strings.Join(s.engine.Calls()[calls:], "\n"), certificateVolume, "nothing is asked about it")
	assert.NoDirExists(t, filepath.Join(s.config.StateDir, "tls"))
}
