package engine_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/moby/client"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/trace"
	"github.com/poststack/poststack/pkg/trace/tracetest"
)

// TestOpen_traces opens a docker that answers its first question and refuses all others.
func TestOpen_traces(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(shortDir(t), "s")
	l, err := net.Listen("unix", socket)
	require.NoError(t, err)
	server := &httptest.Server{
		Listener: l, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Api-Version", "1.44")
			if !strings.HasSuffix(r.URL.Path, "/_ping") {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		})},
	}
	server.Start()
	defer server.Close()
	recorder, ctx := tracetest.Record(t)
	o := options(t, map[string]string{"DOCKER_HOST": "unix://" + socket}, "docker")
	o.Want = "docker"
	_, err = engine.Open(trace.Lane(ctx, "build:base"), o)
	require.Error(t, err)
	_, err = engine.Open(t.Context(), o)
	require.Error(t, err, "nobody records this one")
	o = options(t, map[string]string{"DOCKER_HOST": "unix://" + socket + ".gone"}, "docker")
	o.Want = "docker"
	_, err = engine.Open(trace.Lane(ctx, "db:start"), o)
	require.Error(t, err)

	all := tracetest.Written(t, recorder)
	pings := all.Find("HEAD /_ping")
	require.Len(t, pings, 2)
	assert.NotEmpty(t, pings[1].Args["failed"], "nobody has answered")
	ping := pings[0]
	assert.Equal(t, trace.API, ping.Category)
	assert.InDelta(t, 200, ping.Args["status"], 0)
	assert.Equal(t, "build:base (work)", all.Lane(ping))
	refused := all.One(t, "GET /version")
	assert.Equal(t, map[string]any{"request": "GET /v1.44/version", "status": 503.0}, refused.Args)
}

// TestNewClient_dials has a client keep the dialer that it is given, as that of podman's service is.
func TestNewClient_dials(t *testing.T) {
	t.Parallel()
	dialled := errors.New("dialled")
	api, err := engine.NewClient("unix:///nowhere",
		client.WithDialContext(func(context.Context, string, string) (net.Conn, error) {
			return nil, dialled
		}))
	require.NoError(t, err)
	defer func() { _ = api.Close() }()
	_, err = api.Ping(t.Context(), client.PingOptions{})
	require.ErrorContains(t, err, dialled.Error())
}

func TestRequestName(t *testing.T) {
	t.Parallel()
	id := strings.Repeat("0123456789abcdef", 4)
	for name, want := range map[string]string{
		"GET /_ping":                                     "GET /_ping",
		"GET /v1.41/containers/json":                     "GET /containers/json",
		"POST /v1.41/containers/" + id + "/wait":         "POST /containers/0123456789ab/wait",
		"GET /v1.41/images/sha256:" + id + "/json":       "GET /images/sha256:0123456789ab/json",
		"GET /v1.41/images/localhost/v1.2/x:latest/json": "GET /images/localhost/v1.2/x:latest/json",
	} {
		assert.Equal(t, want, engine.RequestName(name))
	}
}
