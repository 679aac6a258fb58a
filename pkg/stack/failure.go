package stack

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/poststack/poststack/pkg/config"
	"github.com/poststack/poststack/pkg/database"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/hosting"
	"github.com/poststack/poststack/pkg/interrupt"
	"github.com/poststack/poststack/pkg/secret"
)

// Class is the kind of work that failed, and the exit status that tells of it.
type Class int

// The exit statuses, which are part of what users rely on. An interrupt gives 128 and the signal's number.
const (
	Unexpected Class = 1
	Usage      Class = 2 // a setting or an argument
	NoEngine   Class = 3
	BuildWork  Class = 4
	Database   Class = 5
	SchemaWork Class = 6
)

// PhaseError is a phase that failed. Its text is one line.
type PhaseError struct {
	Phase string
	Class Class
	Log   string // path relative to the checkout
	Err   error

	secrets *secret.Set // not to be in its text
}

// Unwrap gives the cause.
func (e *PhaseError) Unwrap() error { return e.Err }

// summary is the first line of the cause; one that ends in a colon goes on with the lines that it announces.
func (e *PhaseError) summary() string {
	text, rest, _ := strings.Cut(strings.TrimSpace(e.Err.Error()), "\n")
	if strings.HasSuffix(text, ":") {
		var parts []string
		for line := range strings.Lines(rest) {
			parts = append(parts, strings.TrimSpace(line))
		}
		text += " " + strings.Join(parts, "; ")
	}
	return e.secrets.Redact(text)
}

func (e *PhaseError) Error() string {
	if e.Log == "" {
		return e.Phase + ": " + e.summary()
	}
	return fmt.Sprintf("%s: %s (log: %s)", e.Phase, e.summary(), e.Log)
}

// details are the lines of the cause after its first, and those that it offers: the end of a build's output,
// say.
func (e *PhaseError) details() []string {
	var lines []string
	var with interface{ Details() []string }
	if errors.As(e.Err, &with) {
		lines = append(lines, with.Details()...)
	}
	return append(lines, further(e.Err)...)
}

// further are the lines of an error after its first.
func further(err error) []string {
	_, rest, more := strings.Cut(strings.TrimSpace(err.Error()), "\n")
	if !more {
		return nil
	}
	return strings.Split(rest, "\n")
}

// redacted returns a sink for which secrets are taken out of what an event says. A report is what was asked
// for, such as the URL with its password.
func redacted(sink event.Sink, secrets *secret.Set) event.Sink {
	if sink == nil {
		return nil
	}
	return func(e event.Event) {
		e.Text = secrets.Redact(e.Text)
		e.Detail = slices.Clone(e.Detail)
		for i, line := range e.Detail {
			e.Detail[i] = secrets.Redact(line)
		}
		sink(e)
	}
}

// UsageError is a request that cannot be met as it was put.
type UsageError struct{ Reason string }

func (e *UsageError) Error() string { return e.Reason }

func badUsage(format string, a ...any) *UsageError {
	return &UsageError{Reason: fmt.Sprintf(format, a...)}
}

// EndedError is a program of the user's, such as psql, that ended with another status than 0. The process ends
// with the same one.
type EndedError struct {
	Program string
	Code    int
}

func (e *EndedError) Error() string { return fmt.Sprintf("%s ended with status %d", e.Program, e.Code) }

// ExitStatus is the status that a process which ends with err should have.
func ExitStatus(err error) int {
	var (
		told     *interrupt.Error
		settings *config.Error
		usage    *UsageError
		engines  *engine.UnusableError
		phase    *PhaseError
		program  *EndedError
	)
	switch {
	case err == nil:
		return 0
	case errors.As(err, &told):
		return told.ExitStatus()
	case errors.As(err, &program):
		return program.Code
	case errors.As(err, &settings), errors.As(err, &usage):
		return int(Usage)
	case errors.As(err, &engines):
		return int(NoEngine)
	case errors.As(err, &phase):
		return int(phase.Class)
	default:
		return int(Unexpected)
	}
}

// failure names the phase that err ended, and the log to look into. Whatever the phase, a database that cannot
// be reached is one.
func (s *Stack) failure(phase string, class Class, err error) *PhaseError {
	var refused *database.ConnectError
	if errors.As(err, &refused) || errors.Is(err, errNotSetUp) {
		class = Database
	}
	if _, ok := errors.AsType[*CertificateError](err); ok {
		class = Unexpected
	}
	if _, ok := errors.AsType[*hosting.SchemaError](err); ok {
		class = SchemaWork
	}
	return &PhaseError{Phase: phase, Class: class, Err: err, Log: s.logOf(err), secrets: s.Secrets}
}

// unanswered is the failure of a question. It has no phase that ends and tells what to do, so that is said before.
func (s *Stack) unanswered(target string, class Class, err error) *PhaseError {
	failed := s.failure(target, class, err)
	for _, line := range failed.details() {
		s.Sink.For(target).Warn(line)
	}
	return failed
}

// logOf finds the log file that err names, or else that of the run.
func (s *Stack) logOf(err error) string {
	var with interface{ LogPath() string }
	if errors.As(err, &with) && with.LogPath() != "" {
		return with.LogPath()
	}
	return s.Logs.Path()
}

// interrupted tells whether err only says that the run had ended already.
func interrupted(ctx context.Context, err error) bool {
	cause := context.Cause(ctx)
	return cause != nil && (errors.Is(err, cause) || errors.Is(err, context.Canceled))
}
