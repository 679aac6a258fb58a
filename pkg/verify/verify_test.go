package verify_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
	"github.com/poststack/poststack/pkg/image"
	"github.com/poststack/poststack/pkg/verify"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const ref engine.Ref = "localhost/poststack/x:1"

// bench is an engine in memory with the image x, and what its containers answer.
type bench struct {
	*enginetest.Fake
	answers map[string]engine.ExecResult // by command; others succeed
	image   image.Definition
	started []container.DisposableSpec
}

func newBench(checks ...image.Check) *bench {
	b := &bench{Fake: enginetest.NewFake(), answers: map[string]engine.ExecResult{}}
	b.AddImage(engine.Image{Tags: []engine.Ref{ref}})
	b.image = image.Definition{Name: "x", Runtime: image.Runtime{Ready: 200 * time.Millisecond, Checks: checks}}
	b.image.Stop.Timeout = 200 * time.Millisecond
	b.OnExec = func(_ engine.Container, spec engine.ExecSpec) (engine.ExecResult, error) {
		text := strings.Join(spec.Command, " ")
		for part, answer := range b.answers {
			if strings.Contains(text, part) {
				return answer, nil
			}
		}
		return engine.ExecResult{}, nil
	}
	return b
}

// box is a container of the bench.
type box struct {
	b  *bench
	id engine.ContainerID
}

func (x box) ID() engine.ContainerID { return x.id }
func (x box) Close() error           { return x.b.ContainerRemove(context.Background(), x.id) }

func (b *bench) start(ctx context.Context, spec container.DisposableSpec) (verify.Disposable, error) {
	b.started = append(b.started, spec)
	full := engine.ContainerSpec{
		Image: spec.Image, Command: spec.Command, Env: spec.Env, Labels: container.DisposableLabels(), Network: spec.Network,
	}
	for _, p := range spec.Ports {
		full.Ports = append(full.Ports, engine.Port{Container: p, HostIP: "127.0.0.1"})
	}
	id, err := b.ContainerCreate(ctx, full)
	if err != nil {
		return nil, err
	}
	if err := b.ContainerStart(ctx, id); err != nil {
		return nil, errors.Join(err, b.ContainerRemove(context.Background(), id))
	}
	return box{b, id}, nil
}

func (b *bench) verify(ctx context.Context) ([]verify.Result, error) {
	return verify.Image(ctx, verify.Options{Engine: b, Start: b.start, Image: b.image, Ref: ref})
}

// assertEmpty fails if something is left on the engine.
func (b *bench) assertEmpty(t *testing.T) {
	t.Helper()
	b.OnCall = nil
	labels := map[string]string{container.LabelDisposable: "true"}
	containers, err := b.ContainerList(context.Background(), labels)
	require.NoError(t, err)
	assert.Empty(t, containers)
	networks, err := b.NetworkList(context.Background(), labels)
	require.NoError(t, err)
	assert.Empty(t, networks)
	volumes, err := b.VolumeList(context.Background(), labels)
	require.NoError(t, err)
	assert.Empty(t, volumes)
}

func named(t *testing.T, results []verify.Result, check string) verify.Result {
	t.Helper()
	for _, r := range results {
		if r.Check == check {
			return r
		}
	}
	require.Fail(t, "no such check", "%s among %v", check, results)
	return verify.Result{}
}

func exec() image.Check { return image.Check{Line: 4, Exec: &image.ExecCheck{Run: []string{"up"}}} }

const processes = "1 root init\n7 web serve\n8 web serve\n"

