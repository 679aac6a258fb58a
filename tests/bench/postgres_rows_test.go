//go:build bench

package bench_test

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/bench"
	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/image"
)

// postgresRows compare the time from a container's creation to its first answer to a query over TCP, each above
// what the engine takes to run true in the same image with the same port.
func (s *site) postgresRows() []bench.Row {
	ours := image.LatestRef("postgres")
	official, missing := s.peers.officialPostgres(s.T, s.engine)
	row := func(name string, goal float64, existing bool) bench.Row {
		r := bench.Row{Name: name, Unit: bench.Seconds, Goal: goal, Missing: missing}
		r.Ours, r.OursFloor = s.firstQuery("run → query", ours, existing), s.runTrue(ours)
		if missing == "" {
			r.Peer, r.PeerFloor = s.firstQuery("official image", official, existing), s.runTrue(official)
		}
		return r
	}
	return []bench.Row{
		row("postgres image, fresh volume → first query", 0.65, false),
		row("postgres image, existing volume → first query", 0.6, true),
	}
}

// spec is a container of ref with its port published and a volume at the place that its data directory has.
func spec(ref engine.Ref, volume string, command ...string) engine.ContainerSpec {
	return engine.ContainerSpec{
		Image: ref, Command: command, Labels: container.DisposableLabels(),
		Env:    map[string]string{"POSTGRES_PASSWORD": "bench"},
		Ports:  []engine.Port{{Container: 5432, HostIP: "127.0.0.1"}},
		Mounts: []engine.Mount{{Volume: volume, Target: "/var/lib/postgresql/data"}},
	}
}

// run creates and starts a container, waits until it has answered, and removes it. It returns the seconds from
// its creation to the answer.
func (s *site) run(ctx context.Context, spec engine.ContainerSpec, answered func(context.Context, engine.ContainerID) error) (float64, error) {
	start := time.Now()
	id, err := s.engine.ContainerCreate(ctx, spec)
	if err != nil {
		return 0, err
	}
	defer func() { _ = s.engine.ContainerRemove(context.WithoutCancel(ctx), id) }()
	if err := s.engine.ContainerStart(ctx, id); err != nil {
		return 0, err
	}
	if err := answered(ctx, id); err != nil {
		return 0, err
	}
	seconds := time.Since(start).Seconds()
	return seconds, s.engine.ContainerStop(ctx, id, time.Minute)
}

// answers waits for a query's answer over TCP.
func (s *site) answers(ctx context.Context, id engine.ContainerID) error {
	c, err := s.engine.ContainerInspect(ctx, string(id))
	if err != nil {
		return err
	}
	url := fmt.Sprintf("postgres://postgres:bench@127.0.0.1:%d/postgres?sslmode=disable", c.Ports[0].Host)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		var one int
		conn, err := pgx.Connect(ctx, url)
		if err == nil {
			err = conn.QueryRow(ctx, "select 1").Scan(&one)
			_ = conn.Close(ctx)
		}
		if err == nil || time.Now().After(deadline) {
			return err
		}
	}
}

func (s *site) firstQuery(what string, ref engine.Ref, existing bool) *bench.Probe {
	volume := "poststack-bench-" + string(s.kind) + "-" + what[:3]
	s.Cleanup(func() { _ = s.engine.VolumeRemove(context.WithoutCancel(s.Context()), volume) })
	prepare := func(ctx context.Context) error {
		if existing {
			_, err := s.run(ctx, spec(ref, volume), s.answers)
			return err
		}
		return s.newVolume(ctx, volume)
	}
	if existing {
		require.NoError(s, s.newVolume(s.Context(), volume))
	}
	return &bench.Probe{What: what, Prepare: prepare, Measure: func(ctx context.Context) (float64, error) {
		return s.run(ctx, spec(ref, volume), s.answers)
	}}
}

// newVolume makes the volume anew.
func (s *site) newVolume(ctx context.Context, name string) error {
	if err := s.engine.VolumeRemove(ctx, name); err != nil {
		return err
	}
	return s.engine.VolumeCreate(ctx, name, container.DisposableLabels())
}

// runTrue is what the engine takes to run a program that ends at once.
func (s *site) runTrue(ref engine.Ref) *bench.Probe {
	volume := "poststack-bench-" + string(s.kind) + "-true"
	s.Cleanup(func() { _ = s.engine.VolumeRemove(context.WithoutCancel(s.Context()), volume) })
	prepare := func(ctx context.Context) error { return s.newVolume(ctx, volume) }
	return &bench.Probe{What: "run true", Prepare: prepare, Measure: func(ctx context.Context) (float64, error) {
		sp := spec(ref, volume)
		sp.Entrypoint, sp.Command = []string{"true"}, []string{}
		return s.run(ctx, sp, func(ctx context.Context, id engine.ContainerID) error {
			_, err := s.engine.ContainerWait(ctx, id)
			return err
		})
	}}
}
