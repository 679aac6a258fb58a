package stack_test

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/database"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/service"
	"github.com/poststack/poststack/pkg/stack"
)

func TestStartDatabase(t *testing.T) {
	t.Parallel()
	b := newBench(t).built(t, "postgres")
	serve(t, b.engine)
	where := fmt.Sprintf("%s on 127.0.0.1:%d", containerName, b.config.Database.Port)

	j, err := b.phase(t, (*stack.Stack).StartDatabase)
	require.NoError(t, err)
	end := j.last(t, event.PhaseEnded)
	assert.Equal(t, event.Done, end.Outcome)
	assert.Equal(t, where+", made", end.Text)
	assert.Equal(t, "db:start", end.Phase)
	spec, ok := b.engine.Spec(containerName)
	require.True(t, ok)
	assert.Equal(t, []engine.Port{{Container: 5432, HostIP: "127.0.0.1", Host: b.config.Database.Port}}, spec.Ports)
	assert.Equal(t, []engine.Mount{{Volume: volumeName, Target: "/var/lib/postgresql"}}, spec.Mounts)
	password := read(t, b.state(t, "password"))
	for name, value := range spec.Env {
		assert.NotContains(t, value, password, name)
	}
	for name, value := range spec.Labels {
		assert.NotContains(t, value, password, name)
	}
	file := spec.Files[0]
	assert.Equal(t, password, string(file.Content))
	assert.EqualValues(t, 0o400, file.Mode)

	j, err = b.phase(t, (*stack.Stack).StartDatabase)
	require.NoError(t, err)
	assert.Equal(t, event.Unchanged, j.last(t, event.PhaseEnded).Outcome)
	assert.Equal(t, where+", running already", j.last(t, event.PhaseEnded).Text)

	j, err = b.phase(t, (*stack.Stack).Down)
	require.NoError(t, err)
	assert.Contains(t, j.last(t, event.PhaseEnded).Text, "1 stopped; the data stays in volume "+volumeName)
	j, err = b.phase(t, (*stack.Stack).StartDatabase)
	require.NoError(t, err)
	assert.Equal(t, where+", started", j.last(t, event.PhaseEnded).Text)
}

func TestStartDatabase_says_that_DATABASE_URL_is_empty(t *testing.T) {
	t.Parallel()
	b := newBench(t).built(t, "postgres")
	serve(t, b.engine)
	b.config.Database.EmptyURL = true
	j, err := b.phase(t, (*stack.Stack).StartDatabase)
	require.NoError(t, err)
	assert.Contains(t, j.texts(event.Notice),
		"DATABASE_URL is set and empty, which counts as not set: this is Poststack's own database")
}

func TestStartDatabase_with_DATABASE_URL(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.config.Database.URL = "postgres://app:s3cr3t@db.example/mail"
	j, err := b.phase(t, (*stack.Stack).StartDatabase)
	require.NoError(t, err)
	assert.Equal(t, event.Unchanged, j.last(t, event.PhaseEnded).Outcome)
	assert.Empty(t, b.engine.Calls(), "nothing is started")
	assert.NoFileExists(t, b.state(t, "password"))
}

