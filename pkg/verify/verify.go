// Package verify runs an image and checks that it does what its image.yaml says: in a container that is thrown
// away, on a network and volumes of its own, which are removed whatever happens. No image is known by name here.
package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/image"
)

// Engine is what this package needs of a container engine; *engine.Engine has it.
type Engine interface {
	ContainerInspect(ctx context.Context, nameOrID string) (engine.Container, error)
	ContainerStart(ctx context.Context, id engine.ContainerID) error
	ContainerKill(ctx context.Context, id engine.ContainerID, signal string) error
	ContainerWait(ctx context.Context, id engine.ContainerID) (int, error)
	ContainerExec(ctx context.Context, id engine.ContainerID, spec engine.ExecSpec) (engine.ExecResult, error)
	ContainerLogs(ctx context.Context, id engine.ContainerID, o engine.LogOptions, stdout, stderr io.Writer) error
	ContainerCreate(ctx context.Context, spec engine.ContainerSpec) (engine.ContainerID, error)
	ContainerRemove(ctx context.Context, id engine.ContainerID) error
	NetworkCreate(ctx context.Context, name string, o engine.NetworkOptions) error
	NetworkRemove(ctx context.Context, name string) error
	VolumeCreate(ctx context.Context, name string, labels map[string]string) error
	VolumeRemove(ctx context.Context, name string) error
}

// Disposable is a container that was started and must be closed; *container.Disposable is one.
type Disposable interface {
	ID() engine.ContainerID
	Close() error
}

// Starter starts a container as [container.StartDisposable] does.
type Starter func(ctx context.Context, spec container.DisposableSpec) (Disposable, error)

// Dockertest starts containers on s through dockertest.
func Dockertest(s container.Server) Starter {
	return func(ctx context.Context, spec container.DisposableSpec) (Disposable, error) {
		d, err := container.StartDisposable(ctx, s, spec)
		if err != nil {
			return nil, err // not d: an interface that holds a nil pointer is not nil
		}
		return d, nil
	}
}

// Options say what is verified, and with what.
type Options struct {
	Engine Engine
	Start  Starter
	Image  image.Definition
	Ref    engine.Ref // of the image in the engine's store
	// Setting is the value of a setting that a file of the service refers to.
	Setting func(key string) (string, bool)
	Report  event.Reporter
}

// Result is how one check ended.
type Result struct {
	Check    string  `json:"check"`
	Expected string  `json:"expected"`
	Seen     string  `json:"seen"`
	Seconds  float64 `json:"seconds"`
	OK       bool    `json:"ok"`
	Line     int     `json:"line"` // in image.yaml; 0 for what is checked of every image
}

// Error is an image that does not do what it should.
type Error struct {
	Image  string
	File   string   // its image.yaml, relative to the checkout
	Failed []Result // at least one
	Log    []string // the last lines that its containers printed
}

// Error names the first check that failed on its first line, and each further one on a line of its own.
func (e *Error) Error() string {
	text := fmt.Sprintf("verify image %q: ", e.Image)
	for i, r := range e.Failed {
		if i > 0 {
			text += "\n"
		}
		where := e.File
		if r.Line > 0 {
			where = fmt.Sprintf("%s:%d", e.File, r.Line)
		}
		text += fmt.Sprintf("%s: %s: expected %s, seen: %s", where, r.Check, r.Expected, r.Seen)
	}
	return text
}

// Details are the last lines of the container's log.
func (e *Error) Details() []string {
	if len(e.Log) == 0 {
		return nil
	}
	return append([]string{fmt.Sprintf("the last lines of %s:", e.Image)}, e.Log...)
}

// Image verifies one image. The results hold every check that was made, or would have been had the container
// become ready. The error is an [*Error] when one of them failed; another one says that the checks could not be
// made, or ended with ctx, or that something could not be removed.
func Image(ctx context.Context, o Options) ([]Result, error) {
	if len(o.Image.Runtime.Checks) == 0 {
		return nil, fmt.Errorf("verify image %q: it declares no checks; add runtime to containers/%s/image.yaml",
			o.Image.Name, o.Image.Name)
	}
	v := &verification{Options: o}
	err := errors.Join(v.service(ctx), v.variables(ctx), v.once(ctx))
	if cause := context.Cause(ctx); cause != nil {
		return v.results, errors.Join(cause, err)
	}
	if err != nil {
		return v.results, fmt.Errorf("verify image %q: %w", o.Image.Name, err)
	}
	failed := &Error{
		Image: o.Image.Name, File: filepath.ToSlash(filepath.Join("containers", o.Image.Name, "image.yaml")), Log: v.log,
	}
	for _, r := range v.results {
		if !r.OK {
			failed.Failed = append(failed.Failed, r)
		}
	}
	if len(failed.Failed) > 0 {
		return v.results, failed
	}
	return v.results, nil
}

// verification is one call of [Image].
type verification struct {
	Options
	results []Result
	log     []string // of the container in which a check failed
}

// answer is what a check has found.
type answer struct {
	seen string
	ok   bool
}

// question is a check that can be made.
type question struct {
	check, expected string
	line            int
	ask             func(ctx context.Context) (answer, error)
}

// ask makes a check and keeps its result. An error is one of the asking: the check is then failed too.
func (v *verification) ask(ctx context.Context, q question) bool {
	start := time.Now()
	found, err := q.ask(ctx)
	if err != nil {
		found = answer{seen: strings.ReplaceAll(err.Error(), "\n", "; ")}
	}
	v.results = append(v.results, Result{
		Check: q.check, Expected: q.expected, Seen: found.seen, Seconds: time.Since(start).Seconds(), OK: found.ok,
		Line: q.line,
	})
	return found.ok
}

// step says what is done now with the image.
func (v *verification) step(what string) { v.Report.Step(v.Image.Name + ": " + what) }

// skip notes a check that could not be made any more.
func (v *verification) skip(q question) {
	v.results = append(v.results,
		Result{Check: q.check, Expected: q.expected, Seen: "not checked: the container is not ready", Line: q.line})
}
