package quality_test

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/magefiles/quality"
)

// TestMain lets the test binary be a program that works until it is told to end.
func TestMain(m *testing.M) {
	if os.Getenv("QUALITY_TEST_WORKS") == "" {
		os.Exit(m.Run())
	}
	err := quality.Do(context.Background(), func(p quality.Project, ctx context.Context) error {
		p.Stdout.Write([]byte("works\n")) //nolint:errcheck // the other side reads it or is gone
		<-ctx.Done()
		return errors.New("stopped")
	})
	var with interface{ ExitStatus() int }
	if !errors.As(err, &with) {
		os.Exit(1)
	}
	os.Exit(with.ExitStatus())
}

func TestDo_signals(t *testing.T) {
	t.Parallel()
	for signal, status := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143, syscall.SIGHUP: 129} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), "QUALITY_TEST_WORKS=1")
			out, err := cmd.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, cmd.Start())
			_, err = io.ReadFull(out, make([]byte, len("works\n")))
			require.NoError(t, err)
			require.NoError(t, cmd.Process.Signal(signal))
			var exit *exec.ExitError
			require.ErrorAs(t, cmd.Wait(), &exit)
			assert.Equal(t, status, exit.ExitCode())
		})
	}
}

// The shell is the parent that ends without a word.
func TestDo_parentGone(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("sh", "-c", `"$0" & read line`, os.Args[0])
	cmd.Env = append(os.Environ(), "QUALITY_TEST_WORKS=1")
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	_, err = io.ReadFull(out, make([]byte, len("works\n")))
	require.NoError(t, err)
	require.NoError(t, stdin.Close())
	// The pipe stays open as long as the program runs.
	done := make(chan error, 1)
	go func() { _, err := io.ReadAll(out); done <- err }()
	select {
	case err := <-done:
		require.NoError(t, err)
	case <-time.After(time.Minute):
		t.Error("the program outlived its parent")
	}
	_ = cmd.Wait()
}

func TestDo(t *testing.T) {
	t.Parallel()

	t.Run("an error of the work is returned as it is", func(t *testing.T) {
		t.Parallel()
		want := errors.New("wrong")
		err := quality.Do(t.Context(), func(p quality.Project, _ context.Context) error {
			assert.FileExists(t, p.Root+"/go.mod")
			return want
		})
		assert.Same(t, want, err)
	})

	t.Run("work that mage cancels was interrupted", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		err := quality.Do(ctx, func(_ quality.Project, ctx context.Context) error {
			cancel()
			<-ctx.Done()
			return ctx.Err()
		})
		var interrupted *quality.InterruptedError
		require.ErrorAs(t, err, &interrupted)
		assert.Equal(t, 130, interrupted.ExitStatus())
		assert.EqualError(t, err, "interrupted by SIGINT: context canceled")
	})
}
