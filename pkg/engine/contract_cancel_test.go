package engine_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
)

func (s *suite) cancelCases() []testCase {
	return []testCase{
		{"a cancelled build leaves no process, no container and no tag", s.cancelBuild},
		{"a build that is cancelled already starts nothing", func(ctx context.Context, t *testing.T) {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			_, err := s.Build(ctx, s.build(t, "cancelled", "COPY marker /marker"))
			require.ErrorIs(t, err, context.Canceled)
		}},
		{"a container whose creation is cut short is whole, or not there", s.cancelCreate},
		{"a start that is cut short has been made, or not at all", s.cancelStart},
	}
}

// cancelCreate cancels at several moments of a creation, of which the copy of its files is a part.
func (s *suite) cancelCreate(ctx context.Context, t *testing.T) {
	for _, after := range []time.Duration{
		0, time.Millisecond, 5 * time.Millisecond, 20 * time.Millisecond, 80 * time.Millisecond,
	} {
		spec := s.spec("sleep", "120s")
		spec.Files = []engine.File{{Path: "/run/secret", Mode: 0o400, Content: []byte("x")}}
		cut, cancel := context.WithTimeout(ctx, after)
		id, err := s.ContainerCreate(cut, spec)
		cancel()
		if err == nil { // it was quicker
			require.NoError(t, s.ContainerRemove(ctx, id))
			continue
		}
		require.ErrorIs(t, err, context.DeadlineExceeded)
		_, err = s.ContainerInspect(ctx, spec.Name)
		require.ErrorIs(t, err, engine.ErrNotFound, "cut short after %s", after)
	}
}

// cancelStart cancels at several moments of a start. Podman lost sight of what it had begun to start.
func (s *suite) cancelStart(ctx context.Context, t *testing.T) {
	for _, after := range []time.Duration{
		0, 5 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond,
	} {
		id := s.create(ctx, t, s.spec("sleep", "120s", s.name))
		cut, cancel := context.WithTimeout(ctx, after)
		err := s.ContainerStart(cut, id)
		cancel()
		c, inspectErr := s.ContainerInspect(ctx, string(id))
		require.NoError(t, inspectErr)
		if err != nil {
			assert.Equal(t, engine.Created, c.State, "cut short after %s", after)
		} else {
			assert.Equal(t, engine.Running, c.State, "cut short after %s", after)
		}
		require.NoError(t, s.ContainerRemove(ctx, id))
	}
	assert.Empty(t, awaitProcesses(s.name, false), "processes left behind")
}

func (s *suite) cancelBuild(ctx context.Context, t *testing.T) {
	spec := s.build(t, "cancelled", "COPY marker /marker", `RUN ["/program", "sleep", "600s", "`+s.name+`"]`)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	spec.OnStep = func(st engine.Step) {
		if strings.HasPrefix(st.Text, "RUN") && st.Duration == 0 {
			go func() {
				awaitProcesses(s.name, true)
				cancel()
			}()
		}
	}
	start := time.Now()
	_, err := s.Build(ctx, spec)
	require.ErrorIs(t, err, context.Canceled)
	assert.Less(t, time.Since(start), time.Minute)
	assert.Empty(t, awaitProcesses(s.name, false), "processes left behind")
	assert.Empty(t, enginetest.Notes(s.name), "working containers left behind")
	_, err = s.ImageInspect(context.WithoutCancel(ctx), spec.Tags[0])
	require.ErrorIs(t, err, engine.ErrNotFound)
}

// awaitProcesses waits up to a minute until there are processes of the RUN step, or none any more, and
// returns those there are.
func awaitProcesses(mark string, want bool) []string {
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		found := processes(mark)
		if (len(found) > 0) == want || time.Now().After(deadline) {
			return found
		}
	}
}

// processes finds the programs of a RUN step, also in other name spaces, by an argument of theirs.
func processes(mark string) []string {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline") // the pattern is well-formed
	var out []string
	for _, f := range files {
		line, err := os.ReadFile(f)
		if err == nil && strings.HasPrefix(string(line), "/program\x00") && strings.Contains(string(line), mark) {
			out = append(out, strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return out
}
