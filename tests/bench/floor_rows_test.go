//go:build bench

package bench_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/image"
)

// floors are what nothing of ours can be faster than, to be seen beside the other figures: the engine's own work
// for a program that ends at once, with the default network and without one, and PostgreSQL's for a new
// database and for a start. They have no goals.
func floors() group {
	return group{
		rows: []string{
			"engine: run true, port published", "engine: run true, host network", "initdb --no-sync", "server start",
		},
		prepare: func(s *site) []Row {
			ours := image.LatestRef("postgres")
			inside := s.inside(ours)
			row := func(name string, probe *Probe) Row {
				return Row{Name: name, Unit: Seconds, Ours: probe}
			}
			host := func(spec *engine.ContainerSpec) { spec.Ports, spec.HostNetwork = nil, true }
			return []Row{
				row("engine: run true, port published", s.runTrue(ours, s.ended, nil)),
				row("engine: run true, host network", s.runTrue(ours, s.ended, host)),
				row("initdb --no-sync", inside("rm -rf /tmp/data", "initdb --no-sync -D /tmp/data")),
				row("server start", inside(
					"pg_ctl -m fast -w stop -D /tmp/data; test -e /tmp/data || initdb --no-sync -D /tmp/data",
					"postgres -D /tmp/data -c logging_collector=on & until pg_isready -q -h /run/postgresql; do :; done")),
			}
		},
	}
}

// runTrue is what the engine takes to run a program that ends at once, until reached.
func (s *site) runTrue(ref engine.Ref, reached step, change func(*engine.ContainerSpec)) *Probe {
	volume := s.volume("true")
	return &Probe{
		What:    "run true",
		Prepare: func(ctx context.Context) error { return s.newVolume(ctx, volume) },
		Measure: func(ctx context.Context) (float64, error) {
			spec := spec(ref, volume)
			spec.Entrypoint, spec.Command = []string{"true"}, []string{}
			if change != nil {
				change(&spec)
			}
			return s.run(ctx, spec, reached)
		},
	}
}

// ended waits until the engine reports a container's end.
func (s *site) ended(ctx context.Context, id engine.ContainerID) error {
	_, err := s.engine.ContainerWait(ctx, id)
	return err
}

// started waits for nothing: the engine's call has returned, and so the program runs.
func (s *site) started(context.Context, engine.ContainerID) error { return nil }

// inside makes probes of what commands take in a container of the image, by the container's own clock: what the
// engine takes to start a program there does not count.
func (s *site) inside(ref engine.Ref) func(prepare, work string) *Probe {
	id, err := s.engine.ContainerCreate(s.Context(), engine.ContainerSpec{
		Image: ref, Entrypoint: []string{"sleep"}, Command: []string{"infinity"}, Labels: container.DisposableLabels(),
	})
	require.NoError(s, err)
	s.Cleanup(func() { require.NoError(s, s.engine.ContainerRemove(context.WithoutCancel(s.Context()), id)) })
	require.NoError(s, s.engine.ContainerStart(s.Context(), id))
	return func(prepare, work string) *Probe {
		return &Probe{What: "in the image", Measure: func(ctx context.Context) (float64, error) {
			script := fmt.Sprintf("{ %s; } >/dev/null 2>&1; a=$EPOCHREALTIME; { %s; } >/dev/null 2>&1 || exit; echo $a "+
				"$EPOCHREALTIME",
				prepare, work)
			res, err := s.engine.ContainerExec(ctx, id, engine.ExecSpec{Command: []string{"bash", "-c", script}})
			if err != nil {
				return 0, err
			}
			times := strings.Fields(res.Stdout)
			if res.Code != 0 || len(times) != 2 {
				return 0, fmt.Errorf("run %q: exit status %d: %s", work, res.Code, res.Stderr)
			}
			from, err := strconv.ParseFloat(times[0], 64)
			if err != nil {
				return 0, err
			}
			to, err := strconv.ParseFloat(times[1], 64)
			return to - from, err
		}}
	}
}

// step waits until a container has come to some point.
type step func(context.Context, engine.ContainerID) error

// run creates and starts a container, waits until it has reached a point, and removes it. It returns the seconds
// from its creation to that point.
func (s *site) run(ctx context.Context, spec engine.ContainerSpec, reached step) (float64, error) {
	start := time.Now()
	id, err := s.engine.ContainerCreate(ctx, spec)
	if err != nil {
		return 0, err
	}
	defer func() { _ = s.engine.ContainerRemove(context.WithoutCancel(ctx), id) }()
	if err := s.engine.ContainerStart(ctx, id); err != nil {
		return 0, err
	}
	if err := reached(ctx, id); err != nil {
		return 0, err
	}
	seconds := time.Since(start).Seconds()
	return seconds, s.engine.ContainerStop(ctx, id, time.Minute)
}
