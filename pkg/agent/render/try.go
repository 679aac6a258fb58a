package render

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/poststack/poststack/pkg/agent/rows"
)

// try asks the checker about what was rendered, and gives the rows that it refuses. An error is one that no row can be
// blamed for. Whether the rows whose files the checker names are believed to be those is for the caller to say.
func (a *Applier) try(ctx context.Context, now rendering, set rows.Set, believe bool) (map[ID]error, error) {
	changed := a.live.changed(now.files)
	if len(changed) == 0 || a.Check == nil {
		return nil, nil
	}
	output, err := a.check(ctx, now)
	if err == nil {
		return nil, nil
	}
	if !a.Refused(err) {
		return nil, err
	}
	blamed := now.blamed(output, changed)
	if believe && len(blamed) > 0 {
		return all(blamed, err), nil
	}
	found, searchErr := a.search(ctx, now.rows(changed), set, err)
	if searchErr == nil {
		return found, nil
	}
	// A row that was good, and is not any more, though it has not changed: what it speaks of has.
	if blamed = now.blamed(output, slices.Collect(maps.Keys(now.files))); len(blamed) > 0 {
		return all(blamed, err), nil
	}
	return nil, searchErr
}

// all gives all rows the same reason.
func all(list []ID, err error) map[ID]error {
	out := map[ID]error{}
	for _, id := range list {
		out[id] = err
	}
	return out
}

// check prepares the files and asks the checker.
func (a *Applier) check(ctx context.Context, now rendering) (string, error) {
	if err := a.stage.set(now.files); err != nil {
		return "", err
	}
	return a.Check(ctx, a.stageDir)
}

// rows are those that the paths are made of, in order.
func (r rendering) rows(paths []string) []ID {
	var out []ID
	for _, path := range paths {
		if id := r.files[path].row; id != (ID{}) && !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out
}

// search finds out which of the suspects are refused, by trying without them.
func (a *Applier) search(ctx context.Context, suspects []ID, set rows.Set, refusal error) (map[ID]error, error) {
	s := searcher{applier: a, ctx: ctx, set: set, bad: map[ID]error{}, left: maxTries}
	if len(suspects) == 0 {
		return nil, refusal
	}
	for _, id := range suspects {
		s.bad[id] = refusal
	}
	if err := s.attempt(); err != nil { // without any of them
		return nil, errors.Join(refusal, fmt.Errorf("and without the changed rows: %w", err))
	}
	s.split(suspects)
	if len(s.bad) == 0 {
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
}

// split takes the suspects back as far as the checker accepts them.
func (s *searcher) split(suspects []ID) {
	before := maps.Clone(s.bad)
	for _, id := range suspects {
		delete(s.bad, id)
	}
	err := s.attempt()
	if err == nil {
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
	s.split(suspects[half:])
}

// attempt tries all but the bad rows.
func (s *searcher) attempt() error {
	s.left--
	a := s.applier
	rejected, good := maps.Clone(a.rejected), maps.Clone(a.good)
	defer func() { a.rejected, a.good = rejected, good }()
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
	_, err = a.check(s.ctx, now)
	return err
}
