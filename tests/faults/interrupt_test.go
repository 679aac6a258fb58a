package faults_test

import (
	"cmp"
	"context"
	"errors"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/tests/checkout"
)

// way is how targets are run and how they are told to end.
type way struct {
	launch   func(*checkout.Checkout, ...string) *exec.Cmd
	terminal bool                      // it runs on a terminal
	tell     func(*checkout.Run) error // tells it to end
	options  []string                  // before the targets
	status   int                       // that the docs promise
	swept    bool                      // the next command cleans up
}

// mage is the mage command.
func mage(c *checkout.Checkout, args ...string) *exec.Cmd {
	return c.Command(context.Background(), nil, args...)
}

// goTool is go tool mage.
func goTool(c *checkout.Checkout, args ...string) *exec.Cmd {
	cmd := exec.Command("go", append([]string{"tool", "mage"}, args...)...)
	cmd.Dir, cmd.Env = c.Dir, mage(c).Env
	return cmd
}

// compiled is the program of mage install.
func compiled(c *checkout.Checkout, args ...string) *exec.Cmd { return c.Compiled(nil, args...) }

// twiceCtrlC is an impatient user: mage itself would exit with 1 on the second.
func twiceCtrlC(r *checkout.Run) error { return errors.Join(r.CtrlC(), r.CtrlC()) }

// signalled sends a signal to the one process that was started.
func signalled(sig syscall.Signal) func(*checkout.Run) error {
	return func(r *checkout.Run) error { return r.Cmd.Process.Signal(sig) }
}

// interrupts are the faults that end a run. Their tries go through the phases by turns.
func interrupts() []fault {
	ended := func(ways ...way) func(*trial) {
		return func(x *trial) {
			x.interrupt(x.phase(), ways[x.random.IntN(len(ways))])
		}
	}
	return []fault{
		{"Ctrl-C", 3, 30, ended(
			way{launch: mage, terminal: true, tell: (*checkout.Run).CtrlC, status: 130},
			way{launch: mage, terminal: true, tell: twiceCtrlC, status: 130},
			way{launch: goTool, terminal: true, tell: (*checkout.Run).CtrlC, status: 130},
			way{launch: compiled, terminal: true, tell: (*checkout.Run).CtrlC, status: 130},
		)},
		{"SIGTERM", 2, 30, ended(
			way{launch: compiled, tell: signalled(syscall.SIGTERM), status: 143},
			way{launch: mage, tell: signalled(syscall.SIGTERM), status: 143},
		)},
		{"SIGKILL", 3, 30, ended(
			way{launch: compiled, tell: signalled(syscall.SIGKILL), status: 137},
			way{launch: mage, tell: signalled(syscall.SIGKILL), status: 137},
		)},
		{"the terminal is closed", 2, 30, ended(
			way{launch: compiled, terminal: true, tell: (*checkout.Run).Hangup, status: 129},
			way{launch: compiled, tell: signalled(syscall.SIGHUP), status: 129},
			way{launch: mage, terminal: true, tell: (*checkout.Run).Hangup, status: 129},
		)},
		{"the time of mage -t is up", 2, 30, (*trial).outOfTime},
		{"SIGKILL of a run and its watchdog", 2, 30, (*trial).killedWhole},
		{"nobody reads the output any more", 1, 10, (*trial).pipeClosed},
	}
}

// outOfTime gives a run less time than it may need.
func (x *trial) outOfTime() {
	limit := time.Second + time.Duration(x.random.Int64N(int64(4*time.Second)))
	x.interrupt(x.phase(), way{
		launch: mage, options: []string{"-t", limit.String()}, status: 1,
		tell: func(r *checkout.Run) error { r.Wait(x.T); return nil },
	})
}

// killedWhole kills all processes of a run, as a machine does that ends a session or a unit: nobody is left to clean up
// but the next command.
func (x *trial) killedWhole() {
	x.interrupt(x.phase(), way{
		launch: compiled, status: 137, swept: true,
		tell: func(r *checkout.Run) error {
			for _, p := range r.Processes() {
				_ = syscall.Kill(p.PID, syscall.SIGKILL) // it may have ended meanwhile
			}
			return nil
		},
	})
}

// pipeClosed closes the pipe that a run writes to: it goes on to its end.
func (x *trial) pipeClosed() {
	before := x.state(x.T)
	x.before = x.disposables(x.T)
	st := endings()[x.random.IntN(len(endings()))](x)
	cmd := compiled(cmp.Or(st.on, x.Checkout), st.args...)
	reader, writer, err := os.Pipe()
	require.NoError(x, err)
	cmd.Stdout, cmd.Stderr = writer, writer
	r := checkout.Begin(x.T, cmd, false)
	require.NoError(x, writer.Close())
	time.AfterFunc(time.Duration(x.random.Int64N(int64(2*time.Second))), func() { _ = reader.Close() })
	if status := r.Wait(x.T); status != 0 {
		x.help("%v ended with %d", st.args, status)
	}
	x.settles(r, time.Now())
	if st.after != nil {
		st.after()
	}
	x.recovers(before)
}

// interrupt runs a phase, tells it to end in its midst, and checks what is left.
func (x *trial) interrupt(phase func(*trial) stage, w way) {
	x.Helper()
	before, images := x.state(x.T), x.images(x.T)
	st := phase(x)
	x.before = x.disposables(x.T)
	r := checkout.Begin(x.T, w.launch(cmp.Or(st.on, x.Checkout), append(w.options, st.args...)...), w.terminal)
	if w.options == nil { // it has the time
		require.Eventually(x, func() bool { return st.reached(r) }, time.Minute, 20*time.Millisecond,
			"it does not come to the phase")
	}
	after := time.Duration(x.random.Int64N(int64(200 * time.Millisecond)))
	if st.ends {
		after = time.Duration(x.random.Int64N(int64(4 * time.Second)))
	}
	if w.options == nil {
		time.Sleep(after) // the moment is what is tried here
	}

	told := time.Now()
	err := w.tell(r)
	status := r.Wait(x.T)
	if w.options != nil {
		told = time.Now()
	}
	x.Logf("%v: told %s into the phase, it ended with %d after %.1f s", st.args, after, status, time.Since(told).Seconds())
	if st.ends && (status == 0 || err != nil) {
		x.Log("it had come to its end")
	} else {
		require.NoError(x, err)
		assert.Equal(x, w.status, status, "the exit status; it printed:\n%s", r.Output())
	}
	if !w.swept {
		x.settles(r, told)
	}
	r.CheckTerminal(x.T)
	assert.Equal(x, images, x.images(x.T), "the last good images keep their tags")
	if st.repair != nil {
		st.repair()
	}
	if st.after != nil {
		st.after()
	}
	x.recovers(before, "TMPDIR="+r.Temp)
	if w.swept {
		x.settles(r, time.Now())
	}
}
