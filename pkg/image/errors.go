package image

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/runner"
)

// BuildError is an image that could not be built. The last good image and its tags are as they were.
type BuildError struct {
	Image string
	Step  engine.Step // the instruction that failed; zero when the builder was not reached
	Tail  []string    // the last lines that the step printed, redacted
	Log   string      // path of the build's log relative to the checkout; "" if there is none
	Err   error
}

// Unwrap gives the cause.
func (e *BuildError) Unwrap() error { return e.Err }

// Error is one line: the step and the cause.
func (e *BuildError) Error() string {
	text := fmt.Sprintf("build image %q: ", e.Image)
	if e.Step.Text != "" {
		text += stepName(e.Step) + ": "
	}
	var failed *runner.ExitError
	if e.Step.Text == "" || !errors.As(e.Err, &failed) || errors.Is(e.Err, context.Canceled) {
		return text + e.Err.Error()
	}
	if failed.Code < 0 {
		return text + "the builder was killed"
	}
	text += fmt.Sprintf("exit status %d", failed.Code) // the command line is long, and in the log
	if n := len(e.Tail); n > 0 && !strings.HasPrefix(e.Step.Text, "RUN ") {
		text += ": " + strings.TrimPrefix(e.Tail[n-1], "Error: ") // what was printed is the builder's verdict
	}
	return text
}

// Details are the last lines that the failed step printed.
func (e *BuildError) Details() []string { return e.Tail }

// LogPath is the path of the build's log relative to the checkout; "" if there is none.
func (e *BuildError) LogPath() string { return e.Log }

// Where is the image's Dockerfile if a step of it failed.
func (e *BuildError) Where() (file string, line int) {
	if e.Step.Text == "" {
		return "", 0
	}
	return path.Join("containers", e.Image, "Dockerfile"), 0
}

// newBuildError takes the step and its output over from the engine's error.
func newBuildError(name, log string, err error) *BuildError {
	out := &BuildError{Image: name, Log: log, Err: err}
	if failed, ok := errors.AsType[*engine.BuildError](err); ok {
		out.Step, out.Tail = failed.Step, failed.Tail
		if failed.Err != nil {
			out.Err = failed.Err
		}
	}
	return out
}

// notBuilt is that an image's parent, or one that it takes files from, is not built as its inputs are now.
func (p plan) notBuilt(other string) error {
	return fmt.Errorf(
		"%q needs %q, which is not built in its present state: build that first (mage build:all builds every image in order)",
		p.def.Name, other)
}

// tellTool gives a failed program's error in the program's own words: its lines that begin with one of marks,
// without that. Its other output is in the log.
func tellTool(err error, marks ...string) error {
	var failed *runner.ExitError
	if !errors.As(err, &failed) {
		return err
	}
	var told []string
	for line := range strings.Lines(failed.Tail) {
		for _, mark := range marks {
			if text, ok := strings.CutPrefix(strings.TrimSpace(line), mark); ok && text != "" {
				told = append(told, text)
			}
		}
	}
	if len(told) == 0 {
		return err
	}
	return &toolError{
		text: fmt.Sprintf("%s: exit status %d: %s", failed.Argv[0], failed.Code, strings.Join(told, "; ")), err: err,
	}
}

// toolError is a program's failure in its own words.
type toolError struct {
	text string
	err  error
}

func (e *toolError) Error() string { return e.text }
func (e *toolError) Unwrap() error { return e.err }
