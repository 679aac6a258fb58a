package faults_test

import (
	"bytes"
	"strings"
	"sync"

	"github.com/stretchr/testify/assert"
)

// atOnce sets a new stack up several times at once: one works, the others wait, say for whom, and find nothing to do.
func (x *trial) atOnce(n int) {
	first := x.bare.With("POSTSTACK_STACK=" + x.name + "-once")
	x.Cleanup(func() { assert.NoError(x, first.Compiled(nil, "reset", "-yes").Run()) })
	before := x.state(x.T)
	told, failed := make([]bytes.Buffer, n), make([]error, n)
	var wait sync.WaitGroup
	for i := range told {
		wait.Go(func() {
			cmd := first.Compiled(nil, "setup")
			cmd.Stdout, cmd.Stderr = &told[i], &told[i]
			failed[i] = cmd.Run()
		})
	}
	wait.Wait()
	idle, waited := 0, 0
	for i, err := range failed {
		if err != nil {
			x.help("one of the set-ups: %v\n%s", err, &told[i])
		}
		idle += strings.Count(told[i].String(), "nothing had changed")
		waited += strings.Count(told[i].String(), "waiting for process")
	}
	assert.Equal(x, n-1, idle, "one works, the others find nothing to do")
	assert.GreaterOrEqual(x, waited, 1, "and say for whom they wait")
	x.keeps(before)
}
