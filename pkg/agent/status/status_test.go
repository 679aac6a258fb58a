package status_test

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/agent/status"
)

func TestBoard_ServeHTTP(t *testing.T) {
	t.Parallel()
	b := status.NewBoard("certbot", filepath.Join(t.TempDir(), "status.json"), func(err error) { require.NoError(t, err) })
	ask := func() (int, string) {
		w := httptest.NewRecorder()
		b.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", http.NoBody))
		return w.Code, w.Body.String()
	}
	code, text := ask()
	assert.Equal(t, http.StatusServiceUnavailable, code)
	assert.Equal(t, "certbot does not serve: it is starting\n", text)
	b.Change(func(s *status.Status) { s.State, s.Connected = status.Serving, true })
	code, text = ask()
	assert.Equal(t, http.StatusOK, code)
	assert.Equal(t, "certbot serves, rows: none\n", text)
}
