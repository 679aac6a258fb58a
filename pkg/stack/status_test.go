package stack_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/config"
	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/stack"
)

// status asks for the status and returns it, and the table by its first column.
func status(t *testing.T, b *bench) (stack.StatusReport, map[string][]string) {
	t.Helper()
	j, err := b.phase(t, (*stack.Stack).Status)
	require.NoError(t, err)
	report := j.last(t, event.Result).Report
	rows := map[string][]string{}
	for _, row := range report.Rows {
		rows[row[0]] = row[1:]
	}
	return report.Data.(stack.StatusReport), rows
}

func TestStatus(t *testing.T) {
	t.Parallel()
	t.Run("of nothing", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		report, rows := status(t, b)
		assert.Equal(t, "none yet; make it with: mage setup", report.Answers)
		assert.Equal(t, []string{"not there", "start with: mage setup"}, rows[containerName])
		assert.NotContains(t, rows, "data")
		assert.NoDirExists(t, b.config.StateDir)
	})
	t.Run("of a database that runs", func(t *testing.T) {
		t.Parallel()
		b := running(t)
		b.engine.SetVolumeUsage(volumeName, 48e6)
		report, rows := status(t, b)
		assert.Equal(t, "yes", report.Answers)
		assert.Equal(t, engine.Running, report.Containers[0].State)
		assert.Equal(t, b.config.Database.Port, report.Containers[0].Port)
		assert.WithinDuration(t, time.Now(), report.Containers[0].Since, time.Minute)
		assert.Equal(t, []string{"48MB", volumeName}, rows["data"])
		assert.NotContains(t, report.Database, read(t, b.state(t, "password")))
		assert.Len(t, report.Containers, 1)
	})
	t.Run("of a container that was killed", func(t *testing.T) {
		t.Parallel()
		b := running(t)
		b.engine.Exit(containerName, 137)
		report, rows := status(t, b)
		assert.Equal(t, "exited with status 137", report.Containers[0].Fault)
		assert.Contains(t, rows[containerName][1], "it exited with status 137: mage db:start recreates it")
		assert.Contains(t, report.Answers, "mage setup")
	})
	t.Run("of what an upgrade has left", func(t *testing.T) {
		t.Parallel()
		b := running(t)
		b.engine.SetVolumeUsage(volumeName, 48e6)
		_, rows := status(t, b)
		assert.NotContains(t, rows, "former data")
		write(t, b.state(t, "former.docker"), `{"volume": "data-15", "major": "15", "since": "2026-01-02T03:04:05Z"}`)
		require.NoError(t, b.engine.VolumeCreate(t.Context(), volumeName+"-15", nil))
		b.engine.SetVolumeUsage(volumeName+"-15", 12e6)
		report, rows := status(t, b)
		require.NotNil(t, report.Former)
		assert.Equal(t, stack.FormerStatus{Volume: volumeName + "-15", Major: "15", Bytes: 12e6}, *report.Former)
		assert.Equal(t, []string{
			"12MB", volumeName + "-15, of PostgreSQL 15; mage db:upgrade -dropOld removes it",
		}, rows["former data"])
	})
	t.Run("of a database that refuses", func(t *testing.T) {
		t.Parallel()
		b := running(t)
		write(t, b.state(t, "password"), "pw-of-now")
		report, _ := status(t, b)
		assert.Contains(t, report.Answers, "28P01")
		assert.Equal(t, "unknown", report.Schema)
	})
	t.Run("of a database that was stopped", func(t *testing.T) {
		t.Parallel()
		b := running(t)
		lookAlikes(t, b)
		_, err := b.phase(t, (*stack.Stack).Down)
		require.NoError(t, err)
		report, rows := status(t, b)
		assert.Equal(t, "not running; start with: mage setup", report.Answers)
		assert.Len(t, report.Containers, 1, "nothing that merely looks alike")
		assert.Equal(t, "exited", rows[containerName][0])
		assert.Contains(t, rows[containerName][1], "since Less than a second")
	})
	t.Run("of a container that never ran", func(t *testing.T) {
		t.Parallel()
		b := newBench(t).built(t, "postgres")
		_, err := b.engine.ContainerCreate(t.Context(), engine.ContainerSpec{
			Name: containerName, Image: b.digestRef(t, "postgres"), Labels: map[string]string{container.LabelStack: "s"},
		})
		require.NoError(t, err)
		report, rows := status(t, b)
		assert.Equal(t, []string{containerName}, report.Foreign, "there is nothing that says that it is ours")
		assert.Equal(t, "foreign", rows[containerName][0])
		write(t, b.state(t, "password"), "pw")
		report, rows = status(t, b)
		assert.Contains(t, rows[containerName][1], "it was made and never started: mage db:start recreates it")
		assert.WithinDuration(t, time.Now(), report.Containers[0].Since, time.Minute)
	})
	t.Run("of an external database asks no engine", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		b.config.Database.URL = "postgres://app:s3cr3t-pw@127.0.0.1:1/mail"
		report, rows := status(t, b)
		assert.Equal(t, "nothing listens there", report.Answers)
		assert.NotContains(t, report.Database, "s3cr3t-pw")
		assert.NotContains(t, rows, containerName)
		assert.Empty(t, b.engine.Calls())
	})
	for _, method := range []string{"ContainerList", "ContainerInspect", "VolumeInspect"} {
		t.Run("when "+method+" fails", func(t *testing.T) {
			t.Parallel()
			b := running(t)
			inner, broken := b.engine.OnCall, errors.New("broken")
			b.engine.OnCall = func(m, name string) error {
				if m == method {
					return broken
				}
				return inner(m, name)
			}
			_, err := b.phase(t, (*stack.Stack).Status)
			assert.ErrorIs(t, err, broken)
		})
	}
}

