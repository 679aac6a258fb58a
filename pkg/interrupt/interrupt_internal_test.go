package interrupt

import (
	"context"
	"os"
	"syscall"
	"testing"
	"testing/synctest"

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

func TestWatch_parent(t *testing.T) {
	t.Parallel()
	const former = -1 // no process has this ID, so the parent counts as another one
	for _, orphans := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			watched, end := context.WithTimeout(t.Context(), 10*look)
			defer end()
			watch(watched, cancel, nil, orphans, former)
			assert.Equal(t, orphans, ctx.Err() != nil)
			cancel(nil)
		})
	}
}
