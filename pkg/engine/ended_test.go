package engine_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
)

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
