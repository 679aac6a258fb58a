package agent

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/agent/declaration"
	"github.com/poststack/poststack/pkg/agent/render"
	"github.com/poststack/poststack/pkg/agent/rows"
)

// dovecotLeavesOut renders the files of containers/dovecot with one setting, and tells whether that cannot be used.
func dovecotLeavesOut(t *testing.T, key, value string) bool {
	t.Helper()
	getenv := func(name string) string {
		return map[string]string{"DOMAIN": "example.org", "CERT_PATH": "/etc/certs"}[name]
	}
	d, err := declaration.Load(filepath.Join("..", "..", "containers", "dovecot", "agent.yaml"), getenv)
	require.NoError(t, err)
	same := func(s string) string { return s }
	var a render.Applier
	a.Outputs, err = outputs(d, functions(version{2, 3, 19}, getenv, same, same))
	require.NoError(t, err)
	require.NoError(t, a.Open(filepath.Join(t.TempDir(), "files")))
	settings, err := json.Marshal([]any{map[string]any{"key": key, "value": json.RawMessage(value), "service": "dovecot"}})
	require.NoError(t, err)
	list, err := rows.Parse(settings, "key")
	require.NoError(t, err)
	res, err := a.Apply(t.Context(), rows.Set{"settings": list, "names": {}, "locks": {}, "certificates": {}})
	require.NoError(t, err)
	return len(res.LeftOut) > 0
}

func TestDovecotSettings(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		key, value string
		leftOut    bool
	}{
		{"quota", `1000000`, false},
		{"quota", `10737418240`, false}, // 10 GiB
		{"quota", `{"example.org": 10737418240, "*": 0}`, false},
		{"quota", `1000000000000000000`, false}, // the query takes no more
		{"quota", `1000000000000000001`, true},
		{"quota", `-1`, true},
		{"quota", `1.5`, true},
		{"quota", `"5G"`, true},
		{"quota", `{"*": "5G"}`, true},
		{"auth_delay", `2`, false},
		{"auth_delay", `10737418240`, true},
	} {
		assert.Equal(t, tc.leftOut, dovecotLeavesOut(t, tc.key, tc.value), "%s %s", tc.key, tc.value)
	}
}
