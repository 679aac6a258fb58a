package stack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/trace"
)

// lockPoll is how often a waiting run asks whether the stack is free.
const lockPoll = 200 * time.Millisecond

// holderWait is how long a waiting run gives the other one to say who it is.
const holderWait = time.Second

// lock is held by the one run that may change a stack. It is the kernel's, and so ends with its holder. Who holds it
// stands beside it. The file goes with the stack, in a reset: who was waiting for it then finds that it has locked a
// file that is not there any more, and takes the new one.
type lock struct {
	file   *flock.Flock
	holder string
	spent  bool // the stack is gone: so is the file, once it is released
}

// lockFile is the file that is locked.
func (s *Stack) lockFile() string { return filepath.Join(s.Config.StateDir, "lock") }

// acquire takes the stack's lock for the rest of the run, once. When another run has it, it says which, and
// waits for as long as ctx lasts.
func (s *Stack) acquire(ctx context.Context, r event.Reporter) error {
	_, err := s.lockOnce.get(func() (*lock, error) {
		dir := s.Config.StateDir
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, badUsage("create state directory: %v; choose another with POSTSTACK_STATE_DIR", err)
		}
		l := &lock{file: flock.New(s.lockFile()), holder: filepath.Join(dir, "lock.holder")}
		if err := s.wait(ctx, r, l); err != nil {
			return nil, fmt.Errorf("lock stack %q: %w", s.Config.Stack, err)
		}
		// On a full disk nobody is told who this is: what makes room there, such as reset, must not fail for that.
		who := fmt.Sprintf("process %d (%s)", os.Getpid(), strings.Join(os.Args[1:], " "))
		_ = os.WriteFile(l.holder, []byte(who), 0o600)
		s.locked.Store(true)
		return l, nil
	})
	return err
}

// wait takes the lock, and waits for who has it.
func (s *Stack) wait(ctx context.Context, r event.Reporter, l *lock) error {
	for {
		free, err := l.file.TryLock()
		if err == nil && !free {
			r.Notice(fmt.Sprintf("waiting for %s, which works on stack %q", l.held(ctx), s.Config.Stack))
			span := trace.Start(ctx, trace.Wait, "wait for another run")
			_, err = l.file.TryLockContext(ctx, lockPoll)
			span.End()
		}
		if err != nil || l.current() {
			return err
		}
		if err := l.file.Unlock(); err != nil { // a reset has deleted it meanwhile
			return err
		}
		if err := os.MkdirAll(filepath.Dir(l.file.Path()), 0o700); err != nil {
			return err
		}
	}
}

// current tells whether what is locked is the file that stands there.
func (l *lock) current() bool {
	locked, err := l.file.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(l.file.Path())
	return err == nil && os.SameFile(locked, there)
}

// held tells who has the lock. A run that has only just taken it may not have written down yet who it is.
func (l *lock) held(ctx context.Context) string {
	for deadline := time.After(holderWait); ; {
		if who, err := os.ReadFile(l.holder); err == nil && len(who) > 0 {
			return string(who)
		}
		select {
		case <-ctx.Done():
			return "another run"
		case <-deadline:
			return "another run"
		case <-time.After(holderWait / 20):
		}
	}
}

// release lets the next run have the stack.
func (l *lock) release() error {
	err := os.Remove(l.holder)
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	if l.spent {
		err = errors.Join(err, os.Remove(l.file.Path()))
		_ = os.Remove(filepath.Dir(l.file.Path())) // if nothing else is in it
	}
	return errors.Join(err, l.file.Unlock())
}
