package process_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/agent/process"
)

// table is the one of this process: there can be only one that reaps.
var table = sync.OnceValue(func() *process.Table { //nolint:gochecknoglobals // see above
	t, err := process.NewTable()
	if err != nil {
		panic(err)
	}
	go t.Reap(context.Background())
	return t
})

func sh(script string, args ...string) process.Spec {
	return process.Spec{
		Argv: append([]string{"/bin/sh", "-c", script, "sh"}, args...), Stdout: os.Stderr, Stderr: os.Stderr,
	}
}

func TestTable_Run(t *testing.T) {
	t.Parallel()
	out, err := table().Run(t.Context(), sh("echo one; echo two >&2"))
	require.NoError(t, err)
	assert.Equal(t, "one\ntwo", out)

	_, err = table().Run(t.Context(), sh("echo why; exit 3"))
	var exit *process.ExitError
	require.ErrorAs(t, err, &exit)
	assert.Equal(t, 3, exit.Code)
	require.EqualError(t, err, "run /bin/sh: exit status 3: why")

	_, err = table().Run(t.Context(), sh("kill -KILL $$"))
	require.ErrorAs(t, err, &exit)
	assert.Equal(t, 137, exit.Code)

	_, err = table().Run(t.Context(), process.Spec{Argv: []string{"/nowhere"}})
	require.ErrorContains(t, err, `start "/nowhere"`)
}

func TestTable_Run_keeps_the_end_of_what_is_printed(t *testing.T) {
	t.Parallel()
	out, err := table().Run(t.Context(), sh("i=0; while [ $i -lt 5000 ]; do echo line $i; i=$((i+1)); done"))
	require.NoError(t, err)
	assert.LessOrEqual(t, len(out), 16<<10)
	assert.True(t, strings.HasSuffix(out, "line 4999"))
}

func TestTable_Run_ends_with_its_context(t *testing.T) {
	t.Parallel()
	why := errors.New("it took too long")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, why)
	defer cancel()
	begun := time.Now()
	_, err := table().Run(ctx, sh("trap '' TERM; sleep 60 & wait; sleep 60"))
	require.ErrorIs(t, err, why)
	assert.Less(t, time.Since(begun), 30*time.Second, "its children are killed too")
}

func TestTable_Run_does_not_wait_for_what_a_command_leaves(t *testing.T) {
	t.Parallel()
	pidFile := filepath.Join(t.TempDir(), "pid")
	out, err := table().Run(t.Context(), sh(`sleep 60 & echo $! >"$1"; echo done`, pidFile))
	require.NoError(t, err)
	assert.Equal(t, "done", out)
	content, err := os.ReadFile(pidFile)
	require.NoError(t, err)
	var pid int
	_, err = fmt.Sscan(string(content), &pid)
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	require.Eventually(t, func() bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }, time.Minute,
		5*time.Millisecond, "the orphan is reaped")
}

// A process that ends at once must not be reaped before it is known, and no status may get to another one.
func TestTable_Run_gets_each_status_right(t *testing.T) {
	t.Parallel()
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for i := range 25 {
				want := (worker*25 + i) % 200
				_, err := table().Run(t.Context(), sh(`sleep 0 & exit "$1"`, fmt.Sprint(want)))
				got := 0
				var exit *process.ExitError
				if errors.As(err, &exit) {
					got = exit.Code
				}
				assert.Equal(t, want, got)
			}
		})
	}
	all.Wait()
}

func TestProcess_Signal_waits_until_it_is_handled(t *testing.T) {
	t.Parallel()
	for range 10 { // at once after the start, when the shell has not read its script yet
		out := filepath.Join(t.TempDir(), "out")
		p, err := table().Start(sh(`trap 'echo got >"$1"; exit 4' HUP; while :; do sleep 0.01; done`, out))
		require.NoError(t, err)
		require.NoError(t, p.Signal(syscall.SIGHUP))
		assert.Equal(t, 4, p.Code())
		assert.FileExists(t, out)
		require.NoError(t, p.Signal(syscall.SIGHUP), "one that has ended is not signalled")
	}
}

func TestProcess_Kill(t *testing.T) {
	t.Parallel()
	p, err := table().Start(sh("sleep 60 & wait"))
	require.NoError(t, err)
	p.Kill()
	assert.Equal(t, 137, p.Code())
	p.Kill()
}
