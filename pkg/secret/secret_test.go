package secret_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/poststack/poststack/pkg/secret"
)

func TestValue_IsMaskedHoweverItIsPrinted(t *testing.T) {
	t.Parallel()
	const text = "hunter-2"
	v := secret.Value(text)
	type account struct {
		Name     string
		Password secret.Value
	}
	a := account{Name: "ada", Password: v}

	encoded, err := json.Marshal(a)
	require.NoError(t, err)
	yamlText, err := yaml.Marshal(a)
	require.NoError(t, err)
	var logged strings.Builder
	slog.New(slog.NewTextHandler(&logged, nil)).Info("login", "password", v)

	for name, got := range map[string]string{
		"text":            fmt.Sprintf("%s", v), //nolint:gosimple // the verb is what is tested
		"value":           fmt.Sprint(v),
		"quoted":          fmt.Sprintf("%q", v),
		"hexadecimal":     fmt.Sprintf("%x", v),
		"syntax":          fmt.Sprintf("%#v", v),
		"a wrong verb":    fmt.Sprintf(wrongVerb(), v),
		"in a struct":     fmt.Sprintf("%+v", a),
		"in a pointer":    fmt.Sprintf("%v", &a),
		"in a slice":      fmt.Sprint([]secret.Value{v}),
		"struct's syntax": fmt.Sprintf("%#v", a),
		"JSON":            string(encoded),
		"YAML":            string(yamlText),
		"slog":            logged.String(),
		"an error":        fmt.Errorf("log in with %q", v).Error(), //nolint:err113 // only its text matters
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Contains(t, got, secret.Mask)
			assert.NotContains(t, got, text)
			assert.NotContains(t, got, fmt.Sprintf("%x", text))
		})
	}
	t.Run("reveal gives it, and nothing has no mask", func(t *testing.T) {
		t.Parallel()
		assert.Equal(t, text, v.Reveal())
		assert.Empty(t, fmt.Sprint(secret.Value("")))
	})
}

// wrongVerb is a format that go vet would refuse.
func wrongVerb() string { return "%" + "d" }

func TestSet_Redact(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		secrets []string
		text    string
		want    string
	}{
		{"nothing is secret", nil, "as it is", "as it is"},
		{"empty values are no secrets", []string{"", ""}, "as it is", "as it is"},
		{"every place is masked", []string{"pw"}, "pw=pw,pw", "[redacted]=[redacted],[redacted]"},
		{"a secret inside another leaves no rest", []string{"pass", "password1"}, "my password1!", "my [redacted]!"},
		{"two that overlap leave no rest", []string{"abcd", "cdef"}, "xabcdefx", "x[redacted]x"},
		{"one that overlaps itself leaves no rest", []string{"aba"}, "xababax", "x[redacted]x"},
		{"two that touch become one mask", []string{"left", "right"}, "leftright", "[redacted]"},
		{"a key of several lines", []string{"-----BEGIN-----\nMIIEvq\n}\n"}, "-----BEGIN-----\nMIIEvq\n}\n", "[redacted]"},
		{"a line of it alone", []string{"-----BEGIN-----\r\nMIIEvq\r\n}\r\n"}, "said MIIEvq }", "said [redacted] }"},
		{"the end of a line is no part of it", []string{"pw-k06\n"}, "password pw-k06.", "password [redacted]."},
		{"letters of any script", []string{"пароль"}, "мой пароль!", "мой [redacted]!"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var set secret.Set
			set.Add(tc.secrets...)
			assert.Equal(t, tc.want, set.Redact(tc.text))
		})
	}
	t.Run("no set redacts nothing, and takes nothing", func(t *testing.T) {
		t.Parallel()
		var set *secret.Set
		set.Add("pw")
		assert.Equal(t, "pw", set.Redact("pw"))
	})
}

func TestSet_Redact_KnowsTheSpellingsOfASecret(t *testing.T) {
	t.Parallel()
	const password = `p@s:s/w#r%d?&=+'"\$HOME <x> ü`
	inJSON, err := json.Marshal(password)
	require.NoError(t, err)
	for name, text := range map[string]string{
		"as it is":         password,
		"in a URL":         (&url.URL{Scheme: "postgres", User: url.UserPassword("app", password), Host: "db"}).String(),
		"in a query":       url.Values{"password": {password}}.Encode(),
		"in a path":        url.PathEscape(password),
		"quoted":           strconv.Quote(password),
		"in JSON":          string(inJSON),
		"in a pgpass file": `db:5432:*:app:` + strings.NewReplacer(`\`, `\\`, `:`, `\:`).Replace(password),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var set secret.Set
			set.Add(password)
			got := set.Redact(text)
			assert.Contains(t, got, secret.Mask)
			assert.NotContains(t, got, "HOME")
		})
	}
}

func TestSet_In(t *testing.T) {
	t.Parallel()
	var set secret.Set
	set.Add("a b", "other")
	assert.Equal(t, []string{"a%20b", "a b"}, set.In("postgres://app:a%20b@h/d, a b and a%20b"))
	assert.Empty(t, set.In("nothing"))
	assert.Empty(t, (*secret.Set)(nil).In("a b"))
}

func TestSet_ConcurrentUse(t *testing.T) {
	t.Parallel()
	var set secret.Set
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 50 {
				word := fmt.Sprintf("secret-%d-%d.", i, j)
				set.Add(word)
				assert.Equal(t, secret.Mask, set.Redact(word))
			}
		})
	}
	wg.Wait()
}

// FuzzSet_Redact looks for a secret that is still there afterwards.
func FuzzSet_Redact(f *testing.F) {
	f.Add("one", "two", "onetwo")
	f.Add("aa", "a", "aaa")
	f.Add("a\nbcde", "e", "bcde")
	f.Fuzz(func(t *testing.T, one, two, text string) {
		if strings.Contains(secret.Mask, one) || strings.Contains(secret.Mask, two) || one == "" || two == "" {
			t.Skip("the mask itself would match")
		}
		var set secret.Set
		set.Add(one, two)
		// What is left between the masks must hold neither. Looked for piece by piece, since a mask and its
		// neighbours could make up a secret that was never there.
		for _, piece := range strings.Split(set.Redact(text), secret.Mask) {
			if strings.Contains(piece, one) || strings.Contains(piece, two) {
				t.Errorf("Redact(%q) of %q and %q leaves %q", text, one, two, piece)
			}
		}
	})
}
