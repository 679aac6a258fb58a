package engine

import (
	"context"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// EndedMeanwhile tells podman's failure to describe a container whose process ended while it was looked at: it reads
// /proc/PID/cgroup of a process that it has just seen alive. Source: libpod/container.go, cGroupPath, 4.3.
func EndedMeanwhile(err error) bool {
	return err != nil && strings.Contains(err.Error(), "/cgroup: no such process")
}

// AskAgain asks about a container, and for a second again where it has [EndedMeanwhile].
func AskAgain[T any](ctx context.Context, ask func() (T, error)) (T, error) {
	return backoff.Retry(ctx, func() (T, error) {
		answer, err := ask()
		if err != nil && !EndedMeanwhile(err) {
			err = backoff.Permanent(err)
		}
		return answer, err
	}, backoff.WithBackOff(backoff.NewConstantBackOff(20*time.Millisecond)), backoff.WithMaxElapsedTime(time.Second))
}
