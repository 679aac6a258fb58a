package stack_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/doctor"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/stack"
)

// examine runs the doctor and returns the findings of one check.
func (b *bench) examine(t *testing.T, fix bool, check string) ([]doctor.Finding, error) {
	t.Helper()
	journal, err := b.phase(t, func(s *stack.Stack, ctx context.Context) error { return s.Doctor(ctx, fix) })
	report, ok := journal.last(t, event.Result).Report.Data.(stack.DoctorReport)
	require.True(t, ok)
	var found []doctor.Finding
	for _, f := range report.Findings {
		if f.Check == check {
			found = append(found, f)
		}
	}
	require.NotEmpty(t, found, check)
	t.Logf("%+v", report.Findings)
	return found, err
}

func TestDoctor_healthy(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	found, err := b.examine(t, false, "engine")
	require.NoError(t, err)
	assert.Equal(t, doctor.OK, found[0].State)
	assert.NoDirExists(t, b.config.StateDir, "it makes nothing")
	found, err = b.examine(t, false, "port")
	require.NoError(t, err)
	assert.Contains(t, found[0].Seen, "is free")
	found, err = b.examine(t, false, "database")
	require.NoError(t, err)
	assert.Contains(t, found[0].Seen, "not running; mage setup starts it")
}

func TestDoctor_mendsWhatIsSafe(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	password := b.state(t, "password")
	write(t, password, "pw")
	require.NoError(t, os.Chmod(password, 0o644))
	write(t, b.state(t, "lock"), "")
	write(t, b.state(t, "lock.holder"), "process 4194305 (setup)")
	_, err := b.engine.ContainerCreate(t.Context(), engine.ContainerSpec{
		Name: "left", Image: "docker.io/library/debian:bookworm-slim",
		Labels: map[string]string{container.LabelDisposable: "true", container.LabelSession: "4194305@1"},
	})
	require.NoError(t, err)

	for check, want := range map[string]doctor.State{
		"permissions": doctor.Problem, "lock": doctor.Problem, "leftovers": doctor.Warning,
	} {
		found, err := b.examine(t, false, check)
		assert.Equal(t, want, found[0].State, check)
		assert.NotEmpty(t, found[0].Remedy, check)
		assert.Equal(t, int(stack.Unexpected), stack.ExitStatus(err))
		require.ErrorContains(t, err, "2 problems found")
	}
	_, err = b.engine.ContainerInspect(t.Context(), "left")
	require.NoError(t, err, "without -fix nothing is touched")

	found, err := b.examine(t, true, "lock")
	require.NoError(t, err)
	assert.Equal(t, "removed the stale entry", found[0].Fixed)
	info, err := os.Stat(password)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	assert.NoFileExists(t, filepath.Join(b.config.StateDir, "lock.holder"))
	_, err = b.engine.ContainerInspect(t.Context(), "left")
	require.ErrorIs(t, err, engine.ErrNotFound)
	_, err = b.examine(t, false, "lock")
	require.NoError(t, err, "all is well afterwards")
}

// TestDoctor_outside has a service tell what it finds of an authority, or fail to.
func TestDoctor_outside(t *testing.T) {
	t.Parallel()
	b := servicesBench(t)
	_, err := b.phase(t, of((*stack.Stack).StartServices, ""))
	require.NoError(t, err)
	for _, tc := range []struct {
		answer engine.ExecResult
		want   doctor.Finding
	}{
		{
			engine.ExecResult{Stdout: `{"well": true, "seen": "asked https://ca: trusted"}`},
			doctor.Finding{Check: "outside", State: doctor.OK, Seen: "app: asked https://ca: trusted"},
		},
		{
			engine.ExecResult{Stdout: `{"seen": "asked https://ca: nobody trusts it", "remedy": "set acme.root"}`},
			doctor.Finding{
				Check: "outside", State: doctor.Warning, Seen: "app: asked https://ca: nobody trusts it", Remedy: "set acme.root",
			},
		},
		{
			engine.ExecResult{Code: 1, Stderr: "it is gone\n"},
			doctor.Finding{
				Check: "outside", State: doctor.Warning,
				Seen: "run look out in the container of app: status 1: it is gone", Remedy: "mage services:status -of=app",
			},
		},
	} {
		b.engine.OnExec = func(engine.Container, engine.ExecSpec) (engine.ExecResult, error) { return tc.answer, nil }
		found, _ := b.examine(t, false, "outside")
		assert.Equal(t, []doctor.Finding{tc.want}, found)
	}
}

func TestDoctor_port(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.config.Database.Port = portOf(listen(t, "127.0.0.1:0"))
	found, err := b.examine(t, false, "port")
	require.Error(t, err)
	assert.Equal(t, doctor.Problem, found[0].State)
	assert.Contains(t, found[0].Seen, "is held by process")
}

func TestDoctor_artifacts(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	const sum = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" // of nothing
	definition := "description: one more\nparent: base-debian\nartifacts:\n  - name: a\n    version: \"1\"\n" +
		"    sources:\n      - url: https://example.org/a\n    files:\n      - {path: a, sha256: " + sum + ", to: a}\n"
	write(t, filepath.Join(b.config.Root, "containers", "extra", "image.yaml"), definition)
	found, err := b.examine(t, false, "artifacts")
	require.NoError(t, err)
	assert.Contains(t, found[0].Seen, "1 file to be fetched")

	cached := filepath.Join(b.config.CacheDir, "artifacts", sum)
	require.NoError(t, os.MkdirAll(filepath.Dir(cached), 0o755))
	write(t, cached, "")
	found, err = b.examine(t, false, "artifacts")
	require.NoError(t, err)
	assert.Contains(t, found[0].Seen, "1 file in the cache as pinned")

	write(t, cached, "something else")
	found, err = b.examine(t, true, "artifacts")
	require.NoError(t, err)
	assert.Equal(t, "removed it; the next build fetches it", found[0].Fixed)
	assert.NoFileExists(t, cached)
}
