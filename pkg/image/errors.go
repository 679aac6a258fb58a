package image

import (
	"errors"
	"fmt"
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

// Error tells the step and the cause, then the step's last lines and where the log is.
func (e *BuildError) Error() string {
	var s strings.Builder
	fmt.Fprintf(&s, "build image %q: ", e.Image)
	if e.Step.Text != "" {
		s.WriteString(stepName(e.Step) + ": ")
	}
	if e.Step.Text != "" {
		s.WriteString(cause(e.Err))
	} else {
		s.WriteString(e.Err.Error())
	}
	for _, line := range e.Tail {
		s.WriteString("\n  " + line)
	}
	if e.Log != "" {
		s.WriteString("\nlog: " + e.Log)
	}
	return s.String()
}

// cause is the text of err. A builder's own command line and output say nothing that the step and its last
// lines do not say better.
func cause(err error) string {
	var exit *runner.ExitError
	if errors.As(err, &exit) && exit.Code > 0 {
		return fmt.Sprintf("exit status %d of %s", exit.Code, exit.Argv[0])
	}
	return err.Error()
}

// toolError is a program that did not succeed, told by the lines in which it says why.
type toolError struct {
	text string
	err  error
}

func (e *toolError) Error() string { return e.text }
func (e *toolError) Unwrap() error { return e.err }

// tellTool makes the error of a program readable: the first lines that begin with one of the marks, without
// it. Other errors pass unchanged.
func tellTool(err error, marks ...string) error {
	const most = 4
	var exit *runner.ExitError
	if !errors.As(err, &exit) || exit.Code <= 0 {
		return err
	}
	var said []string
	for _, line := range strings.Split(exit.Tail, "\n") {
		for _, mark := range marks {
			if text, ok := strings.CutPrefix(line, mark); ok && len(said) < most {
				said = append(said, strings.TrimSpace(text))
				break
			}
		}
	}
	text := fmt.Sprintf("%s: exit status %d", exit.Argv[0], exit.Code)
	if len(said) > 0 {
		text += ": " + strings.Join(said, "; ")
	}
	return &toolError{text: text, err: err}
}

// newBuildError takes the step and its output over from the engine's error.
func newBuildError(name, log string, err error) *BuildError {
	out := &BuildError{Image: name, Log: log, Err: err}
	var failed *engine.BuildError
	if errors.As(err, &failed) {
		out.Step, out.Tail = failed.Step, failed.Tail
		if failed.Err != nil {
			out.Err = failed.Err
		}
	}
	return out
}

// ParentError is an image whose parent is not built as its inputs are now.
type ParentError struct {
	Image  string
	Parent string
}

// Error names both, and what to do.
func (e *ParentError) Error() string {
	return fmt.Sprintf("%q stands on %q, which is not built in its present state: build that first (mage build:all builds every image in order)", e.Image, e.Parent)
}
