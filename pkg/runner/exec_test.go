package runner_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/runner"
	"github.com/poststack/poststack/pkg/secret"
)

func TestExec_Run_Result(t *testing.T) {
	t.Parallel()
	t.Run("a program that succeeds gives its output and no error", func(t *testing.T) {
		t.Parallel()
		res, err := runner.Exec{}.Run(t.Context(), command(t, "exit", "0"))
		require.NoError(t, err)
		assert.Equal(t, "to stdout\n", res.Stdout)
		assert.Equal(t, "to stderr: 0\n", res.Stderr)
		assert.Zero(t, res.Code)
		assert.Positive(t, res.Duration)
	})
	t.Run("one that fails gives its status and what it said last", func(t *testing.T) {
		t.Parallel()
		res, err := runner.Exec{}.Run(t.Context(), command(t, "exit", "7", "disk is full"))
		var failed *runner.ExitError
		require.ErrorAs(t, err, &failed)
		assert.Equal(t, 7, failed.Code)
		assert.Equal(t, 7, res.Code)
		assert.Equal(t, "to stderr: 7 disk is full", failed.Tail)
		assert.Equal(t, []string{"7", "disk is full"}, failed.Argv[1:])
		assert.Equal(t, "to stdout\n", res.Stdout)
		assert.True(t, strings.HasSuffix(err.Error(), ` 7 disk is full": exit status 7: to stderr: 7 disk is full`), err)
		var cause *exec.ExitError
		assert.ErrorAs(t, err, &cause)
	})
	t.Run("one that a signal ended has no status", func(t *testing.T) {
		t.Parallel()
		res, err := runner.Exec{}.Run(t.Context(), command(t, "killed"))
		require.ErrorContains(t, err, "signal: killed")
		assert.Equal(t, -1, res.Code)
		assert.NotErrorIs(t, err, context.Canceled)
	})
	t.Run("directory and environment reach it, in a group of its own", func(t *testing.T) {
		t.Parallel()
		dir, err := filepath.EvalSymlinks(t.TempDir())
		require.NoError(t, err)
		c := command(t, "where")
		c.Dir, c.Env = dir, append(c.Env, "ANSWER=41", "ANSWER=42")
		res, err := runner.Exec{}.Run(t.Context(), c)
		require.NoError(t, err)
		assert.Equal(t, dir+" "+dir+" 42 true\n", res.Stdout)
	})
}

func TestExec_Run_NotFound(t *testing.T) {
	t.Parallel()
	for name, program := range map[string]string{"a name": "poststack-no-such-program", "a path": "/no/such/program"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res, err := runner.Exec{}.Run(t.Context(), runner.Command{Program: program})
			require.ErrorIs(t, err, runner.ErrNotFound)
			assert.ErrorContains(t, err, `start "`+program+`": `)
			assert.Equal(t, -1, res.Code)
			var failed *runner.ExitError
			assert.NotErrorAs(t, err, &failed)
		})
	}
	t.Run("a directory that is not there is another thing", func(t *testing.T) {
		t.Parallel()
		c := command(t, "where")
		c.Dir = filepath.Join(t.TempDir(), "gone")
		_, err := runner.Exec{}.Run(t.Context(), c)
		require.ErrorIs(t, err, fs.ErrNotExist)
		assert.NotErrorIs(t, err, runner.ErrNotFound)
		assert.ErrorContains(t, err, "gone")
	})
	t.Run("neither is a file that may not be run", func(t *testing.T) {
		t.Parallel()
		file := filepath.Join(t.TempDir(), "text")
		require.NoError(t, os.WriteFile(file, []byte("text"), 0o600))
		_, err := runner.Exec{}.Run(t.Context(), runner.Command{Program: file})
		require.ErrorIs(t, err, fs.ErrPermission)
		assert.NotErrorIs(t, err, runner.ErrNotFound)
	})
}

func TestExec_Run_MasksSecretsInErrors(t *testing.T) {
	t.Parallel()
	secrets := &secret.Set{}
	secrets.Add("hunter-2", strings.Repeat("long", 3000))
	t.Run("in the arguments and in what was said", func(t *testing.T) {
		t.Parallel()
		res, err := runner.Exec{Secrets: secrets}.Run(t.Context(), command(t, "exit", "1", "--password=hunter-2"))
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "hunter")
		assert.Contains(t, err.Error(), "--password=[redacted]")
		assert.Contains(t, res.Stderr, "hunter-2", "the result is for programs")
	})
	t.Run("before it is cut to its last lines", func(t *testing.T) {
		t.Parallel()
		_, err := runner.Exec{Secrets: secrets}.Run(t.Context(), command(t, "exit", "1", strings.Repeat("long", 3000)))
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "longlong")
	})
	t.Run("and quotes at most 4 KiB, in whole lines", func(t *testing.T) {
		t.Parallel()
		text := strings.Repeat("zeile ü\n", 2000)
		_, err := runner.Exec{}.Run(t.Context(), command(t, "exit", "1", text))
		var failed *runner.ExitError
		require.ErrorAs(t, err, &failed)
		assert.LessOrEqual(t, len(failed.Tail), 4<<10)
		assert.Greater(t, len(failed.Tail), 4000)
		assert.True(t, strings.HasPrefix(failed.Tail, "…\nzeile ü\n"))
	})
}

func TestExitError_Error(t *testing.T) {
	t.Parallel()
	assert.EqualError(t, &runner.ExitError{Argv: []string{"podman", "run", "a b"}, Code: 125},
		`run "podman run a b": exit status 125`)
	assert.EqualError(t, &runner.ExitError{Argv: []string{"podman"}, Code: 125, Tail: "no such image"},
		`run "podman": exit status 125: no such image`)
	assert.EqualError(t, &runner.ExitError{Argv: []string{"podman"}, Code: -1, Err: errors.New("signal: killed")},
		`run "podman": signal: killed`)
}

func TestExec_Run_SideBySide(t *testing.T) {
	t.Parallel()
	x := runner.Exec{Secrets: &secret.Set{}}
	var wg sync.WaitGroup
	for range 8 {
		c := command(t, "exit", "3", "x")
		wg.Go(func() {
			x.Secrets.Add("x y z")
			_, err := x.Run(t.Context(), c)
			assert.ErrorContains(t, err, "exit status 3")
		})
	}
	wg.Wait()
}
