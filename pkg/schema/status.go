package schema

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
)

// Status tells what state the schema is in. It changes nothing: where what Liquibase has read before does not answer
// it, Liquibase is asked, and what that writes is rolled back; without a Liquibase the state is what is recorded. What
// an update would fail with is the state's Problem.
func (m *Migrator) Status(ctx context.Context) (State, error) {
	c, err := LoadChangelog(m.Root, m.Changelog)
	if err != nil {
		return State{}, err
	}
	var r recorded
	err = m.Sessions.Use(ctx, m.Target, func(ctx context.Context, conn *pgx.Conn) error {
		r, err = read(ctx, conn)
		return err
	})
	if err != nil {
		return State{}, err
	}
	return m.state(ctx, c, r)
}

// state is what [Migrator.Status] tells, from what is recorded.
func (m *Migrator) state(ctx context.Context, c *Changelog, r recorded) (State, error) {
	reading, sure := m.kept(c, r.server), false
	state := r.state()
	if reading != nil {
		state, sure = compare(reading, r)
	}
	var problem error
	if !sure && m.Liquibase != nil {
		p := m.newRun(OpStatus, c)
		problem = p.do(ctx, Invocation{Command: CmdStatus})
		if len(p.reading.Changesets) > 0 || problem == nil {
			reading = &p.reading
			state, _ = compare(reading, r)
		}
		for k, says := range p.says {
			state.correct(k, says)
		}
		if problem == nil {
			m.keep(c, r.server, reading)
		}
	}
	if failed, ok := errors.AsType[*Error](problem); ok {
		if failed.Kind == Crashed || failed.Kind == Connection {
			return State{}, failed
		}
	} else if problem != nil {
		return State{}, problem
	}
	if reading != nil {
		problem = m.judge(c, reading, r, &state, problem)
	}
	state.Problem = problem
	state.Kind = state.kind()
	return state, nil
}

// judge adds what is to be said of a changelog that was read, and why it would be refused if Liquibase does not say so.
func (m *Migrator) judge(c *Changelog, reading *Reading, r recorded, state *State, problem error) error {
	state.Warnings = warnings(c, reading)
	for _, find := range []*Error{refusal(c, reading), moved(c, reading, r)} {
		if find != nil && problem == nil {
			problem = find
		}
	}
	return problem
}