func TestImage_checks(t *testing.T) {
	t.Parallel()
	out := func(text string) engine.ExecResult { return engine.ExecResult{Stdout: text} }
	for name, tc := range map[string]struct {
		check          image.Check
		answers        map[string]engine.ExecResult
		row            string
		expected, seen string
		ok             bool
	}{
		"a file as it should be": {
			image.Check{File: &image.FileCheck{Path: "/a", Type: "file", Owner: "a:b", Mode: "0640"}},
			map[string]engine.ExecResult{"stat": out("regular empty file|a:b|640\n")},
			"file /a", "regular file, a:b, 0640", "regular file, a:b, 640", true,
		},
		"a file of another mode": {
			image.Check{File: &image.FileCheck{Path: "/a", Type: "file", Owner: "a:b", Mode: "0600"}},
			map[string]engine.ExecResult{"stat": out("regular file|a:b|640\n")},
			"file /a", "regular file, a:b, 0600", "regular file, a:b, 640", false,
		},
		"a file that is missing": {
			image.Check{File: &image.FileCheck{Path: "/a", Type: "file", Owner: "a:b", Mode: "0600"}},
			map[string]engine.ExecResult{"stat": {Code: 1, Stderr: "stat: no such file"}},
			"file /a", "regular file, a:b, 0600", "status 1: stat: no such file", false,
		},
		"a process": {
			image.Check{Process: &image.ProcessCheck{Name: "serve", User: "web"}},
			map[string]engine.ExecResult{"/proc/[0-9]": out(processes)},
			"process serve", "user web", "2 of user web", true,
		},
		"a process of another": {
			image.Check{Process: &image.ProcessCheck{Name: "init", User: "web"}},
			map[string]engine.ExecResult{"/proc/[0-9]": out(processes)},
			"process init", "user web", "1 of user root", false,
		},
		"a process that is none": {
			image.Check{Process: &image.ProcessCheck{Name: "cron", User: "web"}},
			map[string]engine.ExecResult{"/proc/[0-9]": out(processes)},
			"process cron", "user web", "not among init, serve", false,
		},
		"no list of processes": {
			image.Check{Process: &image.ProcessCheck{Name: "cron", User: "web"}},
			nil, "process cron", "user web", "list processes: status 0", false,
		},
		"an open port": {
			image.Check{Listening: &image.PortCheck{Port: 80}},
			map[string]engine.ExecResult{"/proc/net/tcp": out("  sl  local\n 0: 00000000:0050 00000000:0000 0A 0\n")},
			"listening 80", "open", "open", true,
		},
		"another open port": {image.Check{Listening: &image.PortCheck{Port: 81}}, map[string]engine.ExecResult{
			"/proc/net/tcp": out(" 0: 00000000:0050 00000000:0000 0A 0\n 1: 00000000:0051 00000000:0000 01 0\n"),
		}, "listening 81", "open", "open are 80", false},
		"no open port": {
			image.Check{Listening: &image.PortCheck{Port: 81}}, nil, "listening 81", "open", "no port is open", false,
		},
		"access": {
			image.Check{Access: &image.AccessCheck{Path: "/k", User: "web", Read: true}},
			map[string]engine.ExecResult{"/k": out("r\n")},
			"access /k by web",
			"reads, does not write", "reads, does not write", true,
		},
		"too much access": {
			image.Check{Access: &image.AccessCheck{Path: "/k", User: "web", Read: true}},
			map[string]engine.ExecResult{"/k": out("r\nw\n")},
			"access /k by web",
			"reads, does not write", "reads and writes", false,
		},
		"no access": {
			image.Check{Access: &image.AccessCheck{Path: "/k", User: "web"}},
			nil,
			"access /k by web", "neither reads nor writes", "neither reads nor writes", true,
		},
		"hidden": {
			image.Check{Access: &image.AccessCheck{Path: "/k", User: "web"}},
			map[string]engine.ExecResult{"/k": out("no such file, or no way to it\n")},
			"access /k by web", "neither reads nor writes", "no such file, or no way to it", true,
		},
		"missing": {
			image.Check{Access: &image.AccessCheck{Path: "/k", User: "web", Write: true}},
			map[string]engine.ExecResult{"/k": out("no such file, or no way to it\n")},
			"access /k by web", "writes, does not read", "no such file, or no way to it", false,
		},
		"a command": {
			image.Check{Command: &image.CommandCheck{Run: []string{"id"}, ExitCode: 3, Output: "u.d"}},
			map[string]engine.ExecResult{"id": {Code: 3, Stdout: "the uid"}},
			"command id", "status 3, prints /u.d/", `status 3, "uid"`, true,
		},
		"another status": {
			image.Check{Command: &image.CommandCheck{Run: []string{"id"}}},
			map[string]engine.ExecResult{"id": {Code: 3, Stderr: "a\nno\n"}},
			"command id", "status 0", `status 3, prints "no"`, false,
		},
		"another output": {
			image.Check{Command: &image.CommandCheck{Run: []string{"id"}, Output: "^x$"}},
			map[string]engine.ExecResult{"id": out("y\n")},
			"command id",
			"status 0, prints /^x$/", `status 0, prints "y"`, false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tc.check.Line = 7
			b := newBench(exec(), tc.check)
			for k, v := range tc.answers {
				b.answers[k] = v
			}
			results, err := b.verify(t.Context())
			got := named(t, results, tc.row)
			assert.Equal(t, tc.expected, got.Expected)
			assert.Equal(t, tc.seen, got.Seen)
			assert.Equal(t, tc.ok, got.OK)
			assert.Equal(t, 7, got.Line)
			if tc.ok {
				require.NoError(t, err)
			} else {
				var failed *verify.Error
				require.ErrorAs(t, err, &failed)
				assert.EqualError(t, failed,
					`verify image "x": containers/x/image.yaml:7: `+tc.row+": expected "+tc.expected+", seen: "+tc.seen)
			}
			b.assertEmpty(t)
		})
	}
}

