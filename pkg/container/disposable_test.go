package container_test

import (
	"cmp"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/session"
)

// api is an engine's API as far as one disposable container needs it, on a socket of its own. It keeps what it
// was asked for.
type api struct {
	socket string
	fails  string // path suffix of requests that are answered with status 500

	mu      sync.Mutex
	asked   []string
	name    string // of the container while it exists
	created struct {
		Image      string
		Env        []string
		Labels     map[string]string
		User       string
		HostConfig struct {
			PublishAllPorts bool
			PortBindings    map[string][]struct{ HostIp, HostPort string } //nolint:revive // as the engines spell it
			Tmpfs           map[string]string
			Binds           []string
			NetworkMode     string
		}
	}
}

const disposableImage = "localhost/poststack/postgres:1"

// serveAPI answers until the test ends.
func serveAPI(t *testing.T, fails string) *api {
	t.Helper()
	a := &api{socket: filepath.Join(t.TempDir(), "engine.sock"), fails: fails}
	l, err := net.Listen("unix", a.socket)
	require.NoError(t, err)
	s := httptest.NewUnstartedServer(a)
	_ = s.Listener.Close()
	s.Listener = l
	s.Start()
	t.Cleanup(s.Close)
	return a
}

// Info is part of container.Server.
func (a *api) Info() engine.Info { return engine.Info{APIVersion: "1.41"} }

// Guard is part of container.Server.
func (a *api) Guard() error { return nil }

// Endpoint is part of container.Server.
func (a *api) Endpoint(context.Context) (string, error) { return "unix://" + a.socket, nil }

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	w.Header().Set("Connection", "close")
	path := strings.TrimPrefix(r.URL.Path, "/v1.41")
	a.asked = append(a.asked, r.Method+" "+path)
	known := path == "/containers/c1/json" || a.name != "" && path == "/containers/"+a.name
	switch {
	case a.fails != "" && strings.HasSuffix(path, a.fails):
		http.Error(w, `{"message":"it does not work"}`, http.StatusInternalServerError)
	case path == "/images/"+disposableImage+"/json":
		_, _ = w.Write([]byte(`{"Id":"sha256:1"}`))
	case path == "/containers/create":
		a.name = cmp.Or(r.URL.Query().Get("name"), "one_that_the_engine_chose")
		_ = json.NewDecoder(r.Body).Decode(&a.created)
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write([]byte(`{"Id":"c1"}`))
	case r.Method == http.MethodPost && path == "/containers/c1/start":
		w.WriteHeader(http.StatusNoContent)
	case r.Method == http.MethodGet && known:
		_, _ = w.Write([]byte(`{"Id":"c1","Name":"/x","State":{"Running":true},
			"NetworkSettings":{"Ports":{"5432/tcp":[{"HostIp":"127.0.0.1","HostPort":"40001"}]}}}`))
	case r.Method == http.MethodDelete && (known || path == "/containers/c1"):
		a.name = ""
		w.WriteHeader(http.StatusNoContent)
	default:
		http.Error(w, `{"message":"no such thing"}`, http.StatusNotFound)
	}
}

// left tells whether the container still exists.
func (a *api) left() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.name != ""
}

func TestStartDisposable(t *testing.T) {
	t.Parallel()
	a := serveAPI(t, "")
	d, err := container.StartDisposable(t.Context(), a, container.DisposableSpec{
		Image: disposableImage, Env: map[string]string{"A": "b"},
		Ports: []uint16{5432}, Volumes: map[string]string{"v": "/data"}, Locked: map[string]string{"c": "/etc/certs"},
		Tmpfs:   []engine.Tmpfs{{Path: "/tmp"}},
		Network: "n",
	})
	require.NoError(t, err)
	assert.Equal(t, engine.ContainerID("c1"), d.ID())
	assert.Equal(t, "127.0.0.1:40001", d.Address(5432))
	assert.Equal(t, disposableImage, a.created.Image)
	assert.Equal(t, []string{"A=b"}, a.created.Env)
	assert.Equal(t, map[string]string{container.LabelDisposable: "true", container.LabelSession: session.Name()},
		a.created.Labels)
	assert.False(t, a.created.HostConfig.PublishAllPorts)
	for _, b := range a.created.HostConfig.PortBindings["5432/tcp"] {
		assert.Equal(t, "127.0.0.1", b.HostIp, "nothing is published beyond this machine")
	}
	assert.Equal(t, []string{"v:/data", "c:/etc/certs:ro"}, a.created.HostConfig.Binds)
	assert.Equal(t, "n", a.created.HostConfig.NetworkMode)
	assert.Equal(t, map[string]string{"/tmp": "rw,nosuid,nodev,noexec,mode=1777"}, a.created.HostConfig.Tmpfs)

	require.NoError(t, d.Close())
	assert.False(t, a.left())
}

func TestStartDisposable_failure(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		image engine.Ref
		fails string
		want  string
	}{
		"an image that is not there is " +
			"not pulled": {"localhost/poststack/other:1", "", `inspect image "localhost/poststack/other:1"`},
		"a container that cannot be made": {disposableImage, "/create", `run image "` + disposableImage},
		"a container that does not start": {disposableImage, "/start", `run image "` + disposableImage},
	} {
		t.Run(name+" leaves nothing", func(t *testing.T) {
			t.Parallel()
			a := serveAPI(t, tc.fails)
			_, err := container.StartDisposable(t.Context(), a, container.DisposableSpec{Image: tc.image})
			require.ErrorContains(t, err, tc.want)
			assert.False(t, a.left(), a.asked)
			assert.NotContains(t, a.asked, "POST /images/create")
		})
	}
}

func TestDisposable_Close_failure(t *testing.T) {
	t.Parallel()
	a := serveAPI(t, "")
	d, err := container.StartDisposable(t.Context(), a, container.DisposableSpec{Image: disposableImage})
	require.NoError(t, err)
	a.mu.Lock()
	a.fails = "/c1"
	a.mu.Unlock()
	assert.ErrorContains(t, d.Close(), "remove container")
	_, err = d.Exec("true")
	assert.ErrorContains(t, err, `exec "true": `)
}
