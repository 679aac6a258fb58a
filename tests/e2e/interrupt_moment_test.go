package e2e_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
	"github.com/poststack/poststack/tests/checkout"
)

// TestInterrupt_at_any_moment types Ctrl-C at random moments of a stack's first start, and sets it up then. What the
// phases of [TestInterrupt] do not hit is hit here.
func TestInterrupt_at_any_moment(t *testing.T) {
	enginetest.ForEach(t, func(t *testing.T, kind engine.Kind) {
		random := rand.New(rand.NewPCG(enginetest.Seed(t), 0))
		c := checkout.New(t, kind)
		c.OK(t, "install")
		c.OK(t, "build:all")
		takes := map[string]time.Duration{}
		for _, target := range []string{"db:start", "setup"} {
			begun := time.Now()
			require.NoError(t, compiled(c, nil, target).Run())
			takes[target] = time.Since(begun)
			require.NoError(t, compiled(c, nil, "reset", "-yes").Run())
		}
		for i := range enginetest.Rounds(t, 1) {
			target := []string{"db:start", "setup"}[i%2]
			moment := time.Duration(random.Int64N(int64(takes[target])))
			t.Run(fmt.Sprintf("%d: %s", i+1, target), func(t *testing.T) { interruptAt(t, c, target, moment) })
		}
	})
}

// interruptAt starts a stack that is not there, types Ctrl-C after a time, and sets the stack up. A run that had ended
// by then is tried again, and told to end sooner.
func interruptAt(t *testing.T, c *checkout.Checkout, target string, after time.Duration) {
	t.Helper()
	status, r := 0, (*run)(nil)
	for ; status == 0; after = after * 3 / 4 {
		t.Logf("Ctrl-C after %s", after)
		require.NoError(t, compiled(c, nil, "reset", "-yes").Run())
		r = begin(t, compiled(c, nil, target), true)
		time.Sleep(after) // the moment is what is tried here
		_ = ctrlC(r)
		status = r.wait(t)
	}
	assert.Equal(t, 130, status, "it printed:\n%s", r.output())
	next := c.Mage(t, nil, "setup")
	assert.Zero(t, next.Code, "the next run ends well; the interrupted one had printed:\n%s", r.output())
	require.NoError(t, compiled(c, nil, "reset", "-yes").Run())
}
