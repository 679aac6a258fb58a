// Package k23_test is a suite of tests whose process ends before it can clean up; TestWatchdog_tests runs it.
package k23_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
)

func TestK23(t *testing.T) {
	e := enginetest.Open(t, engine.Kind(os.Getenv("K23_ENGINE")))
	volume := os.Getenv("K23_VOLUME")
	require.NoError(t, e.VolumeCreate(t.Context(), volume, container.DisposableLabels()))
	_, err := container.StartDisposable(t.Context(), e, container.DisposableSpec{
		Image: "localhost/poststack/base-debian:latest", Command: []string{"sleep", "120"},
		Volumes: map[string]string{volume: "/data"},
	})
	require.NoError(t, err)
	if os.Getenv("K23_END") == "exit" {
		os.Exit(3)
	}
	select {} // until the tests' own deadline
}
