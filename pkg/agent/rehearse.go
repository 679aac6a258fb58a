package agent

import (
	"context"
	"errors"
	"fmt"

	"github.com/poststack/poststack/pkg/agent/render"
	"github.com/poststack/poststack/pkg/agent/rows"
)

// Rehearse makes the files as a start would, has the daemon's own checker try them, and starts nothing. The error says
// what would not be served that is served now: it is asked in a container of a new image while the old one runs.
func (a *Agent) Rehearse(ctx context.Context) error {
	if err := a.prepare(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go a.table.Reap(ctx)
	if err := a.makeReady(ctx); err != nil {
		return err
	}
	kept := a.loadKept()
	set, err := a.read(ctx, kept)
	if err != nil {
		return err
	}
	result, err := a.files.Apply(ctx, set)
	if err != nil {
		return err
	}
	return lost(result.LeftOut, kept)
}

// loadKept gives the rows that are served now; nil if nobody keeps them.
func (a *Agent) loadKept() rows.Set {
	if a.Declaration.Kept == "" {
		return nil
	}
	kept, err := rows.Load(a.Declaration.Kept)
	if err != nil {
		a.log.Warn(err.Error())
	}
	return kept
}

// complete gives a copy of a set in which every query has rows, or none.
func (a *Agent) complete(set rows.Set) rows.Set {
	out := rows.Set{}
	for name := range a.Declaration.Queries {
		out[name] = append([]rows.Row{}, set[name]...)
	}
	return out
}

// read reads the rows once. While the database is away, a start would go on with those that were served last. One that
// refuses to be read does so for what this image asks: a start would hang on to old rows.
func (a *Agent) read(ctx context.Context, kept rows.Set) (rows.Set, error) {
	ctx, cancel := context.WithTimeout(ctx, a.Declaration.Bounds.Connect+a.Declaration.Bounds.Read)
	defer cancel()
	session, err := a.Open(ctx)
	if err == nil {
		defer session.Close()
		var set rows.Set
		if set, err = session.Read(ctx); err == nil || session.Alive() {
			return set, err
		}
	}
	a.log.Warn("the database is away: the rows that were served last are tried", "error", err)
	return a.complete(kept), nil
}

// lost tells which of the rows that are served now would not be served any more.
func lost(leftOut []render.LeftOut, kept rows.Set) error {
	served := map[render.ID]bool{}
	for query, list := range kept {
		for _, row := range list {
			served[render.ID{Query: query, Key: row.Key}] = true
		}
	}
	var errs []error
	for _, row := range leftOut {
		if !row.Kept && served[row.ID] {
			errs = append(errs, fmt.Errorf("%s %q, which is served now, would be left out: %w", row.Query, row.Key, row.Err))
		}
	}
	return errors.Join(errs...)
}
