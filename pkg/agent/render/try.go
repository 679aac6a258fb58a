package render

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/poststack/poststack/pkg/agent/rows"
)

// fault is why a rendering cannot be served.
type fault struct {
	named map[ID]error // the rows that seem to be the reason
	err   error
}

// judge tells whether a rendering can be served; nil if it can. An error is one that no row can be blamed for.
func (a *Applier) judge(ctx context.Context, now rendering) (*fault, error) {
	for _, err := range now.bad {
		return &fault{named: now.bad, err: err}, nil
	}
	changed := a.live.changed(now.files)
	if len(changed) == 0 || a.Check == nil {
		return nil, nil
	}
	output, err := a.check(ctx, now, changed)
	if err == nil {
		return nil, nil
	}
	if !a.Refused(err) {
		return nil, err
	}
	f := &fault{named: map[ID]error{}, err: err}
	var paths []string
	for _, change := range changed {
		paths = append(paths, change.Path)
	}
	named := now.blamed(output, paths)
	if len(named) == 0 { // of a file that has not changed, what it speaks of has
		named = now.blamed(output, slices.Collect(maps.Keys(now.files)))
	}
	for _, id := range named {
		f.named[id] = err
	}
	return f, nil
}

// blame finds the rows that are the reason of a fault. Those that are named are believed to be, if asked to and if they
// have changed since all was well. Otherwise a row that they use may be it, and all that have changed are tried.
func (a *Applier) blame(ctx context.Context, set rows.Set, f *fault, believe bool) (map[ID]error, error) {
	suspects := a.changed(a.candidate(set))
	fresh := map[ID]error{}
	for _, id := range suspects {
		if err, is := f.named[id]; is {
			fresh[id] = err
		}
	}
	if believe && len(fresh) > 0 {
		return fresh, nil
	}
	found, err := a.search(ctx, suspects, set, f.err)
	if err != nil && !errors.Is(err, errUndecided) && len(f.named) > 0 {
		return f.named, nil
	}
	return found, err
}

// changed lists the rows that differ from those that are served. Queries with many rows come first: it is rather the
// one setting that is wrong than all that use it.
func (a *Applier) changed(set rows.Set) []ID {
	queries := slices.SortedFunc(maps.Keys(set), func(x, y string) int {
		return cmp.Or(cmp.Compare(len(set[y]), len(set[x])), cmp.Compare(x, y))
	})
	var out []ID
	for _, query := range queries {
		for _, row := range set[query] {
			id := ID{query, row.Key}
			if good, was := a.good[id]; row.Key != "" && (!was || !sameRow(good, row)) {
				out = append(out, id)
			}
		}
	}
	return out
}

// check prepares the files and asks the checker.
func (a *Applier) check(ctx context.Context, now rendering, changed []Change) (string, error) {
	if err := a.stage.set(now.files); err != nil {
		return "", err
	}
	return a.Check(ctx, a.stageDir, changed)
}

// errUndecided is a search that came to no end, for a reason that says nothing of the rows.
var errUndecided = errors.New("find out which rows are refused")

// search finds out which of the suspects are refused, by trying without them.
func (a *Applier) search(ctx context.Context, suspects []ID, set rows.Set, refusal error) (map[ID]error, error) {
	s := searcher{applier: a, ctx: ctx, set: set, bad: map[ID]error{}, left: maxTries}
	if len(suspects) == 0 {
		return nil, refusal
	}
	for _, id := range suspects {
		s.bad[id] = refusal
	}
	without := s.attempt()
	if without == nil {
		s.split(suspects)
	}
	switch {
	case s.undecided != nil:
		return nil, fmt.Errorf("%w: %w", errUndecided, s.undecided)
	case without != nil:
		return nil, errors.Join(refusal, fmt.Errorf("and without the changed rows: %w", without))
	case len(s.bad) == 0:
		return nil, fmt.Errorf("the checker refused the files once, and then not: %w", refusal)
	}
	return s.bad, nil
}

// searcher looks for refused rows.
type searcher struct {
	applier *Applier
	ctx     context.Context //nolint:containedctx // it lives for one search
	set     rows.Set
	bad     map[ID]error // what is left out at the moment
	left    int          // attempts
	// undecided is why the checker did not answer once.
	undecided error
}

// split takes the suspects back as far as the checker accepts them.
func (s *searcher) split(suspects []ID) {
	before := maps.Clone(s.bad)
	for _, id := range suspects {
		delete(s.bad, id)
	}
	err := s.attempt()
	if err == nil || s.undecided != nil {
		return
	}
	s.bad = before
	if len(suspects) == 1 || s.left <= 0 {
		for _, id := range suspects {
			s.bad[id] = err
		}
		return
	}
	half := len(suspects) / 2
	s.split(suspects[:half])
	if s.undecided == nil {
		s.split(suspects[half:])
	}
}

// attempt tries all but the bad rows.
func (s *searcher) attempt() error {
	s.left--
	a := s.applier
	rejected, good, earlier := maps.Clone(a.rejected), maps.Clone(a.good), maps.Clone(a.earlier)
	defer func() { a.rejected, a.good, a.earlier = rejected, good, earlier }()
	if err := a.reject(s.bad, s.set); err != nil {
		return err
	}
	now, err := a.render(a.candidate(s.set))
	if err != nil {
		return err
	}
	for _, err := range now.bad {
		return err
	}
	if _, err = a.check(s.ctx, now, a.live.changed(now.files)); err != nil && !a.Refused(err) {
		s.undecided = err
	}
	return err
}
