package present

import (
	"context"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// readerLook is how often it is looked whether somebody still reads.
const readerLook = 200 * time.Millisecond

// watchReader begins to watch who reads stdout, until the view is closed.
func (v *View) watchReader() {
	f, isFile := v.stdout.(*os.File)
	if !isFile || v.gone == nil || v.unwatch != nil {
		return
	}
	var ctx context.Context
	ctx, v.unwatch = context.WithCancel(context.Background())
	go awaitGone(ctx, f, v.gone)
}

// awaitGone calls gone when nobody reads the pipe f any more, and returns when ctx ends. The pipe itself tells that to
// who asks (poll(2), POLLERR); a write would too, but a log that is followed may have no next line for hours.
func awaitGone(ctx context.Context, f *os.File, gone func()) {
	pipe, err := f.SyscallConn()
	if err != nil {
		return
	}
	tick := time.NewTicker(readerLook)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		var seen int16
		err := pipe.Control(func(fd uintptr) {
			look := []unix.PollFd{{Fd: int32(fd)}}
			if n, err := unix.Poll(look, 0); err == nil && n > 0 {
				seen = look[0].Revents
			}
		})
		if err != nil { // it could not be asked
			return
		}
		if seen&unix.POLLERR != 0 {
			gone()
			return
		}
	}
}
