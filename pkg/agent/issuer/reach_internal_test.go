package issuer

import (
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestReach(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/dir":
			_, _ = w.Write([]byte(`{"newNonce": "https://ca/nonce", "newOrder": "https://ca/order"}`))
		case "/page":
			_, _ = w.Write([]byte("<html>"))
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close)
	dir := t.TempDir()
	root, roots := filepath.Join(dir, "root.pem"), filepath.Join(dir, "roots.pem")
	require.NoError(t,
		os.WriteFile(root, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600))
	require.NoError(t, os.WriteFile(roots, nil, 0o600))
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	for name, tc := range map[string]struct {
		directory, root string
		well            bool
		seen, remedy    string
	}{
		"all is well": {server.URL + "/dir", root, true, "it gives its directory, and is trusted", ""},
		"nobody trusts it": {
			server.URL + "/dir", "", false, "of an authority that nobody here trusts", "set acme.root to the file",
		},
		"another page": {server.URL + "/page", root, false, "is no directory of an ACME authority", "set acme.directory"},
		"no page":      {server.URL + "/none", root, false, "it answers with 404 Not Found", "set acme.directory"},
		"another name": {
			"https://localhost:" + port(t, server.URL) + "/dir", root, false, "not localhost", "for the name in acme.directory",
		},
		"nobody is there": {
			"https://" + closed.Addr().String() + "/dir", root, false,
			"connection refused", "let containers of the stack's network reach",
		},
		"nobody knows it": {"https://ca.invalid/dir", root, false, "", "acme.directory|stack's network"},
	} {
		got := Options{Directory: tc.directory, Root: tc.root}.Reach(t.Context(), Paths{Roots: roots}, nil)
		assert.Equal(t, tc.well, got.Well, "%s: %s", name, got.Seen)
		assert.Contains(t, got.Seen, "asked "+tc.directory, name)
		assert.Contains(t, got.Seen, tc.seen, name)
		assert.Regexp(t, tc.remedy, got.Remedy, name)
		assert.Equal(t, tc.well, got.Remedy == "", name)
	}
}

func port(t *testing.T, address string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(address[len("https://"):])
	require.NoError(t, err)
	return port
}
