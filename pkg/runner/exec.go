package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/poststack/poststack/pkg/secret"
)

// maxTail is how much of stderr an [ExitError] quotes, in bytes.
const maxTail = 4 << 10

// Exec runs programs of this machine. Each runs in a process group of its own, so that a cancelled one is
// ended together with its children, and a Ctrl-C in the terminal reaches only us, who then end it in order.
type Exec struct {
	// Secrets are masked in errors. They are not masked in what Command.Stdout receives: log files mask
	// their own lines.
	Secrets *secret.Set
}

// Run starts c and waits for it. When ctx ends first, the group gets SIGTERM and, after c.Grace, SIGKILL;
// the error then matches the context's cause.
func (x Exec) Run(ctx context.Context, c Command) (Result, error) {
	if err := context.Cause(ctx); err != nil {
		return Result{Code: -1}, fmt.Errorf("run %q: %w", c.Program, err)
	}
	grace := c.Grace
	if grace == 0 {
		grace = DefaultGrace
	}
	cmd := exec.Command(c.Program, c.Args...) //nolint:noctx // the group is ended below; CommandContext ends only the child
	cmd.Dir, cmd.Stdin = c.Dir, c.Stdin
	if len(c.Env) > 0 {
		cmd.Env = append(os.Environ(), c.Env...)
	}
	stdout, stderr := &tailBuffer{max: MaxCapture}, &tailBuffer{max: MaxCapture}
	cmd.Stdout, cmd.Stderr = tee(stdout, c.Stdout), tee(stderr, c.Stderr)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	// A grandchild that keeps the pipes open must not hold Wait for ever.
	cmd.WaitDelay = grace

	start := time.Now()
	if err := cmd.Start(); err != nil {
		return Result{Code: -1}, fmt.Errorf("start %q: %w", c.Program, err)
	}
	stop := context.AfterFunc(ctx, func() { endGroup(cmd.Process.Pid, grace) })
	err := cmd.Wait()
	stop()
	res := Result{Stdout: stdout.String(), Stderr: stderr.String(), Code: cmd.ProcessState.ExitCode(), Duration: time.Since(start)}
	return res, x.failure(ctx, c, res, err)
}

// failure turns the end of a program into an error. A program that was told to end and then exits 0 has not
// succeeded either: podman build does that (buildah exits 0 on SIGTERM).
func (x Exec) failure(ctx context.Context, c Command, res Result, err error) error {
	cause := context.Cause(ctx)
	if err == nil && cause == nil {
		return nil
	}
	if err == nil || cause != nil {
		err = errors.Join(cause, err)
	}
	argv := make([]string, 0, 1+len(c.Args))
	for _, a := range append([]string{c.Program}, c.Args...) {
		argv = append(argv, x.Secrets.Redact(a))
	}
	tail := strings.TrimSpace(res.Stderr)
	if len(tail) > maxTail {
		tail = "…" + strings.ToValidUTF8(tail[len(tail)-maxTail:], "")
	}
	return &ExitError{Argv: argv, Code: res.Code, Tail: x.Secrets.Redact(tail), Err: err}
}

// endGroup asks the process group of pid to end, and kills what is left of it after grace.
func endGroup(pid int, grace time.Duration) {
	_ = syscall.Kill(-pid, syscall.SIGTERM)
	time.AfterFunc(grace, func() { _ = syscall.Kill(-pid, syscall.SIGKILL) })
}

// tee writes to keep and, if there is one, to live.
func tee(keep, live io.Writer) io.Writer {
	if live == nil {
		return keep
	}
	return io.MultiWriter(keep, live)
}

// tailBuffer keeps the last max bytes written to it.
type tailBuffer struct {
	max  int
	data []byte
}

func (b *tailBuffer) Write(p []byte) (int, error) {
	b.data = append(b.data, p...)
	if over := len(b.data) - b.max; over > b.max/4 {
		b.data = append(b.data[:0], b.data[over:]...)
	}
	return len(p), nil
}

func (b *tailBuffer) String() string {
	if over := len(b.data) - b.max; over > 0 {
		return string(b.data[over:])
	}
	return string(b.data)
}
