package stack

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/database"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/schema"
)

// InitSchema creates the schema in a database that has none; Liquibase's image must be built.
func (s *Stack) InitSchema(ctx context.Context) error {
	return s.migrate(ctx, "schema:init", (*schema.Migrator).Init)
}

// UpdateSchema applies the pending changesets, all or none; Liquibase's image must be built.
func (s *Stack) UpdateSchema(ctx context.Context) error {
	return s.migrate(ctx, "schema:update", (*schema.Migrator).Update)
}

// migrate runs an operation of the migrator and says what it changed.
func (s *Stack) migrate(
	ctx context.Context, phase string, operate func(*schema.Migrator, context.Context) (schema.Result, error),
) error {
	return s.run(ctx, phase, SchemaWork, func(ctx context.Context, r event.Reporter) (ended, error) {
		target, err := s.reachedTarget(ctx)
		if err != nil {
			return ended{}, err
		}
		ctx, cancel := within(ctx, s.Config.Timeout.Schema, "migrate", "POSTSTACK_TIMEOUT_SCHEMA")
		defer cancel()
		e, err := s.engine(ctx)
		if err == nil && !s.External() {
			_, err = s.serviceContainer(ctx, e, postgresImage) // Liquibase works in its network
		}
		if err != nil {
			return ended{}, err
		}
		m, err := s.migrator(target, e, r)
		if err != nil {
			return ended{}, err
		}
		if standby := s.onStandby(); standby != nil {
			m.Liquibase = standby
		}
		res, err := operate(m, ctx)
		if err != nil {
			return ended{}, err
		}
		if len(res.Applied) == 0 {
			return ended{
				Outcome: event.Unchanged, Text: fmt.Sprintf("nothing to do: the schema of %s is %s", target.Place(), res.State),
				Data: migrationData(res),
			}, nil
		}
		return ended{
			Outcome: event.Done,
			Text:    fmt.Sprintf("%s in %s; the schema is %s", migrated(res.Applied), target.Place(), res.State),
			Log:     res.Log, Data: migrationData(res),
		}, nil
	})
}

// migrated says what became of the changesets that an operation came to.
func migrated(applied []schema.Applied) string {
	n := map[string]int{}
	for _, a := range applied {
		n[a.Type]++
	}
	var parts []string
	for _, part := range []struct {
		n    int
		what string
	}{
		{n["EXECUTED"] + n["RERAN"], "applied"},
		{n["MARK_RAN"], "marked as run without running"},
		{n["SKIPPED"], "skipped by a precondition"},
		{n["FAILED"], "failed and skipped"},
		{n["ROLLED_BACK"], "rolled back"},
	} {
		if part.n > 0 {
			parts = append(parts, count(part.n, "changeset")+" "+part.what)
		}
	}
	return strings.Join(parts, ", ")
}

// migrator migrates target. Without an engine it can only tell what it reads itself.
func (s *Stack) migrator(target database.Target, e Engine, r event.Reporter) (*schema.Migrator, error) {
	ref, err := s.imageRef(liquibaseImage)
	if err != nil {
		return nil, err
	}
	o := schema.Options{
		Changelog: s.Config.Schema.Changelog, Root: s.Config.Root, Contexts: s.Config.Schema.Contexts,
		Labels: s.Config.Schema.Labels,
		Target: target, Sessions: &s.sessions, Image: string(ref), Report: r,
		Cache: filepath.Join(s.Config.CacheDir, "changelogs"), Each: s.Config.Schema.Transaction == "changeset",
		OpenLog: func(operation string) (schema.Log, error) { return s.Logs.Database(operation) },
	}
	if e == nil {
		return schema.New(o), nil
	}
	labels := container.DisposableLabels()
	labels[container.LabelRole] = liquibaseImage
	run := schema.Container{Engine: e, Image: ref, Labels: labels}
	if s.External() {
		run.HostNetwork = true // what this process reaches, with the address that the server sees, and nothing else
	} else {
		place, err := s.declaredDatabase()
		if err != nil {
			return nil, err
		}
		o.Own, run.NetworkOf, o.Inside = true, s.containerName(), target
		o.Inside.Port = place.port.Port // in its network, by the name that its certificate has
	}
	o.Liquibase = run
	return schema.New(o), nil
}

// SchemaStatus reports each changeset and what an update would do with it. It starts no database and builds
// nothing; where the stored fingerprint does not answer and Liquibase's image is there, that is asked.
func (s *Stack) SchemaStatus(ctx context.Context) error {
	state, err := s.readSchema(ctx)
	if err != nil {
		return s.unanswered("schema:status", SchemaWork, err)
	}
	report := event.Report{Header: []string{"file", "changeset", "context", "labels", "state"}, Data: schemaData(state)}
	for _, c := range slices.Concat(state.Changesets, state.Unknown) {
		report.Rows = append(report.Rows, []string{c.File, c.ID, c.Context, c.Labels, string(c.Will)})
	}
	report.Text = "schema: " + state.String()
	s.Sink.Result(report)
	for _, line := range state.Remarks() {
		s.Sink.For("schema:status").Warn(line)
	}
	if state.Problem != nil {
		return s.unanswered("schema:status", SchemaWork, state.Problem)
	}
	return nil
}

// readSchema asks the database, and Liquibase if its image is there.
func (s *Stack) readSchema(ctx context.Context) (schema.State, error) {
	target, err := s.reachedTarget(ctx)
	if err != nil {
		return schema.State{}, err
	}
	e, err := s.engineWithLiquibase(ctx)
	if err != nil {
		return schema.State{}, err
	}
	m, err := s.migrator(target, e, s.Sink.For("schema:status"))
	if err != nil {
		return schema.State{}, err
	}
	return m.Status(ctx)
}

// engineWithLiquibase returns the engine if Liquibase's image is in it, and nil if not.
func (s *Stack) engineWithLiquibase(ctx context.Context) (Engine, error) {
	e, err := s.engine(ctx)
	if _, ok := errors.AsType[*engine.UnusableError](err); ok {
		s.Sink.For("schema:status").Warn("no engine works: a changelog that Liquibase has not read yet cannot be read")
		return nil, nil //nolint:nilnil // no engine is an answer
	}
	if err != nil {
		return nil, err
	}
	ref, err := s.imageRef(liquibaseImage)
	if err != nil {
		return nil, err
	}
	_, err = e.ImageInspect(ctx, ref)
	if errors.Is(err, engine.ErrNotFound) {
		s.Sink.For("schema:status").Warn("Liquibase's image is not built (mage build:liquibase): a changelog that it has " +
			"not read yet cannot be read")
		return nil, nil //nolint:nilnil // as above
	}
	return e, err
}

// schemaState is the schema's state in a word or two, without asking Liquibase.
func (s *Stack) schemaState(ctx context.Context, target database.Target) (string, error) {
	m, err := s.migrator(target, nil, event.Reporter{})
	if err != nil {
		return "", err
	}
	state, err := m.Status(ctx)
	if err != nil {
		return "", err
	}
	return state.String(), nil
}

// count is a number of things in words.
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, strings.TrimSuffix(what, "s"))
}