func TestStartDatabase_password_of_another_time(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(t *testing.T, path string){
		"changed": func(t *testing.T, path string) { write(t, path, "pw-of-now") },
		"lost":    func(t *testing.T, path string) { require.NoError(t, os.Remove(path)) },
	} {
		t.Run("a password that was "+name+" is brought in line", func(t *testing.T) {
			t.Parallel()
			b := newBench(t).built(t, "postgres")
			serve(t, b.engine)
			_, err := b.phase(t, (*stack.Stack).StartDatabase)
			require.NoError(t, err)
			before, err := b.engine.ContainerInspect(t.Context(), containerName)
			require.NoError(t, err)
			change(t, b.state(t, "password"))

			j, err := b.phase(t, (*stack.Stack).StartDatabase)
			require.NoError(t, err)
			after, err := b.engine.ContainerInspect(t.Context(), containerName)
			require.NoError(t, err)
			assert.NotEqual(t, before.ID, after.ID)
			assert.Equal(t, read(t, b.state(t, "password")),
				string(b.engine.Files(containerName)["/run/secrets/postgres-password"].Content))
			assert.Equal(t, event.Done, j.last(t, event.PhaseEnded).Outcome)
			assert.Contains(t, j.last(t, event.PhaseEnded).Text, "replaced")
			assert.NotContains(t, b.engine.Calls(), "VolumeRemove "+volumeName)
		})
	}
	t.Run("a server that goes on refusing ends it", func(t *testing.T) {
		t.Parallel()
		b := newBench(t).built(t, "postgres")
		serve(t, b.engine).reply = "28P01"
		j, err := b.phase(t, (*stack.Stack).StartDatabase)
		var refused *database.ConnectError
		require.ErrorAs(t, err, &refused)
		assert.Equal(t, database.Authentication, refused.Kind)
		assert.Equal(t, 5, stack.ExitStatus(err))
		assert.Equal(t, event.Failed, j.last(t, event.PhaseEnded).Outcome)
		require.ErrorContains(t, err, "changed in the database")
		require.ErrorContains(t, err, b.state(t, "password"))
		before, inspectErr := b.engine.ContainerInspect(t.Context(), containerName)
		require.NoError(t, inspectErr)
		_, err = b.phase(t, (*stack.Stack).StartDatabase)
		require.ErrorAs(t, err, &refused)
		after, inspectErr := b.engine.ContainerInspect(t.Context(), containerName)
		require.NoError(t, inspectErr)
		assert.Equal(t, before.ID, after.ID, "no restart cures it")
	})
}

func TestStartDatabase_refusal_that_no_waiting_cures(t *testing.T) {
	t.Parallel()
	b := newBench(t).built(t, "postgres")
	serve(t, b.engine).reply = "3D000"
	_, err := b.phase(t, (*stack.Stack).StartDatabase)
	var refused *database.ConnectError
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, database.NoDatabase, refused.Kind)
}

func TestStartDatabase_container_that_exits(t *testing.T) {
	t.Parallel()
	b := newBench(t).built(t, "postgres")
	b.engine.Behave = func(engine.ContainerSpec) enginetest.Outcome {
		return enginetest.Outcome{Exits: true, Code: 3, Stderr: "first\nthe data directory is not ours\n"}
	}
	j, err := b.phase(t, (*stack.Stack).StartDatabase)
	var exited *service.ExitedError
	require.ErrorAs(t, err, &exited)
	assert.Equal(t, 3, exited.Code)
	assert.Equal(t, []string{"first", "the data directory is not ours"}, exited.Lines)
	assert.Equal(t, 5, stack.ExitStatus(err))
	assert.ErrorContains(t, err, `container "`+containerName+`" exited with status 3: the data directory is not ours`)
	end := j.last(t, event.PhaseEnded)
	assert.Equal(t, exited.Lines, end.Detail)
	assert.Less(t, end.Elapsed, 50*time.Second, "at once, not at the deadline")
}

func TestExitedError(t *testing.T) {
	t.Parallel()
	assert.EqualError(t, &service.ExitedError{Name: "x", Code: 137, OOMKilled: true},
		`container "x" exited with status 137 (out of memory)`)
	assert.EqualError(t, &service.ExitedError{Name: "x", Code: 1, Lines: []string{"a", "b"}},
		`container "x" exited with status 1: b`)
}

func TestStartDatabase_engine_that_does_not_answer_for_a_moment(t *testing.T) {
	t.Parallel()
	b := newBench(t).built(t, "postgres")
	s := serve(t, b.engine)
	s.reply = "57P03" // starting up
	inner, asked := b.engine.OnCall, 0
	b.engine.OnCall = func(method, name string) error {
		if method == "ContainerInspect" && name != containerName {
			if asked++; asked == 2 { // the first is of the start itself
				s.mu.Lock()
				s.reply = ""
				s.mu.Unlock()
				return errors.New("connection reset by peer")
			}
		}
		return inner(method, name)
	}
	_, err := b.phase(t, (*stack.Stack).StartDatabase)
	assert.NoError(t, err, "the database is there all the same")
	assert.GreaterOrEqual(t, asked, 2)
}

