package health_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/health"
	"github.com/poststack/poststack/pkg/trace"
	"github.com/poststack/poststack/pkg/trace/tracetest"
)

func TestWait_is_traced(t *testing.T) {
	t.Parallel()
	recorder, ctx := tracetest.Record(t)
	p := &script{answers: []error{errRefused, nil}}
	require.NoError(t, health.Wait(trace.Lane(ctx, "db:start"), p, health.Options{Interval: health.MinInterval}))
	all := tracetest.Written(t, recorder)
	span := all.One(t, "wait for the server")
	assert.Equal(t, trace.Wait, span.Category)
	assert.GreaterOrEqual(t, *span.Duration, health.MinInterval.Microseconds())
	assert.Equal(t, "db:start (work)", all.Lane(span))
}
