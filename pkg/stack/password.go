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
