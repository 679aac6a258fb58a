package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
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

// Run starts c and waits for it. When ctx ends first, the group gets SIGTERM and, after c.Grace, SIGKILL; Run
// returns when nothing of the group is left, and the error matches the context's error and its cause, even if
// the program exits with 0 then: podman build does that. A program that ended before ctx did is judged by its
// exit status alone.
//
// A child that outlives its program and keeps the output open is not waited for longer than c.Grace, and is
// no failure.
func (x Exec) Run(ctx context.Context, c Command) (Result, error) {
	if err := ctx.Err(); err != nil {
		return Result{Code: -1}, fmt.Errorf("run %q: %w", c.Program,
			&interruption{cause: context.Cause(ctx), ctx: err, ended: errNotStarted})
	}
	if c.Grace == 0 {
		c.Grace = DefaultGrace
	}
	cmd := c.exec()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = c.Grace
	out := newOutput(c)
	cmd.Stdout, cmd.Stderr = &out.stdout, &out.stderr
	feed, err := stdin(cmd, c.Stdin)
	if err != nil {
		return Result{Code: -1}, fmt.Errorf("start %q: %w", c.Program, err)
	}

	start := time.Now()
	if err := cmd.Start(); err != nil {
		return Result{Code: -1}, startError(c, err)
	}
	feed()
	interrupted, err := wait(ctx, cmd, c.Grace)
	if outErr := out.close(); outErr != nil {
		err = fmt.Errorf("pass on output: %w", outErr) // a program that cannot write any more ends by that
	}
	res := Result{
		Stdout: out.stdout.tail.String(), Stderr: out.stderr.tail.String(),
		Code: cmd.ProcessState.ExitCode(), Duration: time.Since(start),
	}
	if interrupted {
		err = &interruption{cause: context.Cause(ctx), ctx: ctx.Err(), ended: err}
	}
	if err == nil {
		return res, nil
	}
	return res, x.failure(c, res, err)
}

// exec is c as it is started, with no context: CommandContext would end only the child, and no group.
func (c Command) exec() *exec.Cmd {
	cmd := exec.Command(c.Program, c.Args...) //nolint:noctx // as said above
	cmd.Dir = c.Dir
	if len(c.Env) > 0 {
		cmd.Env = append(cmd.Environ(), c.Env...) // with PWD, if there is a Dir
	}
	return cmd
}

// errNotStarted is how a program ended whose context had ended before it.
var errNotStarted = errors.New("not started")

// startError tells which of the two paths of c does not exist: the kernel's error is the same, and Go's names
// the program for both.
func startError(c Command, err error) error {
	if errors.Is(err, fs.ErrNotExist) && !errors.Is(err, exec.ErrNotFound) {
		if _, dirErr := os.Stat(c.Dir); c.Dir != "" && dirErr != nil {
			err = dirErr
		} else {
			err = fmt.Errorf("%w: %w", ErrNotFound, err)
		}
	}
	return fmt.Errorf("start %q: %w", c.Program, err)
}

// stdin connects r, which may be nil, to cmd. feed copies it once cmd has started: Wait would wait for a
// reader that never ends, even after the program has gone.
func stdin(cmd *exec.Cmd, r io.Reader) (feed func(), err error) {
	if file, ok := r.(*os.File); ok || r == nil {
		if ok {
			cmd.Stdin = file
		}
		return func() {}, nil
	}
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	return func() {
		go func() {
			// A program that does not read all of it closes the pipe; its exit status says if that is wrong.
			_, _ = io.Copy(pipe, r)
			_ = pipe.Close()
		}()
	}, nil
}

// failure turns the end of a program into an error.
func (x Exec) failure(c Command, res Result, err error) error {
	argv := make([]string, 0, 1+len(c.Args))
	for _, a := range append([]string{c.Program}, c.Args...) {
		argv = append(argv, x.Secrets.Redact(a))
	}
	return &ExitError{Argv: argv, Code: res.Code, Tail: lastLines(x.Secrets.Redact(res.Stderr)), Err: err}
}

// lastLines returns the last whole lines of text, at most maxTail bytes of them.
func lastLines(text string) string {
	text = strings.TrimSpace(strings.ToValidUTF8(text, "\uFFFD"))
	if len(text) <= maxTail {
		return text
	}
	text = text[len(text)-maxTail+len("…\n"):]
	if _, whole, ok := strings.Cut(text, "\n"); ok {
		text = whole
	}
	return "…\n" + strings.ToValidUTF8(text, "")
}
