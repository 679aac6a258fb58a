package agent

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/agent/declaration"
	"github.com/poststack/poststack/pkg/agent/render"
	"github.com/poststack/poststack/pkg/agent/rows"
)

// bindFiles renders the files of containers/bind, and gives where they are.
func bindFiles(t *testing.T, set map[string][]map[string]any) string {
	t.Helper()
	same := func(s string) string { return s }
	none := func(string) string { return "" }
	d, err := declaration.Load(filepath.Join("..", "..", "containers", "bind", "agent.yaml"), none)
	require.NoError(t, err)
	var a render.Applier
	a.Outputs, err = outputs(d, functions(version{9, 18}, none, none, same))
	require.NoError(t, err)
	dir := filepath.Join(t.TempDir(), "files")
	require.NoError(t, a.Open(dir))
	all := rows.Set{"zones": {}, "challenges": {}, "settings": {}}
	for query, list := range set {
		text, err := json.Marshal(list)
		require.NoError(t, err)
		all[query], err = rows.Parse(text,
			map[string]string{"settings": "key"}[query]+map[string]string{"zones": "name"}[query])
		require.NoError(t, err)
	}
	_, err = a.Apply(t.Context(), all)
	require.NoError(t, err)
	return dir
}

func TestBindZones(t *testing.T) {
	t.Parallel()
	zone := func(name, kind string) map[string]any {
		return map[string]any{
			"name": name, "kind": kind, "primaries": []string{"192.0.2.53"}, "primary_ns": "ns1.example.net",
			"hostmaster": "a@example.org", "serial": 7,
			"refresh": 86400, "retry": 7200, "expire": 3600000, "minimum": 3600, "default_ttl": 172800, "challenges": []any{},
			"records": []any{
				map[string]any{"id": 1, "name": "a", "type": "A", "content": "192.0.2.1", "priority": nil, "ttl": 604800},
			},
		}
	}
	dir := bindFiles(t, map[string][]map[string]any{
		"zones": {zone("plain.example", "primary"), zone("second.example", "secondary"), zone("signed.example", "primary")},
		"settings": {
			{"key": "dnssec", "value": map[string]any{"signed.example": true}},
			{"key": "primaries_port", "value": 5353},
			{"key": "secondaries", "value": map[string]any{"*": []any{"192.0.2.7", "[2001:db8::7]:5353"}}},
		},
	})
	read := func(path string) string {
		text, err := os.ReadFile(filepath.Join(dir, path))
		require.NoError(t, err)
		return string(text)
	}
	assert.Contains(t, read("zones/plain.example"), "$TTL 172800\n")
	assert.Contains(t, read("zones/plain.example"), "a 604800 IN A 192.0.2.1 ; row 1\n")
	assert.Regexp(t, `^\$ORIGIN signed\.example\.\n\$TTL 86400\n@ IN SOA `,
		read("zones/signed.example"), "BIND would not load it with more than a day")
	assert.Contains(t, read("zones/signed.example"), "a 86400 IN A 192.0.2.1 ; row 1\n")
	conf := read("zones.conf")
	assert.Contains(t, conf, "primaries { 192.0.2.53 port 5353; };")
	assert.Contains(t, conf, "allow-transfer { 192.0.2.7; 2001:db8::7; };")
	assert.Contains(t, conf, "also-notify { 192.0.2.7; 2001:db8::7 port 5353; };")
}
