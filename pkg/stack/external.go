package stack

import (
	"context"

	"github.com/poststack/poststack/pkg/database"
	"github.com/poststack/poststack/pkg/event"
)

// externalTarget is the database that DATABASE_URL names, and what there is to say about how it is written. Errors
// are *[UsageError].
func (s *Stack) externalTarget() (database.Target, []string, error) {
	target, notes, err := database.ReadURL(s.Config.Database.URL.Reveal())
	if err == nil {
		target, err = target.WithPassFile()
	}
	if err != nil {
		return database.Target{}, nil, &UsageError{Reason: "DATABASE_URL: " + err.Error()}
	}
	s.Secrets.Add(target.Secrets()...)
	return target, notes, nil
}

// sayNotes says what of DATABASE_URL is left out or assumed.
func (s *Stack) sayNotes(r event.Reporter) {
	if s.Config.Database.EmptyURL {
		r.Notice("DATABASE_URL is set and empty, which counts as not set: this is Poststack's own database")
	}
	if !s.External() {
		return
	}
	_, notes, _ := s.externalTarget() // whoever asked for the target has its error
	for _, note := range notes {
		r.Notice("DATABASE_URL: " + note)
	}
}

// CheckMigration looks, before anything is built or started, whether DATABASE_URL names a database that can be
// migrated, or the own one can have its certificate.
func (s *Stack) CheckMigration(ctx context.Context) error {
	if !s.External() {
		return s.CheckCertificate(ctx)
	}
	target, _, err := s.externalTarget()
	if err == nil {
		err = networked(target)
	}
	if err != nil {
		return s.failure(s.Asked, Usage, err)
	}
	return nil
}

// networked refuses a database that Liquibase's container cannot reach.
func networked(target database.Target) error {
	if err := target.Networked(); err != nil {
		return &UsageError{Reason: "DATABASE_URL: " + err.Error()}
	}
	return nil
}

// answered keeps where target answered, for the rest of the run.
func (s *Stack) answered(target database.Target, report database.Report) database.Target {
	if s.External() {
		target.Reached = report.Reached
		s.verified.Store(&target)
	}
	return target
}

// reachedTarget is the database in use as it answered: what was verified is what is migrated. Poststack's own is
// where it was started.
func (s *Stack) reachedTarget(ctx context.Context) (database.Target, error) {
	target, err := s.Target(ctx)
	if err != nil || !s.External() {
		return target, err
	}
	if err := networked(target); err != nil {
		return target, err
	}
	if verified := s.verified.Load(); verified != nil {
		return *verified, nil
	}
	report, err := s.sessions.Look(ctx, target)
	if err != nil {
		return target, err
	}
	return s.answered(target, report), nil
}
