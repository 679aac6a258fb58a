package stack

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/poststack/poststack/pkg/hosting"
	"github.com/poststack/poststack/pkg/secret"
)

// PasswordOptions say where a password comes from: it is never an argument.
type PasswordOptions struct {
	File     string // "" for none
	Generate bool
}

// givenPassword is a password for an account: made, from a file, typed twice on a terminal, or else the line on
// standard input. From then on it is masked in all that is shown or kept.
func (s *Stack) givenPassword(
	ctx context.Context, target string, of hosting.Address, o PasswordOptions,
) (password secret.Value, err error) {
	switch {
	case o.Generate && o.File != "":
		return "", badUsage("-generate makes a password and -passwordFile reads one; give one of them")
	case o.Generate:
		password = hosting.GeneratePassword()
	case o.File != "":
		password, err = s.passwordIn(o.File)
	case s.canAsk():
		password, err = s.typedPassword(ctx, target, of)
	default:
		password, err = onlyLine("standard input", s.Stdin)
		if err == nil && password == "" {
			err = badUsage("no password came on standard input; give it there, as -passwordFile=FILE or on a terminal, or let " +
				"one be made with -generate")
		}
	}
	if err != nil {
		return "", err
	}
	// What is refused is nobody's password; a short one, masked, would take letters out of the words that refuse it.
	if err := hosting.CheckPassword(of, password); err != nil {
		return "", asUsage(err)
	}
	s.Secrets.Add(password.Reveal())
	return password, nil
}

func (s *Stack) passwordIn(path string) (secret.Value, error) {
	whole, err := s.Config.Typed(path)
	if err != nil {
		return "", badUsage("-passwordFile=%s %v", path, err)
	}
	file, err := os.Open(whole)
	if err != nil {
		return "", badUsage("-passwordFile: %v", err)
	}
	defer func() { _ = file.Close() }()
	return onlyLine(path, file)
}

// onlyLine is the line that a password is given in.
func onlyLine(name string, from io.Reader) (secret.Value, error) {
	const most = 4096
	text, err := io.ReadAll(io.LimitReader(from, most+1))
	if err != nil {
		return "", badUsage("read the password from %s: %v", name, err)
	}
	const mark = "\ufeff" // of the order of bytes, which editors put before a text
	line := strings.TrimPrefix(strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r"), mark)
	if len(text) > most || strings.ContainsAny(line, "\r\n") {
		return "", &UsageError{Reason: name + " has more than one line; a password is one"}
	}
	return secret.Value(line), nil
}

// typedPassword asks twice, without showing what is typed.
func (s *Stack) typedPassword(ctx context.Context, target string, of hosting.Address) (secret.Value, error) {
	r := s.Sink.For(target)
	fd := int(s.Stdin.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("ask for a password: %w", err)
	}
	defer func() { _ = term.Restore(fd, before) }() // a run that is told to end leaves the question open
	var lines [2]string
	for i, text := range []string{fmt.Sprintf("type the password of %s, which is not shown:", of), "type it again:"} {
		r.Warn(text)
		lines[i], err = s.typed(ctx, func() (string, error) {
			line, err := term.ReadPassword(fd)
			return string(line), err
		})
		if err != nil {
			return "", err
		}
		if i == 0 {
			if err := asUsage(hosting.CheckPassword(of, secret.Value(lines[0]))); err != nil {
				return "", err
			}
		}
	}
	if lines[0] != lines[1] {
		return "", badUsage("the two passwords differ; nothing was changed")
	}
	return secret.Value(lines[0]), nil
}
