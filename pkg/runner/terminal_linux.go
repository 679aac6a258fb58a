package runner

import (
	"errors"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// stopTime is how long our own process group may take to stop. One without a shell that could continue it is
// never stopped by the terminal's signals: the program then goes on at once.
const stopTime = 200 * time.Millisecond

// cldStopped is what a child's stop is called in what the kernel tells its parent. Source: sigaction(2), CLD_STOPPED.
const cldStopped = 5

// lend waits for the program to be stopped, hands the terminal to the shell by stopping our own process group,
// and gives it back to the program when the shell has continued us. It returns when the program has been waited
// for by its parent.
func (s screen) lend(pid int) {
	for {
		var info unix.Siginfo
		err := unix.Waitid(unix.P_PID, pid, &info, unix.WSTOPPED|unix.WEXITED|unix.WNOWAIT, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || info.Code != cldStopped { // it has ended: os/exec waits for it
			return
		}
		_ = unix.Waitid(unix.P_PID, pid, nil, unix.WSTOPPED|unix.WNOHANG, nil) // this stop has been seen
		continued := make(chan os.Signal, 1)
		signal.Notify(continued, syscall.SIGCONT)
		s.restore()
		_ = syscall.Kill(0, syscall.SIGTSTP)
		select {
		case <-continued:
		case <-time.After(stopTime):
		}
		signal.Stop(continued)
		s.give(pid)
		_ = syscall.Kill(-pid, syscall.SIGCONT)
	}
}
