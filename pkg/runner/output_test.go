package runner_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/runner"
)

func TestExec_Run_Input(t *testing.T) {
	t.Parallel()
	t.Run("a reader is passed on to its end", func(t *testing.T) {
		t.Parallel()
		c := command(t, "cat")
		c.Stdin = strings.NewReader("pass\x00word\n")
		res, err := runner.Exec{}.Run(t.Context(), c)
		require.NoError(t, err)
		assert.Equal(t, "pass\x00word\n", res.Stdout)
	})
	t.Run("a file is handed over", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "in")
		require.NoError(t, os.WriteFile(path, []byte("from a file"), 0o600))
		file, err := os.Open(path)
		require.NoError(t, err)
		t.Cleanup(func() { assert.NoError(t, file.Close()) })
		c := command(t, "cat")
		c.Stdin = file
		res, err := runner.Exec{}.Run(t.Context(), c)
		require.NoError(t, err)
		assert.Equal(t, "from a file", res.Stdout)
	})
	t.Run("none is an empty one", func(t *testing.T) {
		t.Parallel()
		res, err := runner.Exec{}.Run(t.Context(), command(t, "cat"))
		require.NoError(t, err)
		assert.Empty(t, res.Stdout)
	})
	t.Run("a program need not read it, and a reader need not end", func(t *testing.T) {
		t.Parallel()
		r, w := io.Pipe()
		t.Cleanup(func() { _ = w.Close() })
		c := command(t, "exit", "0")
		c.Stdin = r
		res, err := runner.Exec{}.Run(t.Context(), c)
		require.NoError(t, err)
		assert.Less(t, res.Duration, runner.DefaultGrace)
		c.Stdin = endless{}
		_, err = runner.Exec{}.Run(t.Context(), c)
		require.NoError(t, err)
	})
}

func TestExec_Run_Output(t *testing.T) {
	t.Parallel()
	t.Run("appears line by line while the program runs", func(t *testing.T) {
		t.Parallel()
		in, ask := io.Pipe()
		answer, out := io.Pipe()
		c := command(t, "ask")
		c.Stdin, c.Stdout = in, out
		done := make(chan struct{})
		var res runner.Result
		var err error
		go func() {
			defer close(done)
			res, err = runner.Exec{}.Run(t.Context(), c)
		}()
		for _, word := range []string{"one", "two"} {
			_, writeErr := io.WriteString(ask, word+"\n")
			require.NoError(t, writeErr)
			line := make([]byte, 100)
			n, readErr := answer.Read(line)
			require.NoError(t, readErr)
			assert.Equal(t, "half "+word+", whole "+word+"\n", string(line[:n]))
		}
		require.NoError(t, ask.Close())
		<-done
		require.NoError(t, err)
		assert.Equal(t, 2, strings.Count(res.Stdout, "\n"))
	})
	t.Run("of both streams may go to one writer, and no lines mix", func(t *testing.T) {
		t.Parallel()
		const outLine, errLine = "out, out\n", "err, err\n"
		var both bytes.Buffer
		c := command(t, "both")
		c.Stdout, c.Stderr = &both, &both
		res, err := runner.Exec{}.Run(t.Context(), c)
		require.NoError(t, err)
		assert.Equal(t, strings.Repeat(outLine, 200), res.Stdout)
		assert.Equal(t, strings.Repeat(errLine, 200), res.Stderr)
		for line := range strings.Lines(both.String()) {
			assert.Contains(t, []string{outLine, errLine}, line)
		}
		assert.Equal(t, 400, strings.Count(both.String(), "\n"))
	})
	t.Run("is kept up to its last bytes, and passed on whole", func(t *testing.T) {
		t.Parallel()
		var whole countingWriter
		c := command(t, "flood", "11000000")
		c.Stdout = &whole
		res, err := runner.Exec{}.Run(t.Context(), c)
		require.NoError(t, err)
		assert.Len(t, res.Stdout, runner.MaxCapture)
		assert.True(t, strings.HasSuffix(res.Stdout, "xEND"))
		assert.Equal(t, countingWriter(11_000_003), whole)
	})
	t.Run("that no one takes ends the program, with the reason", func(t *testing.T) {
		t.Parallel()
		full := errors.New("no space left")
		c := command(t, "flood", "1000000000")
		c.Stdout = failingWriter{full}
		_, err := runner.Exec{}.Run(t.Context(), c)
		require.ErrorIs(t, err, full)
		assert.ErrorContains(t, err, "pass on output: no space left")
		c = command(t, "flood", "1")
		c.Stdout = failingWriter{full}
		_, err = runner.Exec{}.Run(t.Context(), c)
		require.ErrorIs(t, err, full, "also when only the end is lost")
	})
	t.Run("that a child keeps open is not waited for", func(t *testing.T) {
		t.Parallel()
		c := command(t, "leave", "stubborn")
		c.Grace = 200 * time.Millisecond
		res, err := runner.Exec{}.Run(t.Context(), c)
		require.NoError(t, err)
		pid := readPID(t, strings.TrimSpace(res.Stdout))
		assert.True(t, running(pid), "a child that was left behind on purpose lives on")
		assert.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	})
}

type countingWriter int

func (w *countingWriter) Write(p []byte) (int, error) {
	*w += countingWriter(len(p))
	return len(p), nil
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }
