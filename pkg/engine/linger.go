package engine

import (
	"context"
	"time"
)

// lingerTime is how much longer than its caller a call may last that makes or removes something; measured: 0.1 to
// 1 s on a busy machine. Mage waits 5 s for a run that is told to end.
const lingerTime = 10 * time.Second

// linger returns a context for a call that an engine must not be cut off in the midst of: podman loses sight of a
// container whose start is given up, while its process goes on and holds the volume, and docker leaves one without
// its files (both seen on Ctrl-C). The call goes on for a while when ctx ends, so that what it made is known and can
// be removed.
func linger(ctx context.Context) (context.Context, context.CancelFunc) {
	out, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.NewTimer(lingerTime)
		defer timer.Stop()
		select {
		case <-timer.C:
			cancel(context.Cause(ctx))
		case <-out.Done():
		}
	})
	return out, func() { stop(); cancel(nil) }
}
