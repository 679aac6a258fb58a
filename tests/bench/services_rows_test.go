//go:build bench

package bench_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/image"
)

// hosting are the services beside the database.
const hosting = "nginx,apache,dovecot,bind,certbot"

// serviceSizes tell how much a service's image has above the base.
func serviceSizes() group {
	g := group{}
	for name := range strings.SplitSeq(hosting, ",") {
		g.rows = append(g.rows, "size of "+name+" above the base")
	}
	g.prepare = func(s *site) (rows []Row) {
		size := func(ctx context.Context, name string) (float64, error) {
			img, err := s.engine.ImageInspect(ctx, image.LatestRef(name))
			return float64(img.SizeBytes) / 1e6, err
		}
		for i, name := range strings.Split(hosting, ",") {
			rows = append(rows, Row{
				Name: g.rows[i], Unit: Megabytes, Goal: 70,
				Ours: &Probe{What: name, Measure: func(ctx context.Context) (float64, error) {
					whole, err := size(ctx, name)
					base, baseErr := size(ctx, "base-debian")
					return whole - base, errors.Join(err, baseErr)
				}},
			})
		}
		return rows
	}
	return g
}

// agents tell what the agents take while nothing happens: the one that takes most.
func agents() group {
	return group{
		rows:  []string{"memory of an agent", "processor of an agent in 10 s of idleness"},
		stack: true,
		prepare: func(s *site) []Row {
			s.chosen(hosting)
			return []Row{
				{Name: "memory of an agent", Unit: Megabytes, Goal: 20, Ours: &Probe{What: "the largest", Measure: s.agentMemory}},
				{
					Name: "processor of an agent in 10 s of idleness", Unit: Seconds,
					Goal: 0.02, Ours: &Probe{What: "the busiest", Measure: s.agentProcessor},
				},
			}
		},
	}
}

// ofAgents asks all containers for something of their first process, which is the agent.
func (s *site) ofAgents(ctx context.Context, script string) (all map[string]float64, err error) {
	all = map[string]float64{}
	for name := range strings.SplitSeq(hosting, ",") {
		c, err := s.engine.ContainerInspect(ctx, "poststack-"+s.c.Stack(s.T)+"-"+name)
		if err != nil {
			return nil, err
		}
		r, err := s.engine.ContainerExec(ctx, c.ID, engine.ExecSpec{Command: []string{"sh", "-c", script}})
		if err != nil {
			return nil, err
		}
		if all[name], err = strconv.ParseFloat(strings.TrimSpace(r.Stdout), 64); err != nil {
			return nil, fmt.Errorf("ask %s: %w", name, err)
		}
	}
	return all, nil
}

// agentMemory is what is resident. Source: proc(5), /proc/pid/status.
func (s *site) agentMemory(ctx context.Context) (most float64, err error) {
	all, err := s.ofAgents(ctx, `awk '$1 == "VmRSS:" { print $2 }' /proc/1/status`)
	for _, kilobytes := range all {
		most = max(most, kilobytes*1024/1e6)
	}
	return most, err
}

// agentProcessor is the time of the processor, in user and in kernel. Source: proc(5), /proc/pid/stat: ticks of 10 ms.
func (s *site) agentProcessor(ctx context.Context) (most float64, err error) {
	const idle = 10 * time.Second
	const ticks = `awk '{ print $14 + $15 }' /proc/1/stat`
	before, err := s.ofAgents(ctx, ticks)
	if err != nil {
		return 0, err
	}
	select {
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-time.After(idle):
	}
	after, err := s.ofAgents(ctx, ticks)
	for name := range after {
		most = max(most, (after[name]-before[name])/100)
	}
	return most, err
}

// serviceSetups compare the whole road with all services with that of the database alone, and with compose's.
func serviceSetups() group {
	g := group{stack: true, rows: []string{
		"setup with five services, fresh volumes", "setup with five services, nothing changed",
		"setup with five services, fresh volumes, beside compose",
		"setup with five services, nothing changed, beside compose",
	}}
	g.prepare = func(s *site) []Row {
		warmPeer, freshPeer, err := s.peers.composeServices(s.T)
		s.chosen(hosting)
		with, alone, reset := s.mage([]string{"POSTSTACK_SERVICES=" + hosting}, "setup"), s.mage(nil, "setup"), s.mage(nil,
			"reset", "-yes")
		anew := func(ctx context.Context) error { return errors.Join(reset(ctx), alone(ctx)) }
		fresh, warm := Timed("mage setup", reset, with), Timed("mage setup", with, with)
		return []Row{
			{
				Name: g.rows[0], Unit: Seconds, Goal: 2, Ours: fresh, OursFloor: s.noop(),
				Peer: Timed("the database alone", reset, alone), PeerFloor: s.noop(),
			},
			{
				Name: g.rows[1], Unit: Seconds, Goal: 1.6, Ours: warm, OursFloor: s.noop(),
				Peer: Timed("the database alone", anew, alone), PeerFloor: s.noop(),
			},
			against(Row{Name: g.rows[2], Unit: Seconds, Goal: 0.6, Ours: fresh, OursFloor: s.noop()}, freshPeer, nil, err),
			against(Row{Name: g.rows[3], Unit: Seconds, Goal: 0.1, Ours: warm, OursFloor: s.noop()}, warmPeer, nil, err),
		}
	}
	return g
}

// composeServices is the same work through docker compose: the daemons of the same packages with plain configurations.
// Where the engine has no official image of PostgreSQL, it takes ours.
func (p *peers) composeServices(t *testing.T) (warm, fresh *Probe, err error) {
	t.Helper()
	docker, err := p.docker(t)
	if err != nil {
		return nil, nil, err
	}
	if err := p.prepare(t, docker); err != nil {
		return nil, nil, err
	}
	postgres, err := p.officialPostgres(t.Context(), docker)
	if err != nil {
		postgres = image.LatestRef("postgres")
	}
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		return nil, nil, err
	}
	run := p.project(filepath.Join(root, "tests", "bench", "testdata", "compose"),
		[]string{
			"POSTGRES=" + string(postgres), "LIQUIBASE=" + stockLiquibase, "CHANGELOGS=" + filepath.Join(root, "changelogs"),
		})
	down, up := run("down", "--volumes"), run(append([]string{"up", "--detach", "--wait", "db"},
		strings.Split(hosting, ",")...)...)
	t.Cleanup(func() { _ = down(context.WithoutCancel(t.Context())) })
	return Timed("compose", up, up), Timed("compose", down, up), up(t.Context())
}
