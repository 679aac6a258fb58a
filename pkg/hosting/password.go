package hosting

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/bcrypt"

	"github.com/poststack/poststack/pkg/secret"
)

// MinPassword is the least number of characters of a password, and maxPassword the most bytes that bcrypt looks at.
const (
	MinPassword = 8
	maxPassword = 72
)

// CheckPassword refuses what is no password for an account. Its text never holds the password.
func CheckPassword(of Address, password secret.Value) error {
	text := password.Reveal()
	lower := strings.ToLower(text)
	switch {
	case text == "":
		return refuse("the password is empty; give one of at least %d characters, or let one be made with -generate",
			MinPassword)
	case !utf8.ValidString(text):
		return refuse("the password is not UTF-8 text, which is what mail programs send")
	case strings.ContainsFunc(text, unicode.IsControl):
		return refuse("the password has a character that nobody can type, such as a tab or the end of a line")
	case utf8.RuneCountInString(text) < MinPassword:
		return refuse("the password has %d characters, and needs at least %d", utf8.RuneCountInString(text), MinPassword)
	case len(text) > maxPassword:
		return refuse("the password has %d bytes, and at most %d count", len(text), maxPassword)
	case lower == of.Local || lower == of.String():
		return refuse("the password is the address itself; take another")
	}
	return nil
}

// GeneratePassword makes one of 100 random bits, without letters that look like others.
func GeneratePassword() secret.Value {
	const groups, size = 4, 5
	text := strings.ToLower(rand.Text())
	parts := make([]string, groups)
	for i := range parts {
		parts[i] = text[i*size : (i+1)*size]
	}
	return secret.Value(strings.Join(parts, "-"))
}

// hash is a crypt(3) hash without a {SCHEME} in front: dovecot, apache and nginx all check this form. Apache knows
// bcrypt only by the name 2y, which is what the Go library's 2a computes.
func hash(password secret.Value) (string, error) {
	made, err := bcrypt.GenerateFromPassword([]byte(password.Reveal()), bcrypt.DefaultCost)
	if errors.Is(err, bcrypt.ErrPasswordTooLong) {
		return "", refuse("the password is longer than %d bytes", maxPassword)
	}
	if err != nil {
		return "", fmt.Errorf("hash the password: %w", err)
	}
	return "$2y$" + strings.TrimPrefix(string(made), "$2a$"), nil
}
