package engine

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/poststack/poststack/pkg/runner"
	"github.com/poststack/poststack/pkg/session"
)

//go:embed watchdog.sh
var watchdogScript string

// watchdogEnd is how long a watchdog that is not needed any more may take to end; measured: 1 ms.
const watchdogEnd = time.Second

// watchdog is a program in a session of its own that removes what this process has left on the engine when it
// dies before it could, even by SIGKILL. It waits for the end of a pipe whose other end only this process has,
// and so costs nothing while it waits. It starts with the first disposable thing.
type watchdog struct {
	mu      sync.Mutex
	alive   *os.File // its end tells of our death
	process *runner.Process
	closed  bool
}

// Guard makes sure that a watchdog stands by: when this process dies in whatever way, everything on the engine
// that carries its session's label is removed, and its builds end. What this package makes with that label, and
// Build, call it by themselves; a client of the caller's own has to be announced by it.
func (e *Engine) Guard() error {
	w := &e.watchdog
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.process != nil || w.closed {
		return nil
	}
	read, write, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("start watchdog: %w", err)
	}
	defer func() { _ = read.Close() }()
	command := e.watchdogCommand(read)
	p, err := runner.Detach(command, nil)
	if err != nil {
		_ = write.Close()
		return fmt.Errorf("start watchdog: %w", err)
	}
	p.TraceBeside(e.recorder, command)
	w.process, w.alive = p, write
	return nil
}

// guardLabels calls [Engine.Guard] for a thing of this session.
func (e *Engine) guardLabels(labels map[string]string) error {
	if _, disposable := labels[session.Label]; !disposable {
		return nil
	}
	return e.Guard()
}

func (e *Engine) watchdogCommand(stdin *os.File) runner.Command {
	env := append([]string{
		"WATCH_KIND=" + string(e.info.Kind),
		"WATCH_LABEL=" + session.Label + "=" + session.Name(),
		"WATCH_MARK=" + session.Mark(),
		"WATCH_SCRATCH=" + e.scratch(),
		"WATCH_TEMP=" + os.TempDir(),
		"WATCH_STAGING=" + filepath.Join(e.opts.CacheDir, "staging"),
		"WATCH_VOLUMES=" + e.opts.Volumes,
	}, e.cli.env...)
	store, service := "", ""
	if e.service != nil {
		store, service = e.facts.GraphRoot, e.service.dir
	}
	return runner.Command{
		Program: "/bin/sh",
		Args:    append([]string{"-c", watchdogScript, "poststack-watchdog", e.cli.program}, e.cli.global...),
		Dir:     "/", Env: append(env, "WATCH_STORE="+store, "WATCH_SERVICE="+service), Stdin: stdin,
	}
}

// close tells the watchdog that nothing is left to remove, and waits for its end.
func (w *watchdog) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	if w.alive == nil {
		return
	}
	_, _ = w.alive.WriteString("done\n") // it may have been killed
	_ = w.alive.Close()
	w.alive = nil
	select {
	case <-w.process.Done():
	case <-time.After(watchdogEnd):
	}
}
