package agent

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"github.com/poststack/poststack/pkg/agent/status"
)

// longestPause is the longest time between two attempts to start the daemon again.
const longestPause = time.Minute

// attendance is what the agent does while the daemon runs: it passes signals on, and starts a daemon again that has
// ended by itself. The container stays as it is meanwhile: if it ended, too, its engine would start it again at another
// address, and podman gives up some day.
type attendance struct {
	*Agent
	stop   context.CancelCauseFunc // ends everything but the daemon
	asked  int                     // how often it was told to end
	killed <-chan time.Time        // when the daemon is killed that was told to end
	again  <-chan time.Time        // when it is started again; nil while it runs
	pause  time.Duration           // before that, as long as it does not stay up; 0 if it has stayed up
	code   int                     // what it has ended with last
}

// run runs until the daemon is to stay down, and gives its exit status.
func (a *attendance) run(ctx context.Context) int {
	for {
		ended := a.daemon.Done()
		if a.again != nil {
			ended = nil
		}
		select {
		case <-ended:
			a.code = a.daemon.Code()
			if a.asked > 0 || !a.ended() {
				return a.code
			}
		case <-a.again:
			a.restart()
		case <-a.killed:
			a.log.Error("the daemon does not end: it is killed", "after", a.Declaration.Daemon.Stop.Timeout)
			a.daemon.Kill()
		case s := <-a.Signals:
			switch {
			case stops(s) && a.again != nil:
				return a.code
			case stops(s):
				a.end()
			case s == syscall.SIGHUP:
				go a.lookAgain(ctx, "it was asked to")
			case a.again == nil && !a.ignored(s):
				a.send(s.(syscall.Signal)) //nolint:forcetypeassert // there is no other kind here
			}
		}
	}
}

// end has the daemon end, the harder the more often it is told.
func (a *attendance) end() {
	d := a.Declaration.Daemon
	a.asked++
	a.stop(errStopped)
	a.board.Change(func(s *status.Status) { s.State = status.Stopping })
	name := d.Stop.Signal
	if a.asked > 1 {
		name = d.Stop.Again
	} else {
		a.killed = time.After(d.Stop.Timeout)
	}
	a.send(signalOf(name))
}

// ended tells whether a daemon that has ended by itself is started again: not if it never stayed up, as whoever started
// the container is to learn of that.
func (a *attendance) ended() bool {
	steady := a.Declaration.Daemon.Steady
	ran := a.daemon.Ran()
	if ran < steady && a.pause == 0 {
		a.log.Error("the daemon has ended by itself", "status", a.code)
		return false
	}
	if a.pause = min(2*a.pause, longestPause); ran >= steady {
		a.pause = steady / 5
	}
	a.again = time.After(a.pause)
	a.log.Error("the daemon has ended by itself", "status", a.code, "starts again in", a.pause)
	a.board.Change(func(s *status.Status) {
		s.State, s.PID = status.Starting, 0
		s.LastError = &status.Error{
			At: time.Now(), What: whatDaemon, Text: fmt.Sprintf("it ended by itself with status %d", a.code),
		}
	})
	return true
}

// restart starts the daemon again, after what it has left behind has ended: that would hold its ports.
func (a *attendance) restart() {
	a.again = time.After(a.pause) // unless it runs
	if !a.mu.TryLock() {
		return // files are being made, which can take as long as the checker
	}
	defer a.mu.Unlock()
	err := a.daemon.KillRest()
	if err == nil {
		err = a.launch()
	}
	if err != nil {
		a.log.Error("the daemon does not start", "error", err)
		return
	}
	a.again = nil
}
