package e2e_test

import (
	"errors"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
)

// way is how targets are run and how they are told to end.
type way struct {
	launch   launcher
	terminal bool             // it runs on a terminal
	tell     func(*run) error // tells it to end
	options  []string         // before the targets
	status   int              // that the docs promise
}

// ctrlC is what the user types; the kernel makes a signal of it for the terminal's foreground.
func ctrlC(r *run) error {
	_, err := r.screen.WriteString("\x03")
	return err
}

// twiceCtrlC is an impatient user: mage itself would exit with 1 on the second.
func twiceCtrlC(r *run) error { return errors.Join(ctrlC(r), ctrlC(r)) }

// signalled sends a signal to the one process that was started.
func signalled(sig syscall.Signal) func(*run) error {
	return func(r *run) error { return r.cmd.Process.Signal(sig) }
}

// ways are those ways, by name.
func ways() map[string]way {
	return map[string]way{
		"mage, Ctrl-C":           {launch: mage, terminal: true, tell: ctrlC, status: 130},
		"mage, two Ctrl-C":       {launch: mage, terminal: true, tell: twiceCtrlC, status: 130},
		"go tool mage, Ctrl-C":   {launch: goTool, terminal: true, tell: ctrlC, status: 130},
		"bin/poststack, Ctrl-C":  {launch: compiled, terminal: true, tell: ctrlC, status: 130},
		"bin/poststack, SIGTERM": {launch: compiled, tell: signalled(syscall.SIGTERM), status: 143},
		"bin/poststack, SIGHUP":  {launch: compiled, tell: signalled(syscall.SIGHUP), status: 129},
		"mage, SIGTERM":          {launch: mage, tell: signalled(syscall.SIGTERM), status: 143},
		"bin/poststack, SIGKILL": {launch: compiled, tell: signalled(syscall.SIGKILL), status: 137},
		"mage -t": {
			launch: mage, options: []string{"-t", "8s"}, tell: func(*run) error { return nil }, status: 1,
		},
	}
}

// TestInterrupt ends runs in the midst of each phase, in each way, and looks at what is left and whether the
// next run goes on.
func TestInterrupt(t *testing.T) {
	enginetest.ForEach(t, func(t *testing.T, kind engine.Kind) {
		s := newSite(t, kind)
		_, err := connect(t, s.c.URL(t)).Exec(t.Context(), `insert into domains (name) values ('example.org')`)
		require.NoError(t, err)
		for _, row := range []struct{ phase, way string }{ // each phase and each way, and the pairs that differ most
			{"build", "mage, Ctrl-C"},
			{"build", "bin/poststack, SIGTERM"},
			{"build", "bin/poststack, SIGKILL"},
			{"bootstrap", "bin/poststack, SIGHUP"},
			{"first start", "mage, SIGTERM"},
			{"first start", "bin/poststack, Ctrl-C"},
			{"start", "go tool mage, Ctrl-C"},
			{"verify", "bin/poststack, Ctrl-C"},
			{"verify", "mage, SIGTERM"},
			{"verify", "mage -t"},
			{"migrate", "mage, Ctrl-C"},
			{"migrate", "mage, two Ctrl-C"},
			{"migrate", "bin/poststack, SIGHUP"},
			{"migrate", "mage, SIGTERM"},
			{"migrate", "bin/poststack, SIGKILL"},
		} {
			t.Run(row.phase+": "+row.way, func(t *testing.T) { s.interrupt(t, phases()[row.phase](t, s), ways()[row.way]) })
		}
	})
}

// interrupt runs the stage, tells it to end in its midst, and checks what is left.
func (s *site) interrupt(t *testing.T, st stage, w way) {
	t.Helper()
	images := s.images(t)
	staging, err := filepath.Glob(filepath.Join(s.cache, "staging", "*"))
	require.NoError(t, err)
	s.before = append(s.disposables(t), staging...)
	r := begin(t, w.launch(s.c, st.env, append(w.options, st.args...)...), w.terminal)
	require.Eventually(t, func() bool { return st.reached(r) }, time.Minute, 20*time.Millisecond,
		"it does not come to the phase")

	told := time.Now()
	require.NoError(t, w.tell(r))
	assert.Equal(t, w.status, r.wait(t), "the exit status; it printed:\n%s", r.output())
	t.Logf("it ended after %.1f s", time.Since(told).Seconds())
	if w.options != nil { // its time was up at some moment before this
		told = time.Now()
	}
	s.settle(t, r, told)
	r.checkTerminal(t)
	assert.Equal(t, images, s.images(t), "the last good images keep their tags")

	st.repair()
	next := s.c.Mage(t, st.again, st.after...)
	assert.Zero(t, next.Code, "the next run ends well")
	assert.Equal(t, 1, domains(t, s.c), "the data is as it was")
}