// What a database says that is ready is a matter for a real one, in tests/e2e.
func TestStatus_ports(t *testing.T) {
	t.Parallel()
	b := running(t)
	database, err := b.engine.ContainerInspect(t.Context(), containerName)
	require.NoError(t, err)
	b.engine.Behave = nil
	id, err := b.engine.ContainerCreate(t.Context(), engine.ContainerSpec{
		Name: "poststack-s-web", Image: "docker.io/library/debian:bookworm-slim", Labels: database.Labels,
		Ports: []engine.Port{
			{Container: 80, HostIP: "127.0.0.1", Host: 8080}, {Container: 443, HostIP: "127.0.0.1", Host: 8443},
		},
	})
	require.NoError(t, err)
	require.NoError(t, b.engine.ContainerStart(t.Context(), id))
	report, _ := status(t, b)
	i := slices.IndexFunc(report.Containers, func(c stack.ContainerStatus) bool { return c.Name == "poststack-s-web" })
	require.GreaterOrEqual(t, i, 0)
	assert.Equal(t, []stack.PortStatus{{"127.0.0.1:8080", 80, ""}, {"127.0.0.1:8443", 443, ""}},
		report.Containers[i].Ports)
	assert.Equal(t, uint16(8080), report.Containers[i].Port)
}

func TestSetup_not_ready(t *testing.T) {
	t.Parallel()
	_, err := newBench(t).phase(t, (*stack.Stack).Setup)
	assert.Equal(t, 5, stack.ExitStatus(err), "nothing was set up")

	b := newBench(t).built(t, "postgres")
	served := serve(t, b.engine)
	write(t, changelog(t, b), "databaseChangeLog: []\n")
	_, err = b.phase(t, (*stack.Stack).StartDatabase)
	require.NoError(t, err)
	served.stop() // by someone else, while the phases ran
	j, err := b.phase(t, (*stack.Stack).Setup)
	assert.Equal(t, 5, stack.ExitStatus(err))
	assert.ErrorContains(t, err, "not found ready afterwards")
	assert.Empty(t, j.texts(event.Result), "it does not say that it is ready")
}

func TestShowConfig(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var err error
	b.config, err = config.Load(config.Input{Root: b.config.Root, Environ: []string{
		"HOME=" + t.TempDir(), "DATABASE_URL=postgres://app:s3cr3t-pw@db.example/mail", "LOG_LEVEL=debug",
	}})
	require.NoError(t, err)
	j, err := b.phase(t, (*stack.Stack).ShowConfig)
	require.NoError(t, err)
	found := map[string][]string{}
	for _, row := range j.last(t, event.Result).Report.Rows {
		found[row[0]] = row[1:]
		assert.NotContains(t, row, "s3cr3t-pw")
	}
	assert.Equal(t, []string{"debug", "environment LOG_LEVEL", "LOG_LEVEL"}, found["log.level"])
	assert.Len(t, found, len(config.Reference()))
}

func TestEngineStatus_without_any(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.engine = nil
	j, err := b.phase(t, (*stack.Stack).EngineStatus)
	require.NoError(t, err)
	report := j.last(t, event.Result).Report
	require.Len(t, report.Rows, 2)
	for _, row := range report.Rows {
		assert.Equal(t, "no", row[1])
		assert.NotEmpty(t, row[5], "why it was rejected")
	}
	assert.Contains(t, j.texts(event.Warning), "no engine works for POSTSTACK_ENGINE=auto; remedy: mage engine:install")

	_, err = b.phase(t, (*stack.Stack).Down)
	assert.Equal(t, 3, stack.ExitStatus(err))
	_, err = b.phase(t, func(s *stack.Stack, ctx context.Context) error { return s.Images(ctx, false) })
	assert.Equal(t, 3, stack.ExitStatus(err))
	b.config.Engine = "nonsense"
	_, err = b.phase(t, (*stack.Stack).EngineStatus)
	assert.Error(t, err)
}
