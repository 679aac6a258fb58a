package render

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/poststack/poststack/pkg/agent/rows"
)

// Checker tries the files that are prepared in a directory, some of which differ from what is served. What it prints
// says what is wrong.
type Checker func(ctx context.Context, stage string, changed []Change) (output string, err error)

// How often a checker is asked at most while it is looked for the rows that it refuses. One that stops at the first
// error is believed maxNamed times; then the rows are tried in halves, and what is left of them in the end goes.
const (
	maxNamed = 20
	maxTries = 40
)

// Applier puts rendered files into a directory. It is used by one goroutine at a time.
type Applier struct {
	Outputs []Output
	// Prepare is called with the rows before each rendering; it may be nil.
	Prepare func(rows.Set)
	Check   Checker
	// Refused tells errors of Check that say that the files are wrong from those that say nothing of them.
	Refused func(error) bool

	stageDir    string
	stage, live *tree
	good        map[ID]rows.Row // what is served
	earlier     map[ID]rows.Row // what an earlier run served, until something is served
	rejected    map[ID]rejection
}

// rejection is a row that could not be served.
type rejection struct {
	row rows.Row
	set rows.Set // that it was in
	err error
}

// Open empties the directory, and a second one beside it, in which files are prepared. Both must be in one that this
// process may write to.
func (a *Applier) Open(dir string) error {
	a.stageDir = dir + ".stage"
	var errs [2]error
	a.stage, errs[0] = newTree(a.stageDir)
	a.live, errs[1] = newTree(dir)
	a.good, a.rejected = map[ID]rows.Row{}, map[ID]rejection{}
	if err := errors.Join(errs[:]...); err != nil {
		return fmt.Errorf("make the directory of the files: %w", err)
	}
	return nil
}

// LeftOut is a row that is not served as it is.
type LeftOut struct {
	ID
	Kept bool // as it last was good
	Err  error
}

// Result is what was applied.
type Result struct {
	Changed []Change
	LeftOut []LeftOut
	Rows    rows.Set // what is served now
}

// Forget makes the next [Applier.Apply] try again what was rejected.
func (a *Applier) Forget() { clear(a.rejected) }

// Remember tells what an earlier run served last: a row that cannot be served at first is served as it was then.
func (a *Applier) Remember(set rows.Set) {
	a.earlier = map[ID]rows.Row{}
	for query, list := range set {
		for _, row := range list {
			a.earlier[ID{query, row.Key}] = row
		}
	}
}

// last is a row as it last was good.
func (a *Applier) last(id ID) (rows.Row, bool) {
	row, was := a.good[id]
	if !was {
		row, was = a.earlier[id]
	}
	return row, was
}

// disown forgets that a row was good.
func (a *Applier) disown(id ID) {
	delete(a.good, id)
	delete(a.earlier, id)
}

// Apply makes the directory hold what the rows ask for. An error means that it holds what it held.
func (a *Applier) Apply(ctx context.Context, set rows.Set) (Result, error) {
	res, err := a.apply(ctx, set)
	if err != nil && ctx.Err() == nil && len(a.earlier) > 0 { // what was good once may be of no use any more
		clear(a.earlier)
		clear(a.rejected)
		return a.apply(ctx, set)
	}
	return res, err
}

func (a *Applier) apply(ctx context.Context, set rows.Set) (Result, error) {
	a.stale(set)
	for tries := 0; tries <= maxNamed+maxTries; tries++ {
		now, err := a.render(a.candidate(set))
		if err != nil {
			return Result{}, err
		}
		f, err := a.judge(ctx, now)
		if err != nil {
			return Result{}, err
		}
		if f == nil {
			return a.commit(now, set)
		}
		bad, err := a.blame(ctx, set, f, tries < maxNamed)
		if err != nil {
			return Result{}, err
		}
		if err := a.reject(bad, set); err != nil {
			return Result{}, err
		}
	}
	return Result{}, errors.New("rows are refused without an end")
}

// stale forgets rejections of rows that have changed, or gone, or that stand beside others now.
func (a *Applier) stale(set rows.Set) {
	for id, r := range a.rejected {
		row, there := find(set, id)
		if !there || !sameRow(row, r.row) || !besideSame(id.Query, set, r.set) {
			delete(a.rejected, id)
			continue
		}
		r.set = set // which an older one need not be kept for
		a.rejected[id] = r
	}
}

func sameRow(a, b rows.Row) bool { return bytes.Equal(a.Raw, b.Raw) }

// besideSame tells whether the rows of all other queries are the same in two sets.
func besideSame(query string, a, b rows.Set) bool {
	for other := range a {
		if other != query && !slices.EqualFunc(a[other], b[other], sameRow) {
			return false
		}
	}
	return true
}

// find gives a row of a set.
func find(set rows.Set, id ID) (rows.Row, bool) {
	i := slices.IndexFunc(set[id.Query], func(r rows.Row) bool { return r.Key == id.Key })
	if i < 0 {
		return rows.Row{}, false
	}
	return set[id.Query][i], true
}

// candidate is the set with each rejected row as it last was good, or without it.
func (a *Applier) candidate(set rows.Set) rows.Set {
	if len(a.rejected) == 0 {
		return set
	}
	out := rows.Set{}
	for query, list := range set {
		out[query] = []rows.Row{}
		for _, row := range list {
			id := ID{query, row.Key}
			if _, bad := a.rejected[id]; bad {
				last, was := a.last(id)
				if !was {
					continue
				}
				row = last
			}
			out[query] = append(out[query], row)
		}
	}
	return out
}

// reject notes rows that cannot be served. One that is served as it last was good, and is refused now even so, goes.
func (a *Applier) reject(bad map[ID]error, set rows.Set) error {
	for id, err := range bad {
		if _, again := a.rejected[id]; again {
			a.disown(id)
			continue
		}
		row, there := find(set, id)
		if !there {
			return err
		}
		if last, was := a.last(id); was && sameRow(last, row) {
			a.disown(id) // it is the same that was served: nothing better is known
		}
		a.rejected[id] = rejection{row: row, set: set, err: err}
	}
	return nil
}

// commit puts the files into the directory.
func (a *Applier) commit(now rendering, set rows.Set) (Result, error) {
	res := Result{Changed: a.live.changed(now.files), Rows: a.candidate(set)}
	if err := a.live.set(now.files); err != nil {
		return Result{}, err
	}
	for id, r := range a.rejected {
		_, kept := a.last(id)
		res.LeftOut = append(res.LeftOut, LeftOut{ID: id, Kept: kept, Err: r.err})
	}
	slices.SortFunc(res.LeftOut, func(a, b LeftOut) int {
		return cmp.Or(cmp.Compare(a.Query, b.Query), cmp.Compare(a.Key, b.Key))
	})
	clear(a.good)
	clear(a.earlier)
	for query, list := range res.Rows {
		for _, row := range list {
			if row.Key != "" {
				a.good[ID{query, row.Key}] = row
			}
		}
	}
	return res, nil
}
