package schema

import (
	"context"
	"errors"
)

// Status tells what state the schema is in. It changes nothing: where the fingerprint does not answer it,
// Liquibase is asked, and what that writes is rolled back; without a Liquibase the answer is an estimate. What
// an update would fail with is the state's Problem.
func (m *Migrator) Status(ctx context.Context) (State, error) {
	c, err := LoadChangelog(m.Root, m.Changelog)
	if err != nil {
		return State{}, as(OpStatus, err)
	}
	conn, err := m.Target.Connect(ctx)
	if err != nil {
		return State{}, err
	}
	defer m.close(ctx, conn)
	r, err := read(ctx, conn)
	if err != nil {
		return State{}, err
	}
	state := compareRows(c, r, m.Contexts, m.Labels)
	if m.known(c, r) {
		state.Kind, state.Estimated = Current, false
		return state, nil
	}
	problem := c.refusal(OpStatus)
	if problem == nil {
		problem = m.check(ctx, conn, c, r, OpStatus)
	}
	if problem == nil && m.Liquibase != nil {
		problem = m.ask(ctx, c, &state)
	}
	var failed *Error
	if problem != nil && !errors.As(problem, &failed) {
		return State{}, problem
	}
	if failed != nil && (failed.Kind == Crashed || failed.Kind == Connection) {
		return State{}, failed
	}
	state.Problem = problem
	state.Kind = state.kind(r)
	return state, nil
}

// ask has Liquibase say what it would do.
func (m *Migrator) ask(ctx context.Context, c *Changelog, state *State) error {
	p := &progress{m: m, c: c}
	if err := m.runWith(ctx, OpStatus, Invocation{Command: CmdStatus, Changelog: c}, p); err != nil {
		return err
	}
	state.Estimated, state.Changesets = false, nil
	for _, e := range p.sets {
		set, known := c.find(e.key())
		if !known { // in a form that is not read here
			set = Changeset{File: e.File, ID: e.ID, Author: e.Author}
		}
		set.Context, set.Labels = e.Context, e.Labels
		will := map[string]Will{"run": WillRun, "ran": Ran}[e.Will]
		if will == "" {
			will = WillSkip
		}
		state.Changesets = append(state.Changesets, Status{set, will})
	}
	return nil
}
