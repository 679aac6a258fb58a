package stack_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/hosting"
	"github.com/poststack/poststack/pkg/stack"
)

// password asks a stack of b for one.
func password(t *testing.T, b *bench, o stack.PasswordOptions) (string, *journal, error) {
	t.Helper()
	s, ctx, j := b.open(t)
	got, err := stack.GivenPassword(s, ctx, "account:add", hosting.Address{Local: "ada", Domain: "example.org"}, o)
	if err == nil {
		assert.NotContains(t, s.Secrets.Redact("it is "+got.Reveal()), got.Reveal(), "it is masked from now on")
	}
	return got.Reveal(), j, err
}

// piped gives the bench a standard input that is no terminal.
func piped(t *testing.T, b *bench, text string) {
	t.Helper()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.Close() })
	_, err = w.WriteString(text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	b.stdin = r
}

func TestPassword(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	piped(t, b, "from a pipe\r\n")
	got, _, err := password(t, b, stack.PasswordOptions{})
	require.NoError(t, err)
	assert.Equal(t, "from a pipe", got)

	file := filepath.Join(t.TempDir(), "password")
	write(t, file, "\ufefffrom a file\n") // as an editor may write it
	got, _, err = password(t, b, stack.PasswordOptions{File: file})
	require.NoError(t, err)
	assert.Equal(t, "from a file", got)

	got, _, err = password(t, b, stack.PasswordOptions{Generate: true})
	require.NoError(t, err)
	assert.Len(t, got, 23)

	typed := keyboard(t, b)
	_, err = typed.WriteString("from the keys\nfrom the keys\n")
	require.NoError(t, err)
	got, j, err := password(t, b, stack.PasswordOptions{})
	require.NoError(t, err)
	assert.Equal(t, "from the keys", got)
	assert.Equal(t, []string{"type the password of ada@example.org, which is not shown:", "type it again:"},
		j.texts(event.Warning))
}

func TestPassword_refuses(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "password")
	write(t, file, "two\nlines-of-it\n")
	for name, tc := range map[string]struct {
		stdin, keys string
		o           stack.PasswordOptions
		why         string
	}{
		"nothing came":        {"", "", stack.PasswordOptions{}, "no password came on standard input"},
		"it is short":         {"short\n", "", stack.PasswordOptions{}, "needs at least 8"},
		"a file of two lines": {"", "", stack.PasswordOptions{File: file}, "more than one line"},
		"a file that is not":  {"", "", stack.PasswordOptions{File: file + "x"}, "no such file"},
		"too much of it":      {strings.Repeat("x", 5000), "", stack.PasswordOptions{}, "more than one line"},
		"two places":          {"", "", stack.PasswordOptions{File: file, Generate: true}, "give one of them"},
		"two that differ":     {"", "from the keys\nfrom the kess\n", stack.PasswordOptions{}, "the two passwords differ"},
		"a short one is not":  {"", "short\n", stack.PasswordOptions{}, "needs at least 8"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			piped(t, b, tc.stdin)
			if tc.keys != "" {
				_, err := keyboard(t, b).WriteString(tc.keys)
				require.NoError(t, err)
			}
			_, _, err := password(t, b, tc.o)
			require.ErrorContains(t, err, tc.why)
			assert.Equal(t, 2, stack.ExitStatus(err))
		})
	}
}

func TestHosting_without_a_database(t *testing.T) {
	t.Parallel()
	for name, do := range map[string]func(*stack.Stack, context.Context) error{
		"domain:list": (*stack.Stack).ListDomains,
		"domain:add": func(s *stack.Stack, ctx context.Context) error {
			return s.AddDomain(ctx, "example.org", hosting.DomainOptions{Web: true})
		},
		"account:remove": func(s *stack.Stack, ctx context.Context) error {
			return s.RemoveAccount(ctx, "ada@example.org", false, true)
		},
	} {
		b := newBench(t)
		_, err := b.phase(t, do)
		require.ErrorContains(t, err, name+": this stack has no database yet")
		assert.Equal(t, 5, stack.ExitStatus(err))

		write(t, b.state(t, "password"), "pw-own")
		_, err = b.phase(t, do)
		require.ErrorContains(t, err, "is not running; start it with: mage db:start")
		assert.Equal(t, 5, stack.ExitStatus(err))
	}
}

// TestHosting_refuses looks at what is refused before any database is asked.
func TestHosting_refuses(t *testing.T) {
	t.Parallel()
	for why, do := range map[string]func(*stack.Stack, context.Context) error{
		"only one part": func(s *stack.Stack, ctx context.Context) error {
			return s.AddDomain(ctx, "localhost", hosting.DomainOptions{Web: true})
		},
		"not 'ö'": func(s *stack.Stack, ctx context.Context) error {
			return s.AddAccount(ctx, "jörg@example.org", stack.AccountOptions{})
		},
		"is no size": func(s *stack.Stack, ctx context.Context) error {
			return s.AddAccount(ctx, "ada@example.org", stack.AccountOptions{Quota: "-1"})
		},
		"is no IP address": func(s *stack.Stack, ctx context.Context) error {
			return s.ShowNeeds(ctx, "example.org", "here", false)
		},
		"nothing stands": func(s *stack.Stack, ctx context.Context) error {
			return s.AddAlias(ctx, "@example.org", "ada@example.org")
		},
		"a web address": func(s *stack.Stack, ctx context.Context) error {
			return s.CheckDNS(ctx, "https://example.org", "")
		},
		"neither an address nor a name of a server": func(s *stack.Stack, ctx context.Context) error {
			return s.CheckDNS(ctx, "", "one two")
		},
		"a name server is": func(s *stack.Stack, ctx context.Context) error {
			return s.AddZone(ctx, stack.ZoneOptions{Name: "example.org", Servers: "192.0.2.1"})
		},
		"is no mail address:": func(s *stack.Stack, ctx context.Context) error {
			return s.SetPassword(ctx, "ada", stack.PasswordOptions{})
		},
	} {
		_, err := newBench(t).phase(t, do)
		require.ErrorContains(t, err, why)
		assert.Equal(t, 2, stack.ExitStatus(err), why)
	}
}
