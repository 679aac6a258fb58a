package service_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/service"
)

func TestInOrder(t *testing.T) {
	t.Parallel()
	needs := map[string][]string{"web": {"app", "postgres"}, "app": {"postgres"}, "dns": {"postgres"}}
	names := []string{"web", "app", "dns"} // postgres is started elsewhere
	var mu sync.Mutex
	var done []string
	beside := make(chan struct{})
	err := service.InOrder(t.Context(), names, func(name string) []string { return needs[name] },
		func(_ context.Context, name string, _ func()) error {
			switch name { // who need not wait for each other run side by side: each waits here until the other has begun
			case "app":
				beside <- struct{}{}
			case "dns":
				<-beside
			}
			mu.Lock()
			defer mu.Unlock()
			done = append(done, name)
			return nil
		})
	require.NoError(t, err)
	assert.ElementsMatch(t, names, done)
	assert.Less(t, slices.Index(done, "app"), slices.Index(done, "web"))
}

func TestInOrder_failure_ends_what_waits_and_what_runs(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	err := service.InOrder(t.Context(), []string{"app", "dns", "web"}, func(name string) []string {
		return map[string][]string{"web": {"app"}}[name]
	}, func(ctx context.Context, name string, _ func()) error {
		switch name {
		case "app":
			return broken
		case "dns":
			<-ctx.Done()
			return context.Cause(ctx)
		default:
			t.Errorf("%s was started without what it needs", name)
			return nil
		}
	})
	require.Equal(t, broken, err)
}

func TestInOrder_goes_on_when_a_need_is_met(t *testing.T) {
	t.Parallel()
	begun := make(chan struct{})
	err := service.InOrder(t.Context(), []string{"app", "web"}, func(name string) []string {
		return map[string][]string{"web": {"app"}}[name]
	}, func(_ context.Context, name string, met func()) error {
		if name == "web" {
			close(begun)
			return nil
		}
		met()
		<-begun // the rest of it goes beside what waited
		return nil
	})
	require.NoError(t, err)
}

// restarted is an engine whose container has been started again some times.
type restarted struct {
	container.Engine
	times []int
}

func (r *restarted) ContainerInspect(context.Context, string) (engine.Container, error) {
	c := engine.Container{Name: "web", State: engine.Running, Restarts: r.times[0], ExitCode: 3}
	r.times = r.times[1:]
	return c, nil
}

func (r *restarted) ContainerLogs(
	_ context.Context, _ engine.ContainerID, _ engine.LogOptions, out, _ io.Writer,
) error {
	_, err := io.WriteString(out, "no space left")
	return err
}

func TestAlive_tells_of_one_that_the_engine_has_started_again(t *testing.T) {
	t.Parallel()
	alive := service.Alive(&restarted{times: []int{7, 7, 8}}, "1")
	require.NoError(t, alive(t.Context()), "what was before is no matter")
	require.NoError(t, alive(t.Context()))
	var exited *service.ExitedError
	require.ErrorAs(t, alive(t.Context()), &exited)
	assert.EqualError(t, exited, `container "web" exited again and again: no space left`)
}
