//go:build bench

package bench_test

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/image"
)

// firstQueries compare the time from a container's creation to its first answer to a query over TCP. The floor of
// each side is what the engine takes for true with the same port and volume until its call to start it has
// returned: from then on the image's own program runs. Until the engine has reported the end of true would be
// no floor: on docker the network's teardown counts into that, and it took longer than a server's whole start.
func firstQueries() group {
	return group{
		rows: []string{"postgres image, fresh volume → first query", "postgres image, existing volume → first query"},
		prepare: func(s *site) []Row {
			ours := image.LatestRef("postgres")
			official, err := s.peers.officialPostgres(s.Context(), s.engine)
			row := func(name string, goal float64, existing bool) Row {
				return against(
					Row{
						Name: name, Unit: Seconds, Goal: goal,
						Ours: s.firstQuery("ours", ours, existing), OursFloor: s.startTrue(ours),
					}, s.firstQuery("official image", official, existing), s.startTrue(official), err,
				)
			}
			return []Row{
				row("postgres image, fresh volume → first query", 0.65, false),
				row("postgres image, existing volume → first query", 0.6, true),
			}
		},
	}
}

func (s *site) startTrue(ref engine.Ref) *Probe {
	p := s.runTrue(ref, s.started, nil)
	p.What = "true has started"
	return p
}

// firstQuery has a container answer, on a volume that is new each time, or holds the data of its last run.
func (s *site) firstQuery(what string, ref engine.Ref, existing bool) *Probe {
	volume := s.volume(fmt.Sprintf("%.4s-%t", what, existing))
	filled := false
	prepare := func(ctx context.Context) error {
		if existing && filled {
			return nil
		}
		err := s.newVolume(ctx, volume)
		if err == nil && existing {
			filled = true
			_, err = s.run(ctx, spec(ref, volume), s.answers)
		}
		return err
	}
	return &Probe{What: what, Prepare: prepare, Measure: func(ctx context.Context) (float64, error) {
		return s.run(ctx, spec(ref, volume), s.answers)
	}}
}

// spec is a container of ref with its port published and a volume at the place that its data directory has.
func spec(ref engine.Ref, volume string) engine.ContainerSpec {
	return engine.ContainerSpec{
		Image: ref, Labels: container.DisposableLabels(),
		Env:    map[string]string{"POSTGRES_PASSWORD": "bench"},
		Ports:  []engine.Port{{Container: 5432, HostIP: "127.0.0.1"}},
		Mounts: []engine.Mount{{Volume: volume, Target: "/var/lib/postgresql/data"}},
	}
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

// volume names a volume of the group's and removes it in the end.
func (s *site) volume(name string) string {
	name = "poststack-bench-" + string(s.kind) + "-" + name
	s.Cleanup(func() { _ = s.engine.VolumeRemove(context.WithoutCancel(s.Context()), name) })
	return name
}

// newVolume makes the volume anew.
func (s *site) newVolume(ctx context.Context, name string) error {
	if err := s.engine.VolumeRemove(ctx, name); err != nil {
		return err
	}
	return s.engine.VolumeCreate(ctx, name, container.DisposableLabels())
}
