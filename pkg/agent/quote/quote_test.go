package quote_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/agent/quote"
)

func TestNginx(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":             `""`,
		"/srv/www/a b": `"/srv/www/a b"`,
		`a"; evil on;`: `"a\"; evil on;"`,
		`back\slash`:   `"back\\slash"`,
		"$pair":        `"${dollar}pair"`,
		"ü {}#'":       `"ü {}#'"`,
	} {
		got, err := quote.Nginx(in)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	for _, in := range []any{"a\nb", "a\x00", "\x7f", "\xff", nil, true, []any{"a"}} {
		_, err := quote.Nginx(in)
		require.Error(t, err, "%v", in)
	}
	got, err := quote.Nginx(json.Number("12"))
	require.NoError(t, err)
	assert.Equal(t, `"12"`, got)
}

// nginxToken reads one parameter as nginx does (ngx_conf_read_token), and gives what is behind it.
func nginxToken(t *testing.T, text string) (value, rest string) {
	t.Helper()
	require.Equal(t, byte('"'), text[0])
	var out strings.Builder
	for i := 1; i < len(text); i++ {
		switch c := text[i]; c {
		case '"':
			return out.String(), text[i+1:]
		case '\\':
			i++
			switch text[i] {
			case '"', '\'', '\\':
				out.WriteByte(text[i])
			case 't', 'r', 'n':
				t.Fatalf("%q has an escape that stands for something else", text)
			default:
				out.WriteByte(c)
				out.WriteByte(text[i])
			}
		default:
			out.WriteByte(c)
		}
	}
	t.Fatalf("%q does not end", text)
	return "", ""
}

func FuzzNginx(f *testing.F) {
	for _, seed := range []string{"", "a", `\`, `"`, `\"`, "$", "${x}", "a;}", "\n", "ü", `\n`, `a\`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		got, err := quote.Nginx(in)
		if err != nil {
			return
		}
		value, rest := nginxToken(t, got+"; next")
		assert.Equal(t, "; next", rest)
		assert.Equal(t, in, strings.ReplaceAll(value, "${dollar}", "$"))
		assert.NotContains(t, strings.ReplaceAll(value, "${dollar}", ""), "$")
	})
}

func FuzzHost(f *testing.F) {
	for _, seed := range []string{"a.example.org", "xn--bcher-kva.example", "a;b", "a\n", "a.", "-a"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		if got, err := quote.Host(in); err == nil {
			assert.Equal(t, in, got)
			assert.Empty(t, strings.Trim(got, "abcdefghijklmnopqrstuvwxyz0123456789-_."))
		}
	})
}

func FuzzOrigin(f *testing.F) {
	for _, seed := range []string{
		"http://apache:8080", "https://[::1]:1/", "http://a/b", "http://a;b", "http://a:0", "http://u:p@a",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		if got, err := quote.Origin(in); err == nil {
			assert.Empty(t, strings.Trim(got, "abcdefghijklmnopqrstuvwxyz0123456789-_.:/[]"))
			assert.NotContains(t, strings.TrimPrefix(strings.TrimPrefix(got, "http://"), "https://"), "/")
		}
	})
}

func TestOrigin(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"http://apache:8080": "http://apache:8080", "https://A.example/": "https://a.example",
		"http://[::1]:80": "http://[::1]:80", "http://192.0.2.1": "http://192.0.2.1",
	} {
		got, err := quote.Origin(in)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	for _, in := range []any{
		"apache", "http://a/path", "http://a?x", "ftp://a", "http://a:99999", "http://a:0", "http://u@a", "http://", 7,
	} {
		_, err := quote.Origin(in)
		require.Error(t, err, "%v", in)
	}
}

func TestBelow(t *testing.T) {
	t.Parallel()
	got, err := quote.Below("/srv//www/./a/", "/srv")
	require.NoError(t, err)
	assert.Equal(t, "/srv/www/a", got)
	for _, in := range []string{
		"/etc", "/srv", "/srv/", "/srvother/x", "/srv/../etc/passwd", "srv/x", "/srv/a/..", "/srv/a\nb",
	} {
		_, err := quote.Below(in, "/srv")
		require.Error(t, err, in)
	}
}

func TestNumber(t *testing.T) {
	t.Parallel()
	got, err := quote.Number(json.Number("31536000"))
	require.NoError(t, err)
	assert.Equal(t, "31536000", got)
	for _, in := range []any{
		json.Number("-1"), json.Number("1.5"), json.Number("1e3"), json.Number("99999999999"), "1; evil", true, nil,
	} {
		_, err := quote.Number(in)
		require.Error(t, err, "%v", in)
	}
}

func TestSize(t *testing.T) {
	t.Parallel()
	got, err := quote.Size(json.Number("10737418240"))
	require.NoError(t, err)
	assert.Equal(t, "10737418240", got)
	for _, in := range []any{json.Number("-1"), json.Number("1.5"), json.Number("1000000000000000001"), "1", nil} {
		_, err := quote.Size(in)
		require.Error(t, err, "%v", in)
	}
}

func TestFlag(t *testing.T) {
	t.Parallel()
	got, err := quote.Flag(true)
	require.NoError(t, err)
	assert.True(t, got)
	_, err = quote.Flag("true")
	require.EqualError(t, err, `"true" is neither true nor false`)
}

func TestWords(t *testing.T) {
	t.Parallel()
	for _, in := range []any{"index.html  index.htm", []any{"index.html", "index.htm"}} {
		got, err := quote.Words(in)
		require.NoError(t, err)
		assert.Equal(t, "index.html index.htm", got)
	}
	for _, in := range []any{
		"a;", "../a", "/etc/passwd", "", []any{}, []any{"a b"}, true, strings.Repeat("x", 500) + ";",
	} {
		_, err := quote.Words(in)
		require.Error(t, err, "%v", in)
	}
}

func TestValues(t *testing.T) {
	t.Parallel()
	one, err := quote.Values("x")
	require.NoError(t, err)
	assert.Equal(t, []any{"x"}, one)
	all, err := quote.Values(map[string]any{"a.example.org": "x", "*": true, "0/25.2.0.192.in-addr.arpa": nil})
	require.NoError(t, err)
	assert.ElementsMatch(t, []any{"x", true, nil}, all)
	for _, name := range []string{
		"A.example.org", "*.example.org", "a.example.org.", "ada@example.org", " a.example.org", "",
		"bücher.example.org", "a.example.org:8443", "https://a.example.org", "a.example.org,b.example.org",
	} {
		_, err := quote.Values(map[string]any{name: true})
		require.ErrorContains(t, err, "is neither a name, in lower case, nor * for all others", name)
	}
}

func TestComment(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "a?b ü", quote.Comment("a\nb ü"))
}
