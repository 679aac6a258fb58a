package container_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
)

// rehearsed is the service with a rehearsal, declared otherwise than the one that runs.
func rehearsed() container.Service {
	s := service()
	s.Spec.Env["CERT_PATH"] = "/srv"
	s.Spec.Aliases = []string{"postgres"}
	s.Spec.Ports = []engine.Port{{Container: 5432, HostIP: "127.0.0.1", Host: 15432}}
	s.Rehearsal = container.Rehearsal{Command: []string{"agent", "rehearse"}, Limit: time.Minute, Remedy: "mend it"}
	return s
}

// rehearsing has an engine with the running service, whose rehearsals end so; it gives what the last one was made of.
func rehearsing(t *testing.T, outcome enginetest.Outcome) (*enginetest.Fake, engine.Container, *engine.ContainerSpec) {
	t.Helper()
	e := newEngine()
	first, _ := ensure(t, e, service())
	tried := &engine.ContainerSpec{}
	e.Behave = func(spec engine.ContainerSpec) enginetest.Outcome {
		if len(spec.Entrypoint) == 0 {
			return enginetest.Outcome{}
		}
		*tried = spec
		return outcome
	}
	return e, first, tried
}

func TestEnsure_rehearses_before_it_replaces(t *testing.T) {
	t.Parallel()
	e, first, tried := rehearsing(t, enginetest.Outcome{Exits: true})
	second, change := ensure(t, e, rehearsed())
	assert.Equal(t, container.Replaced, change)
	assert.NotEqual(t, first.ID, second.ID)
	want := rehearsed().Spec
	assert.Equal(t, []string{"agent"}, tried.Entrypoint)
	assert.Equal(t, []string{"rehearse"}, tried.Command)
	assert.Equal(t, want.Env, tried.Env)
	assert.Equal(t, want.Files, tried.Files)
	assert.Equal(t, want.Network, tried.Network)
	assert.Empty(t, tried.Ports)
	assert.Empty(t, tried.Aliases, "nobody takes it for the service")
	for _, m := range tried.Mounts {
		assert.True(t, m.ReadOnly, m.Target)
	}
	assert.Equal(t, "true", tried.Labels[container.LabelDisposable])
	left, err := e.ContainerList(t.Context(), container.DisposableLabels())
	require.NoError(t, err)
	assert.Empty(t, left)
	calls := e.Calls()
	stopped := slices.IndexFunc(calls, func(call string) bool { return strings.HasPrefix(call, "ContainerStop ") })
	waited := slices.IndexFunc(calls, func(call string) bool { return strings.HasPrefix(call, "ContainerWait ") })
	assert.Less(t, waited, stopped, "the old one serves meanwhile")
}

func TestEnsure_that_fails_in_its_rehearsal(t *testing.T) {
	t.Parallel()
	e, first, _ := rehearsing(t, enginetest.Outcome{Exits: true, Code: 1, Stderr: "agent: line 3:\nunknown setting\n"})
	_, _, err := ensureFound(t.Context(), e, rehearsed())
	require.EqualError(t, err,
		`replace container "`+name+`": image "localhost/poststack/postgres:1" does not take what it is to serve: `+
			`agent: line 3:; unknown setting; the running container serves on: mend it`)
	now, err := e.ContainerInspect(t.Context(), name)
	require.NoError(t, err)
	assert.Equal(t, first, now)
	assert.Zero(t, called(e, "ContainerStop"))
	left, err := e.ContainerList(t.Context(), container.DisposableLabels())
	require.NoError(t, err)
	assert.Empty(t, left)
}

func TestEnsure_whose_rehearsal_does_not_end(t *testing.T) {
	t.Parallel()
	e, first, _ := rehearsing(t, enginetest.Outcome{})
	s := rehearsed()
	s.Rehearsal.Limit = time.Millisecond
	_, _, err := ensureFound(t.Context(), e, s)
	require.ErrorContains(t, err, "it took longer than 1ms; the running container serves on")
	now, err := e.ContainerInspect(t.Context(), name)
	require.NoError(t, err)
	assert.Equal(t, first.ID, now.ID)

	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("somebody pressed Ctrl-C")
	cancel(stopped)
	_, err = container.Replace(ctx, e, rehearsed())
	require.ErrorIs(t, err, stopped)
}

// TestEnsure_without_a_rehearsal has nothing running to lose, or nothing to replace.
func TestEnsure_without_a_rehearsal(t *testing.T) {
	t.Parallel()
	for what, tc := range map[string]struct {
		begin  func(t *testing.T, e *enginetest.Fake)
		change container.Change
	}{
		"there is none": {func(*testing.T, *enginetest.Fake) {}, container.Made},
		"it was stopped": {
			func(t *testing.T, e *enginetest.Fake) { t.Helper(); ensure(t, e, service()); e.Exit(name, 0) }, container.Replaced,
		},
		"it has crashed": {
			func(t *testing.T, e *enginetest.Fake) { t.Helper(); ensure(t, e, rehearsed()); e.Exit(name, 1) }, container.Mended,
		},
		"it is as it was": {
			func(t *testing.T, e *enginetest.Fake) { t.Helper(); ensure(t, e, rehearsed()) }, container.Kept,
		},
		"it only starts": {
			func(t *testing.T, e *enginetest.Fake) { t.Helper(); ensure(t, e, rehearsed()); e.Exit(name, 0) }, container.Started,
		},
		"nothing declares": {
			func(t *testing.T, e *enginetest.Fake) { t.Helper(); ensure(t, e, service()) }, container.Replaced,
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			e := newEngine()
			tc.begin(t, e)
			s := rehearsed()
			if what == "nothing declares" {
				s.Rehearsal = container.Rehearsal{}
			}
			_, change := ensure(t, e, s)
			assert.Equal(t, tc.change, change)
			assert.Zero(t, called(e, "ContainerWait"))
		})
	}
}
