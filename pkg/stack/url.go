package stack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"

	"github.com/poststack/poststack/pkg/database"
	"github.com/poststack/poststack/pkg/event"
)

// PrintURL gives the URL of the database in use as the result; it starts nothing. With passfile the password is not in
// it, but in a file that it names, by libpq's parameter passfile.
func (s *Stack) PrintURL(ctx context.Context, passfile bool) error {
	target, err := s.Target(ctx)
	if err == nil && passfile {
		target, err = s.movePassword(target)
	}
	if err != nil {
		return s.failure("db:url", Database, err)
	}
	s.Sink.Result(event.Report{Text: target.URL(), Data: URLData{
		URL: target.URL(), Host: target.Host, Port: target.Port, User: target.User, Database: target.Database,
		PassFile: target.PassPath,
		SSLMode:  target.SSLMode, RootCert: target.SSLRootCert,
	}})
	return nil
}

// passFile keeps the passwords of URLs that were printed without, in the form of libpq's ~/.pgpass.
func (s *Stack) passFile() string { return filepath.Join(s.Config.StateDir, "pgpass") }

// movePassword returns target without its password, and with the file that has it.
func (s *Stack) movePassword(target database.Target) (database.Target, error) {
	if target.Password == "" {
		return target, nil
	}
	path := s.passFile()
	content, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return target, fmt.Errorf("read password file: %w", err)
	}
	if err := os.MkdirAll(s.Config.StateDir, 0o700); err != nil {
		return target, fmt.Errorf("write password file: %w", err)
	}
	if err := renameio.WriteFile(path, target.AddPass(content), 0o600); err != nil {
		return target, fmt.Errorf("write password file: %w", err)
	}
	target.Password, target.PassPath = "", path
	return target, nil
}
