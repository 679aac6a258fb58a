package engine_test

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
)

func (s *suite) runCases() []testCase {
	return []testCase{
		{"the exit status arrives", func(ctx context.Context, t *testing.T) {
			code, _ := s.output(ctx, t, s.spec("exit", "7"))
			assert.Equal(t, 7, code)
		}},
		{"stdout and stderr are told apart and the tail is cut", s.streams},
		{"following logs ends with the container", s.follow},
		{"a cancelled wait ends", func(ctx context.Context, t *testing.T) {
			id := s.start(ctx, t, s.spec("wait"))
			ctx, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
			defer cancel()
			_, err := s.ContainerWait(ctx, id)
			require.ErrorIs(t, err, context.DeadlineExceeded)
		}},
		{"a container that is kept up comes back", s.keepUp},
		{"stop sends the image's stop signal", func(ctx context.Context, t *testing.T) {
			built := s.build(t, "signal", "STOPSIGNAL SIGINT")
			_, err := s.Build(ctx, built)
			require.NoError(t, err)
			img, err := s.ImageInspect(ctx, built.Tags[0])
			require.NoError(t, err)
			assert.Equal(t, "SIGINT", img.StopSignal)
			spec := s.spec("wait")
			spec.Image = built.Tags[0]
			id := s.start(ctx, t, spec)
			s.awaitLine(ctx, t, id, "waiting")
			require.NoError(t, s.ContainerStop(ctx, id, 10*time.Second))
			code, err := s.ContainerWait(ctx, id)
			require.NoError(t, err)
			assert.Equal(t, 42, code, "40 and the number of SIGINT")
		}},
		{"stop kills what does not end in time", func(ctx context.Context, t *testing.T) {
			id := s.start(ctx, t, s.spec("sleep", "600s"))
			start := time.Now()
			require.NoError(t, s.ContainerStop(ctx, id, time.Second))
			assert.Less(t, time.Since(start), time.Minute)
			c, err := s.ContainerInspect(ctx, string(id))
			require.NoError(t, err)
			assert.Equal(t, engine.Exited, c.State)
		}},
	}
}

func (s *suite) insideCases() []testCase {
	return []testCase{
		{"exec returns status, output, user and environment", s.exec},
		{"exec in a container that does not run is an error", func(ctx context.Context, t *testing.T) {
			id := s.create(ctx, t, s.spec("wait"))
			_, err := s.ContainerExec(ctx, id, engine.ExecSpec{Command: []string{"/program", "id"}})
			require.Error(t, err)
		}},
		{"user, environment and entrypoint are the specification's", func(ctx context.Context, t *testing.T) {
			spec := s.spec()
			spec.User, spec.Entrypoint = "1234:567", []string{"/program", "id"}
			_, out := s.output(ctx, t, spec)
			assert.Equal(t, "1234:567\n", out)
			spec = s.spec("env", "KEY")
			spec.Env = map[string]string{"KEY": "a 'quoted' $value"}
			_, out = s.output(ctx, t, spec)
			assert.Equal(t, "a 'quoted' $value\n", out)
		}},
		{"a read-only container writes only to its tmpfs", func(ctx context.Context, t *testing.T) {
			spec := s.spec("write", "/etc/new", "x")
			spec.ReadOnly, spec.Tmpfs = true, []engine.Tmpfs{{Path: "/run"}}
			code, _ := s.output(ctx, t, spec)
			assert.Equal(t, 1, code)
			spec.Name, spec.Command = s.fresh(), []string{"write", "/run/new", "x"}
			code, out := s.output(ctx, t, spec)
			assert.Equal(t, 0, code, out)
		}},
		{
			"a directory in memory is the user's, as large as asked for, and runs nothing",
			func(ctx context.Context, t *testing.T) {
				spec := s.spec("cat", "/proc/self/mounts")
				spec.User, spec.ReadOnly = "1234:567", true
				spec.Tmpfs = []engine.Tmpfs{{Path: "/scratch", UID: 1234, GID: 567, Mode: 0o750, Bytes: 1 << 20}}
				_, out := s.output(ctx, t, spec)
				line := out[max(0, strings.Index(out, " /scratch tmpfs ")):]
				line, _, _ = strings.Cut(line, "\n")
				options := []string{"rw", "noexec", "nosuid", "nodev", "size=1024k", "mode=750"}
				if !s.Info().Rootless { // the kernel tells the IDs as this machine has them
					options = append(options, "uid=1234", "gid=567")
				}
				for _, option := range options {
					assert.Contains(t, strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == ',' }), option, out)
				}
			},
		},
		{"groups are added to the user's own", func(ctx context.Context, t *testing.T) {
			spec := s.spec("cat", "/proc/self/status")
			spec.User, spec.Groups = "1234:567", []int{9999, 4242}
			_, out := s.output(ctx, t, spec)
			assert.Regexp(t, `(?m)^Groups:\s(.* )?4242 (.* )?9999`, out)
		}},
		{"a confined container has only the capabilities that it is left", s.confined},
		{"shared memory has the size asked for", func(ctx context.Context, t *testing.T) {
			spec := s.spec("size", "/dev/shm")
			spec.ShmBytes = 192 << 20
			_, out := s.output(ctx, t, spec)
			assert.Equal(t, "201326592\n", out)
		}},
	}
}

