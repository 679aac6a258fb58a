package stack_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/stack"
)

func TestVerifyRuntime_image_without_checks_fails(t *testing.T) {
	t.Parallel()
	b := newBench(t).built(t, "base-debian", "postgres", "liquibase", "extra")
	j, err := b.phase(t, of((*stack.Stack).VerifyRuntime, ""))
	require.ErrorContains(t, err,
		`verify:runtime: verify image "base-debian": it declares no checks; add runtime to containers/base-debian/image.yaml`)
	assert.Equal(t, 1, stack.ExitStatus(err))
	end := j.last(t, event.PhaseEnded)
	assert.Equal(t, event.Failed, end.Outcome)
	assert.Contains(t, strings.Join(end.Detail, "\n"), `verify image "extra"`, "every image is told of")

	report := j.last(t, event.Result).Report
	assert.Equal(t, []string{"image", "check", "expected", "seen", "time"}, report.Header)
	found, ok := report.Data.([]stack.ImageChecks)
	require.True(t, ok)
	require.Len(t, found, 4)
	assert.Equal(t, "base-debian", found[0].Image, "in the catalogue's order")
	assert.Equal(t, string(b.digestRef(t, "extra")), found[1].Ref)
	assert.Contains(t, found[1].Error, "declares no checks")
}

func TestVerifyPostgres_list_that_cannot_be_read(t *testing.T) {
	t.Parallel()
	b := newBench(t).built(t, "base-debian", "postgres")
	write(t, filepath.Join(b.config.Root, "containers", "postgres", "image.yaml"),
		"description: x\nruntime:\n  checks: [ { tpc: { port: 1 } } ]\n")
	_, err := b.phase(t, of((*stack.Stack).VerifyRuntime, ""))
	require.ErrorContains(t, err,
		`containers/postgres/image.yaml:3: unknown key "runtime.checks.tpc": did you mean "tcp"?`)
	assert.Equal(t, 2, stack.ExitStatus(err))
}

func TestVerifyRuntime_unknown_image(t *testing.T) {
	t.Parallel()
	_, err := newBench(t).phase(t, of((*stack.Stack).VerifyRuntime, "postgre"))
	require.ErrorContains(t, err, `unknown image "postgre": did you mean "postgres"?`)
	assert.Equal(t, 2, stack.ExitStatus(err))
}