func TestImage_main_process_is_that_of_user(t *testing.T) {
	t.Parallel()
	b := newBench(exec())
	b.image.User = "web"
	b.answers["/proc/[0-9]"] = engine.ExecResult{Stdout: processes}
	results, err := b.verify(t.Context())
	require.Error(t, err)
	assert.Equal(t, "user root (init)", named(t, results, "main process").Seen)
}

func TestImage_service_has_no_more_than_it_declares(t *testing.T) {
	t.Parallel()
	for status, want := range map[string]struct {
		seen string
		ok   bool
	}{
		"Name:\tinit\nCapBnd:\t0000000000000400\nNoNewPrivs:\t1\n": {
			"capabilities: NET_BIND_SERVICE, no new privileges", true,
		},
		"CapBnd:\t0000000000000401\nNoNewPrivs:\t1\n": {"capabilities: CHOWN NET_BIND_SERVICE, no new privileges", false},
		"CapBnd:\t0000000000000400\nNoNewPrivs:\t0\n": {"capabilities: NET_BIND_SERVICE", false},
		"CapBnd:\t0000000000000000\nNoNewPrivs:\t1\n": {"capabilities: none, no new privileges", false},
		"": {"status 0", false},
	} {
		b := newBench(exec())
		b.image.Service = &image.Service{Capabilities: []string{"NET_BIND_SERVICE"}}
		b.answers["/proc/1/status"] = engine.ExecResult{Stdout: status}
		results, err := b.verify(t.Context())
		assert.Equal(t, want.ok, err == nil, err)
		found := named(t, results, "confinement")
		assert.Equal(t, want.seen, found.Seen)
		assert.Equal(t, want.ok, found.OK)
	}
}

func TestImage_stop(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(*image.Stop)
		seen   string
		ok     bool
	}{
		"ends as declared":         {func(s *image.Stop) { s.Log = "shut .*" }, `"shut down"`, true},
		"ends with another status": {func(s *image.Stop) { s.ExitCode = 143 }, "status 0 after", false},
		"says nothing of its end":  {func(s *image.Stop) { s.Log = "good bye" }, "the log does not have it", false},
		"does not hear its stop signal": {
			func(s *image.Stop) { s.Signal = "SIGHUP" }, "it still runs 200ms after SIGHUP", false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(exec())
			b.Behave = func(engine.ContainerSpec) enginetest.Outcome { return enginetest.Outcome{Stdout: "up\nshut down\n"} }
			tc.change(&b.image.Stop)
			results, err := b.verify(t.Context())
			got := named(t, results, "stop")
			assert.Contains(t, got.Seen, tc.seen)
			assert.Equal(t, tc.ok, got.OK)
			assert.NotContains(t, strings.Join(b.Calls(), "\n"), "ContainerStop", "only the signal itself")
			if !tc.ok {
				var failed *verify.Error
				require.ErrorAs(t, err, &failed)
				assert.Equal(t, []string{"the last lines of x:", "up", "shut down"}, failed.Details())
			}
			b.assertEmpty(t)
		})
	}
}