func (s *suite) confined(ctx context.Context, t *testing.T) {
	spec := s.spec("wait")
	spec.Confinement = engine.Confinement{
		Confined: true, Capabilities: []string{"NET_BIND_SERVICE"}, Processes: 77, Memory: 64 << 20,
	}
	id := s.start(ctx, t, spec)
	res, err := s.ContainerExec(ctx, id, engine.ExecSpec{Command: []string{"/program", "cat", "/proc/self/status"}})
	require.NoError(t, err)
	assert.Contains(t, res.Stdout, "CapBnd:\t0000000000000400\n")
	assert.Contains(t, res.Stdout, "NoNewPrivs:\t1\n")
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err != nil && s.Info().Rootless {
		t.Log("only root may limit containers with cgroups of version 1: limits are not looked at")
		return
	}
	for _, limit := range []struct{ want, v1, v2 string }{
		{"77\n", "pids/pids.max", "pids.max"}, {"67108864\n", "memory/memory.limit_in_bytes", "memory.max"},
	} {
		var found []string
		for _, file := range []string{limit.v1, limit.v2} {
			res, err := s.ContainerExec(ctx, id, engine.ExecSpec{Command: []string{"/program", "cat", "/sys/fs/cgroup/" + file}})
			require.NoError(t, err)
			found = append(found, res.Stdout)
		}
		assert.Contains(t, found, limit.want)
	}
}

func (s *suite) streams(ctx context.Context, t *testing.T) {
	id := s.start(ctx, t, s.spec("fail", "3"))
	code, err := s.ContainerWait(ctx, id)
	require.NoError(t, err)
	assert.Equal(t, 3, code)
	var out, complaint strings.Builder
	require.NoError(t, s.ContainerLogs(ctx, id, engine.LogOptions{}, &out, &complaint))
	assert.Equal(t, "working on it\n", out.String())
	assert.Equal(t, "program: no space left on the moon\n", complaint.String())
	out.Reset()
	require.NoError(t, s.ContainerLogs(ctx, id, engine.LogOptions{Tail: 1}, &out, nil))
	assert.LessOrEqual(t, strings.Count(out.String(), "\n"), 1)
}

