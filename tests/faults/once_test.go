package faults_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/tests/checkout"
)

// holderKilled kills the one that works, of four set-ups of a new stack: another one goes on.
func (x *trial) holderKilled() {
	first := x.bare.With("POSTSTACK_STACK=" + x.name + "-held")
	x.Cleanup(func() { assert.NoError(x, first.Compiled(nil, "reset", "-yes").Run()) })
	before := x.state(x.T)
	x.before = x.disposables(x.T)
	var runs []*checkout.Run
	for range 4 {
		runs = append(runs, checkout.Begin(x.T, first.Compiled(nil, "setup"), false))
	}
	time.Sleep(time.Duration(x.random.Int64N(int64(2 * time.Second)))) // the moment is what is tried here
	holder, err := os.ReadFile(filepath.Join(x.State, x.name+"-held", "lock.holder"))
	x.Logf("killed: %s %v", holder, err)
	for _, r := range runs {
		killed := strings.HasPrefix(string(holder), fmt.Sprintf("process %d ", r.Cmd.Process.Pid))
		if killed {
			assert.NoError(x, r.Cmd.Process.Kill())
		}
		if status := r.Wait(x.T); status != 0 && !killed {
			x.help("one of the others ended with %d:\n%s", status, r.Output())
		}
	}
	for _, r := range runs {
		x.settles(r, time.Now())
	}
	x.goesOn(first, "setup")
	x.keeps(before)
}

// twoCheckouts sets two new checkouts up at once, which look for ports in the same place: they do not meet.
func (x *trial) twoCheckouts() {
	before := x.state(x.T)
	beside := *x.bare.With("POSTSTACK_STACK=" + x.name + "-beside")
	beside.Dir = filepath.Join(filepath.Dir(x.Dir), "beside")
	require.NoError(x, os.CopyFS(beside.Dir, os.DirFS(x.Dir)))
	first := x.bare.With("POSTSTACK_STACK=" + x.name + "-first")
	both := []*checkout.Checkout{first, &beside}
	x.Cleanup(func() {
		for _, c := range both {
			assert.NoError(x, c.Compiled(nil, "reset", "-yes").Run())
		}
		assert.NoError(x, os.RemoveAll(beside.Dir))
	})
	var runs []*checkout.Run
	for _, c := range both {
		runs = append(runs, checkout.Begin(x.T, c.Compiled(nil, "setup"), false))
	}
	for i, r := range runs {
		if status := r.Wait(x.T); status != 0 {
			x.help("set-up %d ended with %d:\n%s", i+1, status, r.Output())
		}
	}
	assert.NotEqual(x, first.URL(x.T), beside.URL(x.T))
	x.keeps(before)
}

// twoUsers sets up a new stack as two users with state directories of their own: it is the one's, and the other is
// told.
func (x *trial) twoUsers() {
	before := x.state(x.T)
	one := x.bare.With("POSTSTACK_STACK=" + x.name + "-users")
	users := []*checkout.Checkout{one, one.With("POSTSTACK_STATE_DIR=" + x.TempDir())}
	x.Cleanup(func() {
		for _, c := range users {
			_ = c.Compiled(nil, "reset", "-yes").Run() // the other has nothing to reset, and is told so
		}
	})
	var runs []*checkout.Run
	for _, c := range users {
		runs = append(runs, checkout.Begin(x.T, c.Compiled(nil, "setup"), false))
	}
	var owners []*checkout.Checkout
	for i, r := range runs {
		if r.Wait(x.T) == 0 {
			owners = append(owners, users[i])
			continue
		}
		assert.Contains(x, r.Output(), "of another owner")
	}
	if len(owners) != 1 {
		x.help("%d of two users have the stack:\n%s\n%s", len(owners), runs[0].Output(), runs[1].Output())
		return
	}
	x.goesOn(owners[0], "setup")
	x.keeps(before)
}

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