func TestImage_not_ready(t *testing.T) {
	t.Parallel()
	b := newBench(exec(), image.Check{Listening: &image.PortCheck{Port: 1}})
	b.answers["up"] = engine.ExecResult{Code: 3, Stderr: "busy"}
	results, err := b.verify(t.Context())
	require.Error(t, err)
	assert.Regexp(t, `^wait for exec up \(\d+ms\): it is not ready within 200ms; its last answer: status 3: busy$`,
		named(t, results, "exec up").Seen)
	assert.Equal(t, "not checked: the container is not ready", named(t, results, "listening 1").Seen)
	b.assertEmpty(t)
}

func TestImage_container_that_exits(t *testing.T) {
	t.Parallel()
	b := newBench(exec())
	b.image.Runtime.Ready = time.Minute
	b.Behave = func(engine.ContainerSpec) enginetest.Outcome {
		return enginetest.Outcome{Exits: true, Code: 64, Stderr: "entrypoint: no\n"}
	}
	start := time.Now()
	results, err := b.verify(t.Context())
	assert.Less(t, time.Since(start), time.Minute, "nothing is awaited of a container that has exited")
	assert.Equal(t, "the container exited with status 64", named(t, results, "start").Seen)
	var failed *verify.Error
	require.ErrorAs(t, err, &failed)
	assert.Equal(t, []string{"entrypoint: no"}, failed.Log)
	b.assertEmpty(t)
}

func TestImage_variables_and_restart_and_once(t *testing.T) {
	t.Parallel()
	b := newBench(
		exec(),
		image.Check{Variable: &image.VariableCheck{Name: "A", Value: "2", Run: []string{"show"}, Default: "1", Output: "2"}},
		image.Check{Restart: &image.RestartCheck{Write: []string{"w"}, Read: []string{"r"}, Output: "kept"}},
		image.Check{Once: &image.OnceCheck{
			Command: []string{"version"}, Environment: map[string]string{"B": "c"}, ExitCode: 2, Output: "v[0-9]",
		}},
	)
	b.image.Runtime.Start = image.Start{
		Environment: map[string]string{"A": "1", "Z": "z"}, Volumes: []string{"/data"}, Tmpfs: []string{"/t"},
		Certificate: &image.Certificate{Path: "/etc/certs", Owner: "9999:9998", Mode: "0640"},
	}
	b.Behave = func(spec engine.ContainerSpec) enginetest.Outcome {
		if len(spec.Command) > 0 {
			return enginetest.Outcome{Exits: true, Code: 2, Stdout: "v1\n"}
		}
		return enginetest.Outcome{}
	}
	b.OnExec = func(c engine.Container, spec engine.ExecSpec) (engine.ExecResult, error) {
		switch spec.Command[0] {
		case "show":
			return engine.ExecResult{Stdout: strings.TrimPrefix(c.Env[0], "A=") + "\n"}, nil
		case "r":
			return engine.ExecResult{Stdout: "kept\n"}, nil
		}
		return engine.ExecResult{}, nil
	}
	results, err := b.verify(t.Context())
	require.NoError(t, err)
	for _, check := range []string{"A not set", "A=2", "restart", "once version", "stop"} {
		assert.True(t, named(t, results, check).OK, check)
	}
	require.Len(t, b.started, 3)
	assert.Equal(t, map[string]string{"A": "1", "Z": "z"}, b.started[0].Env)
	assert.Equal(t, map[string]string{"A": "2", "Z": "z"}, b.started[1].Env)
	assert.Equal(t, map[string]string{"B": "c"}, b.started[2].Env)
	assert.Len(t, b.started[0].Volumes, 1)
	assert.Len(t, b.started[0].Locked, 1)
	b.assertEmpty(t)
}