func (s *suite) follow(ctx context.Context, t *testing.T) {
	id := s.start(ctx, t, s.spec("wait"))
	s.awaitLine(ctx, t, id, "waiting")
	stop := time.AfterFunc(200*time.Millisecond, func() { _ = s.ContainerKill(ctx, id, "SIGTERM") })
	defer stop.Stop()
	var out strings.Builder
	require.NoError(t, s.ContainerLogs(ctx, id, engine.LogOptions{Follow: true}, &out, &out))
	assert.Equal(t, "waiting\ngot terminated\n", out.String())
	cut, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	id = s.start(ctx, t, s.spec("wait"))
	err := s.ContainerLogs(cut, id, engine.LogOptions{Follow: true}, &out, &out)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

// awaitLine waits until a container has printed a line: before, its program may not catch signals yet.
func (s *suite) awaitLine(ctx context.Context, t *testing.T, id engine.ContainerID, line string) {
	t.Helper()
	for !strings.Contains(s.logs(ctx, t, id), line+"\n") {
		select {
		case <-ctx.Done():
			require.NoError(t, context.Cause(ctx), "await the line %q", line)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (s *suite) exec(ctx context.Context, t *testing.T) {
	id := s.start(ctx, t, s.spec("wait"))
	res, err := s.ContainerExec(ctx, id, engine.ExecSpec{Command: []string{"/program", "fail", "9"}})
	require.NoError(t, err)
	assert.Equal(t, engine.ExecResult{Code: 9, Stdout: "working on it\n", Stderr: "program: no space left on the moon\n"},
		res)
	res, err = s.ContainerExec(ctx, id, engine.ExecSpec{Command: []string{"/program", "id"}, User: "12:34"})
	require.NoError(t, err)
	assert.Equal(t, "12:34\n", res.Stdout)
	res, err = s.ContainerExec(ctx, id,
		engine.ExecSpec{Command: []string{"/program", "env", "K"}, Env: map[string]string{"K": "v w"}})
	require.NoError(t, err)
	assert.Equal(t, "v w\n", res.Stdout)
	cut, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
	defer cancel()
	_, err = s.ContainerExec(cut, id, engine.ExecSpec{Command: []string{"/program", "sleep", "30s"}})
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

// keepUp is about a program that fails. That a container runs again after a reboot is docker's work alone; on podman a
// unit starts them, see [engine.Boot].
func (s *suite) keepUp(ctx context.Context, t *testing.T) {
	e, ok := s.API.(*engine.Engine)
	require.True(t, ok)
	spec := s.spec("sleep", "1s", "7")
	spec.KeepUp = true
	id := s.start(ctx, t, spec)
	require.NoError(t, s.ContainerKeepUp(ctx, id))
	before, err := s.ContainerInspect(ctx, string(id))
	require.NoError(t, err)
	require.Equal(t, e.Info().Kind == engine.Docker, before.KeptUp)
	second := s.spec()
	second.KeepUp = true
	for _, id := range []engine.ContainerID{id, s.create(ctx, t, second)} {
		assert.Equal(t, map[engine.Kind]string{engine.Docker: "20m in 5 files", engine.Podman: "50MB"}[e.Info().Kind],
			logLimit(ctx, t, e, id))
	}
	require.Eventually(t, func() bool {
		c, err := s.ContainerInspect(ctx, string(id))
		return err == nil && c.State == engine.Running && c.Started.After(before.Started) && c.Restarts > before.Restarts
	}, time.Minute, 20*time.Millisecond, "it is started again when its program has failed")
	require.NoError(t, s.ContainerStop(ctx, id, time.Second))
	_, err = s.ContainerWait(ctx, id)
	require.NoError(t, err)
	c, err := s.ContainerInspect(ctx, string(id))
	require.NoError(t, err)
	assert.Equal(t, engine.Exited, c.State, "until it is stopped")
	again, err := s.ContainerInspect(ctx, string(id))
	require.NoError(t, err)
	assert.Equal(t, c.Started, again.Started)
}

// logLimit is how much a container may log, as only the engine's own words tell.
func logLimit(ctx context.Context, t *testing.T, e *engine.Engine, id engine.ContainerID) string {
	t.Helper()
	endpoint, err := e.Endpoint(ctx)
	require.NoError(t, err)
	socket, _ := strings.CutPrefix(endpoint, "unix://")
	over := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}}
	defer over.CloseIdleConnections()
	path := map[engine.Kind]string{engine.Docker: "v1.41", engine.Podman: "v4.0.0/libpod"}[e.Info().Kind]
	res, err := over.Get("http://engine/" + path + "/containers/" + string(id) + "/json")
	require.NoError(t, err)
	defer res.Body.Close()
	var told struct {
		HostConfig struct {
			LogConfig struct {
				Size   string
				Config map[string]string
			}
		}
	}
	require.NoError(t, json.NewDecoder(res.Body).Decode(&told))
	log := told.HostConfig.LogConfig
	if log.Config == nil {
		return log.Size
	}
	return log.Config["max-size"] + " in " + log.Config["max-file"] + " files"
}
