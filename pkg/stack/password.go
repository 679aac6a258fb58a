package stack

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"

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

// password reads the own database's password; with make set it is generated where there is none. People's
// editors end a file with a line break: one at the end is not part of the password.
func (s *Stack) password(generate bool) (secret.Value, error) {
	path, given := s.Config.Database.PasswordFile, true
	if path == "" {
		path, given = s.passwordFile(), false
	}
	text, err := os.ReadFile(path)
	switch missing := errors.Is(err, os.ErrNotExist) && !given; {
	case missing && generate:
		return generatePassword(path)
	case missing:
		return "", errNotSetUp
	case err != nil:
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
