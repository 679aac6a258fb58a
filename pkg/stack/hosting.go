package stack

import (
	"context"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/poststack/poststack/pkg/database"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/hosting"
)

// onTables does something with the tables of the database in use, which must be there. It starts nothing. What the
// tables refuse is a [UsageError].
func (s *Stack) onTables(ctx context.Context, do func(context.Context, hosting.Conn) error) error {
	target, err := s.Target(ctx)
	if err != nil {
		return err
	}
	err = s.sessions.Use(ctx, target, func(ctx context.Context, conn *pgx.Conn) error {
		if err := hosting.Ready(ctx, conn); err != nil {
			return err
		}
		return do(ctx, conn)
	})
	var refused *database.ConnectError
	if errors.As(err, &refused) && refused.Kind == database.Refused && !s.External() {
		if _, stopped := s.runningDatabase(ctx); errors.Is(stopped, errNotRunning) {
			return stopped
		}
	}
	return asUsage(err)
}

// asUsage makes a request that was refused one that cannot be met as it was put.
func asUsage(err error) error {
	if refusal, ok := errors.AsType[*hosting.RefusedError](err); ok {
		return &UsageError{Reason: refusal.Reason}
	}
	return err
}

// look reads the tables. What was wrong with what was typed, if anything was, ends it before.
func (s *Stack) look(
	ctx context.Context, target string, wrong error, do func(context.Context, hosting.Conn) error,
) error {
	if wrong != nil {
		return s.refused(target, wrong)
	}
	return s.targetEnded(ctx, target, Database, s.onTables(ctx, do))
}

// about gives a question to the tables what it is about.
func about[Of, Answer any](
	of Of, ask func(context.Context, hosting.Conn, Of) (Answer, error),
) func(context.Context, hosting.Conn) (Answer, error) {
	return func(ctx context.Context, conn hosting.Conn) (Answer, error) { return ask(ctx, conn, of) }
}

// list reads rows of the tables, as [Stack.look], and reports them as a table; Data is a list in any case.
func list[Row, Data any](
	ctx context.Context, s *Stack, target string, wrong error,
	read func(context.Context, hosting.Conn) ([]Row, error), header []string, line func(Row) ([]string, Data),
) error {
	return s.look(ctx, target, wrong, func(ctx context.Context, conn hosting.Conn) error {
		rows, err := read(ctx, conn)
		if err != nil {
			return err
		}
		report, data := event.Report{Header: header}, make([]Data, 0, len(rows))
		for _, row := range rows {
			cells, value := line(row)
			report.Rows, data = append(report.Rows, cells), append(data, value)
		}
		report.Data = data
		if len(rows) == 0 {
			report.Text = "there is none"
		}
		s.Sink.Result(report)
		return nil
	})
}

// change changes the tables, in a phase, unless something was wrong with what was typed. The notes are told, too.
func (s *Stack) change(
	ctx context.Context, target string, wrong error,
	do func(context.Context, hosting.Conn) (how ended, notes []string, err error),
) error {
	if wrong != nil {
		return s.refused(target, wrong)
	}
	return s.run(ctx, target, Database, func(ctx context.Context, r event.Reporter) (how ended, err error) {
		var notes []string
		err = s.onTables(ctx, func(ctx context.Context, conn hosting.Conn) (err error) {
			how, notes, err = do(ctx, conn)
			return err
		})
		if err != nil {
			return ended{}, err
		}
		for _, note := range notes {
			r.Notice(note)
		}
		return how, nil
	})
}

// refused is a request that was refused before the tables were asked.
func (s *Stack) refused(target string, err error) error {
	return s.failure(target, Usage, asUsage(err))
}

// removal is something that is to be removed.
type removal struct {
	target string // of mage
	what   string // domain example.org
	all    bool   // with what keeps it
	yes    bool   // without a question
	rows   bool   // what depends on it is all that it is: the destinations of an alias

	depends func(context.Context, hosting.Conn) (hosting.Dependents, error)
	remove  func(context.Context, hosting.Conn) error
	after   string // what to say of what is left
}

// enable takes something into service, or out of it, and says whether it was in that state before.
func (s *Stack) enable(
	ctx context.Context, target string, wrong error, what, state string,
	do func(context.Context, hosting.Conn) (changed bool, err error),
) error {
	return s.change(ctx, target, wrong, func(ctx context.Context, conn hosting.Conn) (ended, []string, error) {
		changed, err := do(ctx, conn)
		if !changed {
			return ended{Outcome: event.Unchanged, Text: what + " was " + state}, nil, err
		}
		return ended{Outcome: event.Done, Text: what + " is " + state}, nil, err
	})
}

// removeFrom names what goes, asks, and removes it.
func (s *Stack) removeFrom(ctx context.Context, wrong error, o removal) error {
	var depends hosting.Dependents
	err := s.look(ctx, o.target, wrong, func(ctx context.Context, conn hosting.Conn) (err error) {
		depends, err = o.depends(ctx, conn)
		return err
	})
	if err != nil {
		return err
	}
	if len(depends.Keep) > 0 && !o.all {
		return s.refused(o.target,
			&UsageError{Reason: hosting.Lines(o.what+" is in use; remove these first, or with it by -all", depends.Keep)})
	}
	with := slices.Concat(depends.Keep, depends.Go)
	r := s.Sink.For(o.target)
	tell := r.Notice
	if !o.yes {
		tell = r.Warn // also where notices are not shown: nobody is asked about what was not named
	}
	for _, line := range append([]string{o.what}, with...) {
		tell("will remove " + line)
	}
	err = s.question(ctx, o.target, o.yes, "this cannot be undone; type yes to go on:", "nothing was removed")
	if err != nil {
		return err
	}
	return s.change(ctx, o.target, nil, func(ctx context.Context, conn hosting.Conn) (ended, []string, error) {
		text := "removed " + o.what
		if len(with) > 0 && !o.rows {
			text += " with all that is named above"
		}
		if o.after != "" {
			text += "; " + o.after
		}
		return ended{Outcome: event.Done, Text: text, Data: RemovedData{Removed: o.what, With: append([]string{}, with...)}},
			nil, o.remove(ctx, conn)
	})
}
