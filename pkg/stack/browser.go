package stack

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/poststack/poststack/pkg/runner"
)

// openTime is how long the program that opens a browser may take: it hands the page over and ends.
const openTime = 10 * time.Second

// OpenPage shows a file in the user's browser. Where there is none to show it in, that is a warning that says
// where the file is.
func (s *Stack) OpenPage(ctx context.Context, path string) error {
	program, reason := s.opener()
	if reason == "" {
		_, err := runner.WithTimeout(s.Runner, openTime).Run(ctx, runner.Command{Program: program, Args: []string{path}})
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		if err == nil {
			return nil
		}
		reason = oneLine(err)
	}
	s.Sink.For("").Warn(fmt.Sprintf("no browser was opened: %s; the file is %s", reason, path))
	return nil
}

// opener is the program that opens files as the desktop does, or why none can.
func (s *Stack) opener() (program, reason string) {
	if runtime.GOOS == "darwin" {
		return "open", ""
	}
	if s.Getenv("DISPLAY") == "" && s.Getenv("WAYLAND_DISPLAY") == "" {
		return "", "there is no display (DISPLAY and WAYLAND_DISPLAY are empty)"
	}
	if runner.Look("xdg-open", s.Getenv("PATH")) == "" {
		return "", "xdg-open is not installed (Debian's package xdg-utils)"
	}
	return "xdg-open", ""
}
