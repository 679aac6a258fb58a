package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/containerd/errdefs"
)

// classified is an answer of an engine together with the sentinel that callers branch on.
type classified struct {
	kind error
	err  error
}

func (c *classified) Error() string   { return c.err.Error() }
func (c *classified) Unwrap() []error { return []error{c.kind, c.err} }

// apiError says what was tried on which object, and gives the engine's answer its sentinel. A call that was
// cut short matches both the context's error and its cause.
func apiError(ctx context.Context, verb, name string, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%s %q: %w", verb, name, ended(ctx))
	}
	return fmt.Errorf("%s %q: %w", verb, name, classify(err))
}

// ended is why ctx ended: its cause, which matches the context's own error too.
func ended(ctx context.Context) error {
	cause := context.Cause(ctx)
	if errors.Is(cause, ctx.Err()) {
		return cause
	}
	return &classified{kind: ctx.Err(), err: cause}
}

// classify finds the sentinel of an engine's answer. The engines give a type only for "not found", and
// podman not always; a name or port in use is told by status codes that mean other things too (409 on docker
// 20.10, 500 on podman 4.3), so these are told by the text.
func classify(err error) error {
	text := strings.ToLower(err.Error())
	for _, t := range []struct {
		kind error
		part string
	}{
		{ErrPortInUse, "port is already allocated"},  // docker, held by another container
		{ErrPortInUse, "address already in use"},     // both, held by another process
		{ErrPortInUse, "ports are not available"},    // docker desktop
		{ErrConflict, "is already in use by"},        // names of containers
		{ErrConflict, "that name is already in use"}, // podman, names of pods and external containers
		{ErrConflict, "name is already in use"},
		{ErrConflict, "already exists"},             // networks, volumes
		{ErrNotFound, "does not exist in database"}, // podman 4.3 with status 500, of a container that goes meanwhile
	} {
		if strings.Contains(text, t.part) {
			return &classified{kind: t.kind, err: err}
		}
	}
	if errdefs.IsNotFound(err) {
		return &classified{kind: ErrNotFound, err: err}
	}
	return err
}

// Rejection is an engine that cannot be used, and why.
type Rejection struct {
	Kind   Kind
	Reason string // one line
	Remedy string // what cures it; "" is installing an engine
}

// reject tells why an engine is passed over.
func (o Options) reject(kind Kind, err error) Rejection {
	return Rejection{Kind: kind, Reason: o.withSettings(kind, o.Secrets.Redact(oneLine(err))), Remedy: o.remedyFor(err)}
}

// UnusableError tells that no engine can be used. Error lists every candidate with its reason and the remedy.
type UnusableError struct{ Rejected []Rejection }

// Error names each engine that was tried, why it was rejected, and what to do.
func (e *UnusableError) Error() string {
	var parts, remedies []string
	for _, r := range e.Rejected {
		parts = append(parts, string(r.Kind)+": "+r.Reason)
		remedy := cmp.Or(r.Remedy, "mage engine:install")
		if !slices.Contains(remedies, remedy) {
			remedies = append(remedies, remedy)
		}
	}
	return "find a usable engine: " + strings.Join(parts, "; ") +
		" (remedy: " + strings.Join(remedies, ", or ") + "; details: mage engine:status)"
}

// maxTailLines is how many lines of a failing step a [BuildError] quotes.
const maxTailLines = 20

// Unwrap gives the cause: usually a *runner.ExitError.
func (e *BuildError) Unwrap() error { return e.Err }

// Error names the step and the last line that it printed.
func (e *BuildError) Error() string {
	var b strings.Builder
	b.WriteString("build image")
	if e.Step.Text != "" {
		fmt.Fprintf(&b, ": step %d %q", e.Step.Number, e.Step.Text)
	}
	if n := len(e.Tail); n > 0 {
		b.WriteString(": " + e.Tail[n-1])
	} else if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String() + e.settings
}