func TestImage_is_started_as_the_service(t *testing.T) {
	t.Parallel()
	b := newBench(exec())
	b.image.Service = &image.Service{
		Environment: map[string]string{"A": "1", "B": "2", "DOMAIN": "${domain}"}, ReadOnly: true, Groups: []int{9999},
		Volumes: []image.ServiceVolume{{Name: "data", Path: "/data"}, {Name: "certs", Path: "/etc/certs"}},
		Tmpfs:   []image.ServiceTmpfs{{Path: "/run/x", Owner: "1:2"}},
		Secrets: []image.ServiceSecret{
			{Name: "password", Path: "/run/p/password", Owner: "1:2"}, {Name: "token", Path: "/run/p/token", Owner: "1:2"},
		},
	}
	b.image.Runtime.Start = image.Start{
		Environment: map[string]string{"B": "3"},
		Certificate: &image.Certificate{Path: "/etc/certs", Owner: "9999:9998", Mode: "0640"},
	}
	b.answers["/proc/1/status"] = engine.ExecResult{Stdout: "CapBnd:\t0000000000000000\nNoNewPrivs:\t1\n" +
		"overlay / overlay ro,relatime 0 0\n"}
	results, err := b.verify(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "capabilities: none, no new privileges, read-only", named(t, results, "confinement").Seen)
	got := b.started[0]
	assert.Equal(t, map[string]string{"A": "1", "B": "3"}, got.Env)
	assert.True(t, got.ReadOnly)
	assert.Equal(t, []int{9999}, got.Groups)
	assert.Equal(t, []engine.Tmpfs{{Path: "/run/x", UID: 1, GID: 2, Mode: 0o700}}, got.Tmpfs)
	assert.Equal(t, []string{"/data"}, slices.Collect(maps.Values(got.Volumes)), "the other one holds the certificate")
	assert.ElementsMatch(t, []string{"/etc/certs", "/run/p"}, slices.Collect(maps.Values(got.Locked)))
	b.assertEmpty(t)
}

func TestImage_cleans_up(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for _, method := range []string{
		"NetworkCreate", "VolumeCreate", "ContainerCreate", "ContainerStart",
		"ContainerInspect", "ContainerExec", "ContainerKill", "ContainerWait", "ContainerLogs",
	} {
		t.Run("when "+method+" does not work", func(t *testing.T) {
			t.Parallel()
			b := full()
			b.OnCall = func(m, _ string) error {
				if m == method {
					return broken
				}
				return nil
			}
			_, err := b.verify(t.Context())
			require.Error(t, err)
			b.assertEmpty(t)
		})
		t.Run("when cancelled in "+method, func(t *testing.T) {
			t.Parallel()
			b := full()
			stop := errors.New("told to stop")
			ctx, cancel := context.WithCancelCause(t.Context())
			b.OnCall = func(m, _ string) error {
				if m == method {
					cancel(stop)
					return context.Cause(ctx)
				}
				return nil
			}
			_, err := b.verify(ctx)
			require.ErrorIs(t, err, stop)
			b.assertEmpty(t)
		})
	}
	t.Run("and says what could not be removed", func(t *testing.T) {
		t.Parallel()
		b := full()
		b.OnCall = func(m, _ string) error {
			if m == "VolumeRemove" {
				return broken
			}
			return nil
		}
		_, err := b.verify(t.Context())
		require.ErrorIs(t, err, broken)
	})
}

// full is a bench on which every kind of thing is made.
func full() *bench {
	b := newBench(exec(), image.Check{Once: &image.OnceCheck{Command: []string{"true"}}})
	b.image.Runtime.Start = image.Start{
		Volumes: []string{"/data"}, Certificate: &image.Certificate{Path: "/p", Owner: "1:2", Mode: "0640"},
	}
	b.image.Stop.Log = "down"
	b.Behave = func(spec engine.ContainerSpec) enginetest.Outcome {
		return enginetest.Outcome{Stdout: "down\n", Exits: len(spec.Command) > 0}
	}
	return b
}

func TestImage_without_checks_is_a_failure(t *testing.T) {
	t.Parallel()
	_, err := newBench().verify(t.Context())
	require.EqualError(t, err, `verify image "x": it declares no checks; add runtime to containers/x/image.yaml`)
}

func TestImage_tcp_refused(t *testing.T) {
	t.Parallel()
	b := newBench(image.Check{TCP: &image.TCPCheck{Port: 80}}, image.Check{HTTP: &image.HTTPCheck{Port: 80, Path: "/up"}})
	results, err := b.verify(t.Context())
	require.Error(t, err)
	assert.Contains(t, named(t, results, "tcp 80").Seen, "it is not ready within 200ms; its last answer: dial tcp")
	assert.Equal(t, []uint16{80}, b.started[0].Ports)
	assert.False(t, named(t, results, "http 80 /up").OK)
	b.assertEmpty(t)
}
