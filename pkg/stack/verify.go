package stack

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/verify"
)

// ImageChecks are the checks of one image, as a value for machines.
type ImageChecks struct {
	Image  string          `json:"image"`
	Ref    string          `json:"ref"`
	Checks []verify.Result `json:"checks"`
	Error  string          `json:"error,omitempty"` // why checks could not be made; empty when all were

	err error
}

// VerifyRuntime checks every image of the catalogue, or the one that is named; they must be built.
func (s *Stack) VerifyRuntime(ctx context.Context, only string) error {
	names := []string{only}
	images, err := s.catalogue()
	if err == nil && only == "" {
		names = images.Names()
	} else if err == nil {
		_, err = images.Get(only)
	}
	if err != nil {
		return s.failure("verify:runtime", Usage, err)
	}
	return s.verify(ctx, "verify:runtime", names...)
}

// VerifyImage checks an image, which must be built; the target is called as its first word.
func (s *Stack) VerifyImage(ctx context.Context, name string) error {
	word, _, _ := strings.Cut(name, "-")
	return s.verify(ctx, "verify:"+word, name)
}

// verify checks images side by side, and reports every check whether or not one failed.
func (s *Stack) verify(ctx context.Context, phase string, names ...string) error {
	return s.run(ctx, phase, Unexpected, func(ctx context.Context, r event.Reporter) (ended, error) {
		start := time.Now()
		found := make([]ImageChecks, len(names))
		var all errgroup.Group
		all.SetLimit(2 * runtime.NumCPU()) // more at once only take each other's time to become ready
		for i, name := range names {
			all.Go(func() error {
				found[i] = s.verifyImage(ctx, name, r)
				return nil
			})
		}
		_ = all.Wait() // what failed is in found
		report := event.Report{Header: []string{"image", "check", "expected", "seen", "time"}, Data: found}
		checks := 0
		var problems []error
		for _, f := range found {
			checks += len(f.Checks)
			report.Rows = append(report.Rows, rows(f)...)
			problems = append(problems, f.err)
		}
		err := errors.Join(problems...)
		if context.Cause(ctx) != nil {
			return ended{}, err
		}
		s.Sink.Result(report)
		text := fmt.Sprintf("%s of %s in %s", count(checks, "check"), count(len(names), "image"),
			time.Since(start).Round(100*time.Millisecond))
		return ended{Outcome: event.Passed, Text: text, Data: found}, err
	})
}

// verifyImage checks one image.
func (s *Stack) verifyImage(ctx context.Context, name string, r event.Reporter) ImageChecks {
	out := ImageChecks{Image: name}
	out.Checks, out.err = func() ([]verify.Result, error) {
		e, err := s.engine(ctx)
		if err != nil {
			return nil, err
		}
		images, err := s.catalogue()
		if err != nil {
			return nil, err
		}
		definition, err := images.Get(name)
		if err != nil {
			return nil, err
		}
		ref, err := s.imageRef(name)
		if err != nil {
			return nil, err
		}
		out.Ref = string(ref)
		return verify.Image(ctx,
			verify.Options{Engine: e, Start: verify.Dockertest(e), Image: definition, Ref: ref, Report: r, Setting: s.setting})
	}()
	var failed *verify.Error
	if out.err != nil && !errors.As(out.err, &failed) {
		out.Error = out.err.Error()
	}
	return out
}

// cell cuts what a check has seen to what a table can show; the whole of it is in the failure and in the data.
func cell(text string) string {
	const limit = 80
	if r := []rune(text); len(r) > limit {
		return string(r[:limit-1]) + "…"
	}
	return text
}

// rows are the lines of an image in the table.
func rows(f ImageChecks) [][]string {
	var list [][]string
	for _, c := range f.Checks {
		mark := "ok"
		if !c.OK {
			mark = "FAILED"
		}
		list = append(list,
			[]string{f.Image, c.Check, cell(c.Expected), cell(mark + ": " + c.Seen), fmt.Sprintf("%.2fs", c.Seconds)})
	}
	return list
}
