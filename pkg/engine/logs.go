package engine

import (
	"context"
	"errors"
	"io"
	"strconv"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/client"
)

// ContainerLogs writes what a container has printed to stdout and stderr, either of which may be nil. With
// Follow it goes on until the container ends or ctx does.
func (e *Engine) ContainerLogs(ctx context.Context, id ContainerID, o LogOptions, stdout, stderr io.Writer) error {
	options := client.ContainerLogsOptions{ShowStdout: stdout != nil, ShowStderr: stderr != nil, Follow: o.Follow}
	if o.Tail > 0 {
		options.Tail = strconv.Itoa(o.Tail)
	}
	out, errs := &rest{next: orDiscard(stdout)}, &rest{next: orDiscard(stderr)}
	err := e.copyLogs(ctx, id, options, out, errs)
	if err == nil && o.Follow && o.Tail == 0 {
		// Podman (4.3) looks four times a second for what has come, and stops following as long after the end of the
		// container: on a busy machine the last lines can be lost. So what has not come is asked for.
		options.Follow = false
		out.again()
		errs.again()
		if err = e.copyLogs(ctx, id, options, out, errs); errors.Is(err, ErrNotFound) {
			err = nil // somebody has removed it
		}
	}
	return err
}

// copyLogs copies one answer of the engine.
func (e *Engine) copyLogs(
	ctx context.Context, id ContainerID, options client.ContainerLogsOptions, stdout, stderr io.Writer,
) error {
	res, err := e.api.ContainerLogs(ctx, string(id), options)
	if err != nil {
		return apiError(ctx, "read logs of container", string(id), err)
	}
	defer func() { _ = res.Close() }()
	_, err = stdcopy.StdCopy(stdout, stderr, res)
	if err == nil {
		err = ctx.Err()
	}
	return apiError(ctx, "read logs of container", string(id), err)
}

// rest passes a stream on, and of the same stream from its beginning only what had not come before.
type rest struct {
	next  io.Writer
	known int // bytes that were passed on
	left  int // of these are to come again
}

// again has the stream begin once more.
func (r *rest) again() { r.left = r.known }

// Write implements [io.Writer].
func (r *rest) Write(p []byte) (int, error) {
	skip := min(r.left, len(p))
	r.left -= skip
	r.known += len(p) - skip
	if skip == len(p) {
		return len(p), nil
	}
	n, err := r.next.Write(p[skip:])
	return skip + n, err
}

func orDiscard(w io.Writer) io.Writer {
	if w == nil {
		return io.Discard
	}
	return w
}
