package health_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/poststack/poststack/pkg/health"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	errRefused = errors.New("connection refused")
	errDenied  = errors.New("wrong password")
	errExited  = errors.New(`container "pg" exited with status 1`)
	errLimit   = errors.New("start did not end within 3.05s")
)

// script is a prober that gives one answer after the other, then the last one again and again.
type script struct {
	answers []error
	asked   int
	takes   time.Duration // for each answer
}

func (s *script) Probe(ctx context.Context) error {
	answer := s.answers[min(s.asked, len(s.answers)-1)]
	s.asked++
	select {
	case <-time.After(s.takes):
		return answer
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *script) String() string { return "the server" }

// exitsAfter is an Alive that reports the exit from d on.
func exitsAfter(d time.Duration) func(context.Context) error {
	start := time.Now()
	return func(context.Context) error {
		if time.Since(start) >= d {
			return errExited
		}
		return nil
	}
}

func TestWait(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		prober script
		exits  time.Duration // 0: never
		final  bool          // errDenied is final
		want   []error       // none: success
		text   string
		took   time.Duration
		asked  int
	}{
		"a yes at once takes no time": {
			prober: script{answers: []error{nil}}, asked: 1,
		},
		"a yes after refusals": {
			prober: script{answers: []error{errRefused, errRefused, nil}}, took: 200 * time.Millisecond, asked: 3,
		},
		"the limit is named with the last answer": {
			prober: script{answers: []error{errDenied, errRefused}}, want: []error{errLimit, errRefused},
			text: "wait for the server (3.05s): start did not end within 3.05s; its last answer: connection refused",
			took: 3050 * time.Millisecond, asked: 31,
		},
		"a probe that hangs is cancelled at the limit, and the answer before it stays": {
			prober: script{answers: []error{errRefused}, takes: 2 * time.Second}, want: []error{errLimit, errRefused},
			text: "wait for the server (3.05s): start did not end within 3.05s; its last answer: connection refused",
			took: 3050 * time.Millisecond, asked: 2,
		},
		"a probe that hangs from the first on": {
			prober: script{answers: []error{nil}, takes: time.Hour}, want: []error{errLimit, context.DeadlineExceeded},
			took: 3050 * time.Millisecond, asked: 1,
		},
		"an exit ends it at once": {
			prober: script{answers: []error{errRefused}}, exits: 250 * time.Millisecond, want: []error{errExited, errRefused},
			text: `wait for the server (300ms): container "pg" exited with status 1; its last answer: connection refused`,
			took: 300 * time.Millisecond, asked: 4,
		},
		"an exit ends a probe that hangs": {
			prober: script{answers: []error{nil}, takes: time.Hour}, exits: 250 * time.Millisecond, want: []error{errExited},
			text: `wait for the server (300ms): container "pg" exited with status 1`,
			took: 300 * time.Millisecond, asked: 1,
		},
		"a final answer ends it at once": {
			prober: script{answers: []error{errRefused, errDenied}}, final: true, want: []error{errDenied},
			text: "wait for the server (100ms): wrong password", took: 100 * time.Millisecond, asked: 2,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeoutCause(t.Context(), 3050*time.Millisecond, errLimit)
				defer cancel()
				start := time.Now()
				o := health.Options{}
				if tc.exits > 0 {
					o.Alive = exitsAfter(tc.exits)
				}
				if tc.final {
					o.Final = func(err error) bool { return errors.Is(err, errDenied) }
				}
				err := health.Wait(ctx, &tc.prober, o)
				assert.Equal(t, tc.took, time.Since(start))
				assert.Equal(t, tc.asked, tc.prober.asked)
				if tc.want == nil {
					require.NoError(t, err)
					return
				}
				for _, want := range tc.want {
					require.ErrorIs(t, err, want)
				}
				if tc.text != "" {
					require.EqualError(t, err, tc.text)
				}
			})
		})
	}
}

func TestWait_interrupted_gives_the_cause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		interrupted := errors.New("interrupted")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(interrupted) })
		err := health.Wait(ctx, &script{answers: []error{errRefused}}, health.Options{
			Alive: func(ctx context.Context) error { return ctx.Err() }, // as a call of the engine's API would end
		})
		require.ErrorIs(t, err, interrupted)
		require.ErrorIs(t, err, errRefused)
		var failure *health.WaitError
		require.ErrorAs(t, err, &failure)
		assert.Equal(t, time.Second, failure.Waited)
	})
}

func TestWait_asks_ever_less_often_whether_it_lives(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3600*time.Millisecond)
		defer cancel()
		start := time.Now()
		var asked []time.Duration
		require.Error(t, health.Wait(ctx, &script{answers: []error{errRefused}}, health.Options{
			Alive: func(context.Context) error {
				asked = append(asked, time.Since(start))
				return nil
			},
		}))
		const ms = time.Millisecond
		assert.Equal(t, []time.Duration{100 * ms, 300 * ms, 700 * ms, 1500 * ms, 2500 * ms, 3500 * ms}, asked)
	})
}

func TestWait_with_an_ended_context_asks_nothing(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p := &script{answers: []error{nil}}
	require.ErrorIs(t, health.Wait(ctx, p, health.Options{}), context.Canceled)
	assert.Zero(t, p.asked)
}

func TestWait_refuses_a_busy_interval(t *testing.T) {
	t.Parallel()
	for _, d := range []time.Duration{-1, 1, health.MinInterval - 1} {
		p := &script{answers: []error{nil}}
		require.ErrorIs(t, health.Wait(t.Context(), p, health.Options{Interval: d}), health.ErrInterval)
		assert.Zero(t, p.asked)
	}
}