func TestStartDatabase_container_that_someone_removes(t *testing.T) {
	t.Parallel()
	b := newBench(t).built(t, "postgres")
	serve(t, b.engine).reply = "57P03"
	inner, asked := b.engine.OnCall, 0
	b.engine.OnCall = func(method, name string) error {
		if method == "ContainerInspect" && name != containerName {
			if asked++; asked == 2 {
				return fmt.Errorf("inspect: %w", engine.ErrNotFound)
			}
		}
		return inner(method, name)
	}
	_, err := b.phase(t, (*stack.Stack).StartDatabase)
	assert.ErrorIs(t, err, engine.ErrNotFound)
}

func TestStartDatabase_deadline(t *testing.T) {
	t.Parallel()
	b := newBench(t).built(t, "postgres")
	b.config.Timeout.Start = 30 * time.Millisecond
	serve(t, b.engine).reply = "57P03"
	_, err := b.phase(t, (*stack.Stack).StartDatabase)
	assert.ErrorContains(t, err, "start did not end within 30ms; give it longer with POSTSTACK_TIMEOUT_START")
	assert.Equal(t, 5, stack.ExitStatus(err))
}

func TestStartDatabase_cancelled(t *testing.T) {
	t.Parallel()
	b := newBench(t).built(t, "postgres")
	cause := errors.New("another phase failed")
	j := &journal{}
	var s *stack.Stack
	j.on = func(e event.Event) {
		if e.Kind == event.Step {
			_ = s.Fail(cause)
		}
	}
	s, ctx := b.openWith(t, j)
	err := s.StartDatabase(ctx)
	assert.Equal(t, cause, err, "what ended the run is the answer, not what followed from it")
	assert.Equal(t, event.Cancelled, j.last(t, event.PhaseEnded).Outcome)
	assert.Equal(t, err, s.Close(err))
}

func TestStartDatabase_foreign_container(t *testing.T) {
	t.Parallel()
	b := newBench(t).built(t, "postgres")
	_, err := b.engine.ContainerCreate(t.Context(),
		engine.ContainerSpec{Name: containerName, Image: "docker.io/library/debian:bookworm-slim"})
	require.NoError(t, err)
	_, err = b.phase(t, (*stack.Stack).StartDatabase)
	assert.ErrorAs(t, err, new(*container.ForeignError))
	assert.Equal(t, 5, stack.ExitStatus(err))
}

func TestStartDatabase_image_that_is_not_built(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	_, err := b.phase(t, (*stack.Stack).StartDatabase)
	assert.ErrorIs(t, err, engine.ErrNotFound)
	assert.ErrorContains(t, err, string(b.digestRef(t, "postgres")))
}

func TestVerifyDatabase_without_a_database(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	j, err := b.phase(t, (*stack.Stack).VerifyDatabase)
	assert.ErrorContains(t, err, "this stack has no database yet: run mage setup, or set DATABASE_URL")
	assert.Equal(t, 5, stack.ExitStatus(err))
	assert.Equal(t, "verify:db", j.last(t, event.PhaseEnded).Phase)
}

func TestVerifyDatabase_server_that_refuses(t *testing.T) {
	t.Parallel()
	b := newBench(t).built(t, "postgres")
	s := serve(t, b.engine)
	_, err := b.phase(t, (*stack.Stack).StartDatabase)
	require.NoError(t, err)
	s.mu.Lock()
	s.reply = "53300"
	s.mu.Unlock()
	_, err = b.phase(t, (*stack.Stack).VerifyDatabase)
	var refused *database.ConnectError
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, database.TooMany, refused.Kind)
}
