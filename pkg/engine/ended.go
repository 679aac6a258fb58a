package engine

import (
	"context"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// EndedMeanwhile tells podman's failures over what has gone while it was looked at: /proc/PID/cgroup of a process
// that it has just seen alive, or the interface of another container when it looks for a free network. Sources:
// libpod/container.go, cGroupPath, 4.3; the package net of Go, whose interface table is read in two steps.
func EndedMeanwhile(err error) bool {
	return err != nil && (strings.Contains(err.Error(), "/cgroup: no such process") ||
		strings.Contains(err.Error(), "no such network interface"))
}

// pastRemovedImages asks podman something for which it reads every image that it has, and for five seconds again where
// one of them was removed meanwhile: it then fails to list images, and to look for a build's steps among them. Source:
// imagebuildah/stage_executor.go, intermediateImageExists, of buildah 1.28, measured with podman 4.3.1.
func pastRemovedImages[T any](ctx context.Context, ask func() (T, error)) (T, error) {
	return again(ctx, ask, imageVanished, 5*time.Second)
}

func imageVanished(err error) bool {
	return strings.Contains(err.Error(), "image not known") || strings.Contains(err.Error(), "layer not known")
}

// AskAgain asks podman, and for a second again where something has [EndedMeanwhile].
func AskAgain[T any](ctx context.Context, ask func() (T, error)) (T, error) {
	return again(ctx, ask, EndedMeanwhile, time.Second)
}

// again asks until the failure is none that passes, for that long at most.
func again[T any](
	ctx context.Context, ask func() (T, error), passes func(error) bool, most time.Duration,
) (T, error) {
	return backoff.Retry(ctx, func() (T, error) {
		answer, err := ask()
		if err != nil && !passes(err) {
			err = backoff.Permanent(err)
		}
		return answer, err
	}, backoff.WithBackOff(backoff.NewConstantBackOff(20*time.Millisecond)), backoff.WithMaxElapsedTime(most))
}
