package interrupt

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestWatch_signal(t *testing.T) { // not parallel: signals are the process's
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		ctx, cancel := context.WithCancelCause(t.Context())
		stop := Watch(cancel, false)
		require.NoError(t, syscall.Kill(os.Getpid(), sig))
		<-ctx.Done()
		var told *Error
		require.ErrorAs(t, context.Cause(ctx), &told)
		assert.Equal(t, sig, told.Signal)
		assert.Equal(t, 128+int(sig), told.ExitStatus())
		stop()
		stop()
	}
}

// as mage does, which exits with 1 on the second; not parallel, as above
func TestWatch_takes_SIGINT_from_others(t *testing.T) {
	others := make(chan os.Signal, 1)
	signal.Notify(others, syscall.SIGINT)
	defer signal.Stop(others)
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := Watch(cancel, false)
	defer stop()
	require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGINT))
	<-ctx.Done()
	assert.Empty(t, others)
}

func TestWatch_reader_gone(t *testing.T) { // not parallel, as above
	_, cancel := context.WithCancelCause(t.Context())
	defer Watch(cancel, false)()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	require.NoError(t, r.Close())
	saved, err := syscall.Dup(1)
	require.NoError(t, err)
	require.NoError(t, syscall.Dup3(int(w.Fd()), 1, 0))
	_, err = os.Stdout.WriteString("nobody reads this\n")
	require.NoError(t, syscall.Dup3(saved, 1, 0))
	require.NoError(t, errors.Join(syscall.Close(saved), w.Close()))
	assert.ErrorIs(t, err, syscall.EPIPE, "on stdout Go would end the process")
}

func TestWatch_again(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		after time.Duration
		exits []int
	}{
		"at once, as timeout(1) does, it is the same request": {grace / 10, nil},
		"later it ends the process, with the same status":     {grace, []int{130}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				_, cancel := context.WithCancelCause(t.Context())
				var exits []int
				w := &watch{
					cancel: cancel, signals: make(chan os.Signal, 8),
					exit: func(code int) { exits = append(exits, code) }, first: time.Now(),
				}
				time.Sleep(tc.after)
				w.hear(syscall.SIGINT)
				assert.Equal(t, tc.exits, exits)
			})
		})
	}
}

func TestWatch_parent(t *testing.T) {
	t.Parallel()
	const former = -1 // no process has this ID, so the parent counts as another one
	for _, orphans := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			watched, end := context.WithTimeout(t.Context(), 10*look)
			defer end()
			(&watch{cancel: cancel, orphans: orphans, parent: former}).run(watched)
			assert.Equal(t, orphans, ctx.Err() != nil)
			cancel(nil)
		})
	}
}
