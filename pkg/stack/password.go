package stack

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"

	"github.com/poststack/poststack/pkg/database"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/secret"
)

// passwordLength is that of a password that is generated.
const passwordLength = 32

// havePassword is the own database's password, which is made the first time, unless there is a stack of that name which
// is somebody else's.
func (s *Stack) havePassword(ctx context.Context, e Engine) (secret.Value, error) {
	password, err := s.password(false)
	if errors.Is(err, errNotSetUp) {
		if err = s.refuseForeign(ctx, e); err == nil {
			password, err = s.password(true)
		}
	}
	return password, err
}

// password is the own database's password; with generate set it is made where there is none. A file of the user's is
// read once: it may be a pipe, such as of <(pass show db), which gives its content to the first who reads it.
func (s *Stack) password(generate bool) (secret.Value, error) {
	if given := s.Config.Database.PasswordFile; given != "" {
		return s.givenOnce.get(func() (secret.Value, error) { return readPassword(given) })
	}
	path := s.passwordFile()
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		return readPassword(path)
	}
	if generate {
		return generatePassword(path)
	}
	return "", errNotSetUp
}

// readPassword reads a password. People's editors end a file with a line break: one at the end is not part of it.
func readPassword(path string) (secret.Value, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", badUsage("read password file: %v", err)
	}
	password := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	if password == "" || strings.ContainsAny(password, "\n\x00") {
		return "", badUsage("read password file %q: it must hold one line that is not empty", path)
	}
	return secret.Value(password), nil
}

// generatePassword makes a password and keeps it in path.
func generatePassword(path string) (secret.Value, error) {
	text := (rand.Text() + rand.Text())[:passwordLength]
	return secret.Value(text), keep("password", path, text)
}

// passwordFile keeps the password that was generated.
func (s *Stack) passwordFile() string { return filepath.Join(s.Config.StateDir, "password") }

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
