package quality

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/poststack/poststack/pkg/runner"
)

// list joins names as a sentence does: "a", "a and b", "a, b and c".
func list(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// lines splits text into its lines that are not empty.
func lines(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == 0 })
}

// exitError is a program that ran and did not succeed, after its output has been shown.
type exitError struct {
	program string
	code    int
	err     error
}

// Error names the program and its exit status, and not what it wrote.
func (e *exitError) Error() string {
	if e.code < 0 {
		return e.program + " was ended"
	}
	return fmt.Sprintf("%s exited with status %d", e.program, e.code)
}

// Unwrap gives the full error.
func (e *exitError) Unwrap() error { return e.err }

// brief shortens the error of a program whose output was shown as it ran.
func brief(res runner.Result, err error) error {
	var exit *runner.ExitError
	if !errors.As(err, &exit) || errors.Is(err, context.Canceled) {
		return err
	}
	return &exitError{program: exit.Argv[0], code: res.Code, err: err}
}
