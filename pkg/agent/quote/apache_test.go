package quote_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/agent/quote"
)

func TestApache(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":               `""`,
		"/srv/apps/a b":  `"/srv/apps/a b"`,
		`a" evil`:        `"a\" evil"`,
		`back\slash\`:    `"back\\slash\\"`,
		"${PGPASSFILE}$": `"${dollar}{PGPASSFILE}$"`,
	} {
		got, err := quote.Apache(in)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	for _, in := range []any{"a\nb", "\x00", "\xff", nil, true} {
		_, err := quote.Apache(in)
		require.Error(t, err, "%v", in)
		_, err = quote.ApacheRoot(in)
		require.Error(t, err, "%v", in)
	}
	got, err := quote.ApacheRoot("/srv/%0")
	require.NoError(t, err)
	assert.Equal(t, `"/srv/%%0"`, got)
}

// apacheWord reads one argument as Apache does (ap_resolve_env, then ap_getword_conf), and gives what is behind it.
func apacheWord(t *testing.T, text string) (value, rest string) {
	t.Helper()
	text = regexp.MustCompile(`\$\{([^}]*)\}`).ReplaceAllStringFunc(text, func(found string) string {
		require.Equal(t, "${dollar}", found, "nothing else is put in")
		return "$"
	})
	require.Equal(t, byte('"'), text[0])
	var out strings.Builder
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '"':
			return out.String(), text[i+1:]
		case text[i] == '\\' && (text[i+1] == '\\' || text[i+1] == '"'):
			i++
		}
		out.WriteByte(text[i])
	}
	t.Fatalf("%q does not end", text)
	return "", ""
}

func FuzzApache(f *testing.F) {
	for _, seed := range []string{
		"", "a", `\`, `"`, `\"`, "$", "${x}", "$${x}", "${dollar}", "a>", "\n", "ü", `\n`, `a\`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		got, err := quote.Apache(in)
		if err != nil {
			return
		}
		value, rest := apacheWord(t, got+" next")
		assert.Equal(t, " next", rest)
		assert.Equal(t, in, value)
	})
}

func TestApachePaths(t *testing.T) {
	t.Parallel()
	got, err := quote.ApachePaths([]any{"/private/", "/a.b/c_d-e", "/", "/größe"})
	require.NoError(t, err)
	assert.Equal(t, []string{"/private", "/a.b/c_d-e", "/", "/größe"}, got)
	got, err = quote.ApachePaths("/all")
	require.NoError(t, err)
	assert.Equal(t, []string{"/all"}, got)
	for _, in := range []any{
		"", "private", "/a*", "/a?", "/[a]", "//a", "/a//b", "/../a", "/./a",
		"/.git", `/a"`, "/a b", "/a%2f", "/a\nb",
		[]any{},
		[]any{1},
		true, nil,
	} {
		_, err := quote.ApachePaths(in)
		assert.Error(t, err, "%v", in)
	}
}

// matcher compiles the expression as Apache does, for the few things that are in it.
func matcher(t *testing.T, expression string) *regexp.Regexp {
	t.Helper()
	inner, found := strings.CutPrefix(expression, "m#")
	require.True(t, found)
	inner, found = strings.CutSuffix(inner, "#i")
	require.True(t, found)
	require.NotContains(t, inner, "#")
	return regexp.MustCompile("(?i)" + inner)
}

func TestApacheMembers(t *testing.T) {
	t.Parallel()
	got, err := quote.ApacheMembers([]any{"example.org", "Bob+x@Example.NET"})
	require.NoError(t, err)
	re := matcher(t, got)
	for name, is := range map[string]bool{
		"ada@example.org": true, "ADA@Example.Org": true, "bob+x@example.net": true,
		"ada@example.net": false, "ada@sub.example.org": false, "ada@exampleXorg": false, "example.org": false,
		"a@b@example.org": false,
		"@example.org":    false, "bobbx@example.net": false,
	} {
		assert.Equal(t, is, re.MatchString(name), name)
	}
	for _, in := range []any{
		"", "a b", "@", "@example.org", "ada@", "ada@example org", []any{}, nil, 1, `a"@example.org`,
	} {
		_, err := quote.ApacheMembers(in)
		assert.Error(t, err, "%v", in)
	}
}

func FuzzApacheMembers(f *testing.F) {
	for _, seed := range []string{
		"example.org", "a@example.org", "a#b@example.org", ".*@example.org", "a|b@example.org", "@",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		got, err := quote.ApacheMembers(in)
		if err != nil {
			return
		}
		assert.NotContains(t, got, " ")
		assert.NotContains(t, got, `"`)
		assert.NotContains(t, got, "%")
		re := matcher(t, got)
		if strings.Contains(in, "@") {
			assert.True(t, re.MatchString(in))
			assert.False(t, re.MatchString("x"+in))
		}
	})
}

func TestParents(t *testing.T) {
	t.Parallel()
	got, err := quote.Parents("a.b.example.org")
	require.NoError(t, err)
	assert.Equal(t, []string{"a.b.example.org", "b.example.org", "example.org"}, got)
	got, err = quote.Parents("example.org")
	require.NoError(t, err)
	assert.Equal(t, []string{"example.org"}, got)
	_, err = quote.Parents("a b")
	assert.Error(t, err)
}
