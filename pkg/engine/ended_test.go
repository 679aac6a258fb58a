package engine_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
)

func TestPastRemovedImages(t *testing.T) {
	t.Parallel()
	gone := &engine.BuildError{Step: engine.Step{Number: 6, Text: "COPY a /"}, Tail: []string{
		"Error: checking if cached image exists from a previous build: getting top layer info: layer not known",
	}}
	times := func(failures int, err error) func() (int, error) {
		n := 0
		return func() (int, error) {
			if n++; n <= failures {
				return 0, err
			}
			return n, nil
		}
	}
	answer, err := engine.PastRemovedImages(t.Context(), times(20, gone))
	require.NoError(t, err)
	assert.Equal(t, 21, answer)
	_, err = engine.PastRemovedImages(t.Context(), times(1, engine.ErrNotFound))
	require.ErrorIs(t, err, engine.ErrNotFound, "any other failure")
}

func TestAskAgain(t *testing.T) {
	t.Parallel()
	ended := errors.New("Error response from daemon: read /proc/31099/cgroup: no such process")
	for name, tc := range map[string]struct {
		answers []error
		wants   error
	}{
		"a container that ended while it was looked at": {[]error{ended, ended, nil}, nil},
		"a container whose interface went while a network was made": {[]error{
			errors.New(`podman network create x: exit status 125: Error: route ip+net: no such network interface`), nil,
		}, nil},
		"any other failure": {[]error{engine.ErrNotFound, nil}, engine.ErrNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := 0
			asked, err := engine.AskAgain(t.Context(), func() (int, error) { n++; return n, tc.answers[n-1] })
			require.ErrorIs(t, err, tc.wants)
			if tc.wants == nil {
				assert.Len(t, tc.answers, asked)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err := engine.AskAgain(ctx, func() (int, error) { cancel(); return 0, ended })
	require.ErrorIs(t, err, context.Canceled, "it ends with its context")
}
