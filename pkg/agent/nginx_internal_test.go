package agent

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/agent/declaration"
	"github.com/poststack/poststack/pkg/agent/render"
	"github.com/poststack/poststack/pkg/agent/rows"
)

// nginxFiles renders the files of containers/nginx from one domain with these values.
func nginxFiles(t *testing.T, domain, settings map[string]any) string {
	t.Helper()
	return nginxFilesOf(t, version{1, 22}, domain, settings)
}

// nginxFilesOf are those for that version of nginx.
func nginxFilesOf(t *testing.T, daemon version, domain, settings map[string]any) string {
	t.Helper()
	getenv := func(string) string { return "/etc/certs" }
	d, err := declaration.Load(filepath.Join("..", "..", "containers", "nginx", "agent.yaml"), getenv)
	require.NoError(t, err)
	same := func(s string) string { return s }
	var a render.Applier
	a.Outputs, err = outputs(d, functions(daemon, getenv, func(string) string { return "/etc/certs/x" }, same))
	require.NoError(t, err)
	dir := filepath.Join(t.TempDir(), "files")
	require.NoError(t, a.Open(dir))
	list := func(key string, values ...map[string]any) []rows.Row {
		if values == nil {
			return []rows.Row{}
		}
		text, err := json.Marshal(values)
		require.NoError(t, err)
		out, err := rows.Parse(text, key)
		require.NoError(t, err)
		return out
	}
	var all []map[string]any
	for key, value := range settings {
		all = append(all, map[string]any{"key": key, "value": value})
	}
	_, err = a.Apply(t.Context(), rows.Set{
		"domains": list("name", domain), "settings": list("key", all...), "services": list("name"), "certificates": list(""),
	})
	require.NoError(t, err)
	var text strings.Builder
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		text.Write(content)
		return err
	}))
	return text.String()
}

// nginxDirectives reads a configuration as nginx does, and gives the first word of each directive.
func nginxDirectives(t *testing.T, text string) []string {
	t.Helper()
	var out []string
	first, depth := true, 0
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case strings.ContainsRune(" \t\r\n", rune(c)):
			i++
			continue
		case c == '#':
			for i < len(text) && text[i] != '\n' {
				i++
			}
			continue
		case c == ';', c == '{', c == '}':
			depth += strings.Count("{", string(c)) - strings.Count("}", string(c))
			require.GreaterOrEqual(t, depth, 0, text)
			first = true
			i++
			continue
		}
		begin := i
		if c == '"' || c == '\'' {
			for i++; i < len(text) && text[i] != c; i++ {
				if text[i] == '\\' {
					i++
				}
			}
			i++
		} else {
			for i < len(text) && !strings.ContainsRune(" \t\r\n;{", rune(text[i])) {
				i++
			}
		}
		require.LessOrEqual(t, i, len(text), "a quote does not end:\n%s", text)
		if first {
			out = append(out, text[begin:i])
		}
		first = false
	}
	require.Zero(t, depth, text)
	return out
}

// FuzzNginxFiles puts values of strangers into the files of nginx: no directive may come of them that is not there
// without them.
func FuzzNginxFiles(f *testing.F) {
	for _, seed := range []string{
		"/srv/www/x", "/srv/www/x\"; } server { listen 9; } #", "/srv/x\nautoindex on;", "/srv/$pair", `/srv/a\`, "/srv/{",
		"http://a:1", "http://a;b", "index.html", "a b", `"`, "600", "*",
	} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, root, value string) {
		known := nginxDirectives(t, nginxFiles(t, map[string]any{"name": "a.example.org", "web_root": "/srv/x"},
			map[string]any{"upstream": "http://a:1", "redirect": false, "hsts": 1}))
		known = append(known, "a.example.org")
		names := map[string]any{"a.example.org": value, value: value}
		for _, v := range []any{value, names, []any{value}} {
			text := nginxFiles(t, map[string]any{"name": "a.example.org", "web_root": root},
				map[string]any{"upstream": v, "redirect": v, "hsts": v, "index": v})
			for _, directive := range nginxDirectives(t, text) {
				assert.True(t, slices.Contains(known, directive), "%q comes of %q and %q", directive, root, value)
			}
		}
	})
}

func TestNginxFiles(t *testing.T) {
	t.Parallel()
	text := nginxFiles(t, map[string]any{"name": "a.example.org", "web_root": nil}, nil)
	assert.Contains(t, text, "a.example.org a.example.org;")
	assert.Contains(t, text, `a.example.org "/etc/certs/x";`)
	assert.NotContains(t, text, "server_name a.example.org;", "it does as all others do")

	text = nginxFiles(t, map[string]any{"name": "a.example.org", "web_root": "/srv/it's $5"},
		map[string]any{"upstream": map[string]any{"*": "apache"}, "redirect": false})
	assert.Contains(t, text, `a.example.org "/srv/it's ${dollar}5";`)
	assert.Equal(t, 2, strings.Count(text, "server_name a.example.org;"))
	assert.Contains(t, text, `set $upstream "http://apache:8080";`)
}

func TestNginxFiles_speak_HTTP2_as_each_version_is_told(t *testing.T) {
	t.Parallel()
	domain, settings := map[string]any{"name": "a.example.org", "web_root": nil}, map[string]any{"index": "x.html"}
	text := nginxFilesOf(t, version{1, 22, 1}, domain, settings)
	assert.Contains(t, text, " ssl http2 default_server;")
	assert.NotContains(t, text, "http2 on;")

	text = nginxFilesOf(t, version{1, 26, 3}, domain, settings)
	assert.Contains(t, text, " ssl default_server;")
	assert.Equal(t, 2, strings.Count(text, "http2 on;"), "also the site that has a server of its own")
}
