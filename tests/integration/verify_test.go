package integration_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/image"
	"github.com/poststack/poststack/pkg/verify"
)

// verifier keeps what a verification has started, and fails the test when something of it is left.
type verifier struct {
	*engine.Engine
	containers []engine.ContainerID
	networks   []string
	volumes    []string
}

func (v *verifier) NetworkCreate(ctx context.Context, name string, o engine.NetworkOptions) error {
	v.networks = append(v.networks, name)
	return v.Engine.NetworkCreate(ctx, name, o)
}

func (v *verifier) VolumeCreate(ctx context.Context, name string, labels map[string]string) error {
	v.volumes = append(v.volumes, name)
	return v.Engine.VolumeCreate(ctx, name, labels)
}

func (v *verifier) ContainerCreate(ctx context.Context, spec engine.ContainerSpec) (engine.ContainerID, error) {
	id, err := v.Engine.ContainerCreate(ctx, spec)
	v.containers = append(v.containers, id)
	return id, err
}

// verifyImage verifies d on an engine and checks that nothing is left.
func verifyImage(
	ctx context.Context, t *testing.T, kind engine.Kind, d image.Definition, r event.Reporter,
) ([]verify.Result, error) {
	t.Helper()
	v := &verifier{Engine: enginetest.Open(t, kind)}
	start := func(ctx context.Context, spec container.DisposableSpec) (verify.Disposable, error) {
		box, err := container.StartDisposable(ctx, v.Engine, spec)
		if err != nil {
			return nil, err
		}
		v.containers = append(v.containers, box.ID())
		return box, nil
	}
	results, err := verify.Image(ctx,
		verify.Options{Engine: v, Start: start, Image: d, Ref: image.LatestRef(d.Name), Report: r})
	look := context.WithoutCancel(ctx)
	assert.NotEmpty(t, v.containers)
	for _, id := range v.containers {
		_, err := v.ContainerInspect(look, string(id))
		assert.ErrorIs(t, err, engine.ErrNotFound, "a container is left")
	}
	for _, name := range v.networks {
		_, err := v.NetworkInspect(look, name)
		assert.ErrorIs(t, err, engine.ErrNotFound, "a network is left")
	}
	for _, name := range v.volumes {
		_, err := v.VolumeInspect(look, name)
		assert.ErrorIs(t, err, engine.ErrNotFound, "a volume is left")
	}
	return results, err
}

// serving is the base image with a command that serves, and checks of it.
func serving(command []string, checks ...image.Check) image.Definition {
	return image.Definition{
		Name: "base-debian", User: "root", Stop: image.Stop{Signal: "SIGINT", Timeout: 10 * time.Second},
		Runtime: image.Runtime{Ready: 20 * time.Second, Start: image.Start{Command: command}, Checks: checks},
	}
}

func result(t *testing.T, results []verify.Result, check string) verify.Result {
	t.Helper()
	for _, r := range results {
		if r.Check == check {
			return r
		}
	}
	require.Fail(t, "no such check", "%s among %v", check, results)
	return verify.Result{}
}

func TestVerify_broken_list(t *testing.T) {
	t.Parallel()
	enginetest.ForEach(t, func(t *testing.T, kind engine.Kind) {
		t.Parallel()
		d := serving([]string{"bash", "-c", "echo hello; trap 'exit 5' INT; sleep infinity & wait"},
			image.Check{Line: 8, Exec: &image.ExecCheck{Run: []string{"true"}}},
			image.Check{Line: 9, File: &image.FileCheck{Path: "/etc/passwd", Type: "file", Owner: "root:root", Mode: "0600"}},
			image.Check{Line: 10, Process: &image.ProcessCheck{Name: "cron", User: "root"}},
			image.Check{Line: 11, Command: &image.CommandCheck{Run: []string{"false"}}})
		d.Runtime.Start.Volumes = []string{"/data/work"}
		d.Runtime.Start.Certificate = &image.Certificate{Path: "/run/x", Owner: "1:1", Mode: "0640"}
		results, err := verifyImage(t.Context(), t, kind, d, event.Reporter{})
		var failed *verify.Error
		require.ErrorAs(t, err, &failed)
		assert.Equal(t, "regular file, root:root, 644", result(t, results, "file /etc/passwd").Seen)
		assert.ErrorContains(t, err, `verify image "base-debian": containers/base-debian/image.yaml:9: file /etc/passwd: `+
			`expected regular file, root:root, 0600, seen: regular file, root:root, 644`)
		assert.ErrorContains(t, err, "image.yaml:10: process cron")
		assert.ErrorContains(t, err, "image.yaml:11: command false: expected status 0, seen: status 1")
		assert.ErrorContains(t, err, "stop: expected SIGINT: status 0 within 10s, seen: status 5 after")
		assert.Equal(t, []string{"the last lines of base-debian:", "hello"}, failed.Details())
	})
}

// busy is a web server that answers 503 until it has been asked as often as its first argument says.
const busy = `
import http.server, signal, ssl, sys
left = int(sys.argv[1])
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        global left
        left -= 1
        self.send_response(503 if left >= 0 else 200)
        self.end_headers()
server = http.server.HTTPServer(("", 8080), Handler)
if len(sys.argv) > 2:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[2] + "/fullchain.pem", sys.argv[2] + "/privkey.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
signal.signal(signal.SIGINT, lambda *a: sys.exit(0))
server.serve_forever()
`

func TestVerify_http(t *testing.T) {
	t.Parallel()
	plain := image.Check{Line: 5, HTTP: &image.HTTPCheck{Port: 8080, Path: "/up"}}
	enginetest.ForEach(t, func(t *testing.T, kind engine.Kind) {
		t.Parallel()
		t.Run("a server that comes up with 503 is awaited", func(t *testing.T) {
			results, err := verifyImage(t.Context(), t, kind,
				serving([]string{"python3", "-uc", busy, "3"}, plain, image.Check{TCP: &image.TCPCheck{Port: 8080}}),
				event.Reporter{})
			require.NoError(t, err)
			assert.Contains(t, result(t, results, "http 8080 /up").Seen, "answers after")
		})
		t.Run("one that stays so is told by its last answer", func(t *testing.T) {
			d := serving([]string{"python3", "-uc", busy, "100000"}, plain)
			d.Runtime.Ready = 4 * time.Second
			results, err := verifyImage(t.Context(), t, kind, d, event.Reporter{})
			require.Error(t, err)
			seen := result(t, results, "http 8080 /up").Seen
			assert.Contains(t, seen, "it is not ready within 4s; its last answer: status is 503 Service Unavailable")
			assert.Regexp(t, `^wait for http://127\.0\.0\.1:\d+/up `, seen)
		})
		t.Run("TLS is trusted by the certificate of the volume", func(t *testing.T) {
			d := serving([]string{"python3", "-uc", busy, "0", "/etc/certs"},
				image.Check{HTTP: &image.HTTPCheck{Port: 8080, Path: "/", TLS: true}})
			d.Runtime.Start.Certificate = &image.Certificate{Path: "/etc/certs", Owner: "9999:9999", Mode: "0640"}
			_, err := verifyImage(t.Context(), t, kind, d, event.Reporter{})
			require.NoError(t, err)
		})
		t.Run("a port on which nobody listens takes no connection, whatever the engine's proxy says", func(t *testing.T) {
			d := serving([]string{"bash", "-c", "trap 'exit 0' INT; sleep infinity & wait"},
				image.Check{TCP: &image.TCPCheck{Port: 8080}})
			d.Runtime.Ready = 2 * time.Second
			results, err := verifyImage(t.Context(), t, kind, d, event.Reporter{})
			require.Error(t, err)
			assert.Regexp(t, "connection refused|taken and closed at once|connection reset|i/o timeout",
				result(t, results, "tcp 8080").Seen)
		})
	})
}

func TestVerify_wait_ends_when_the_container_does(t *testing.T) {
	t.Parallel()
	enginetest.ForEach(t, func(t *testing.T, kind engine.Kind) {
		t.Parallel()
		d := serving([]string{"bash", "-c", "echo broken >&2; sleep 1; exit 7"},
			image.Check{Line: 3, HTTP: &image.HTTPCheck{Port: 8080, Path: "/"}})
		d.Runtime.Ready = 5 * time.Minute
		results, err := verifyImage(t.Context(), t, kind, d, event.Reporter{})
		var failed *verify.Error
		require.ErrorAs(t, err, &failed)
		got := result(t, results, "http 8080 /")
		assert.Contains(t, got.Seen, "the container exited with status 7")
		assert.Less(t, got.Seconds, 30.0, "nothing is awaited of a container that has exited")
		assert.Equal(t, []string{"broken"}, failed.Log)
	})
}

func TestVerify_cancelled_leaves_nothing(t *testing.T) {
	t.Parallel()
	enginetest.ForEach(t, func(t *testing.T, kind engine.Kind) {
		t.Parallel()
		ctx, cancel := context.WithCancelCause(t.Context())
		d := serving([]string{"sleep", "infinity"}, image.Check{Exec: &image.ExecCheck{Run: []string{"false"}}})
		d.Runtime.Start.Volumes = []string{"/data/work"}
		d.Runtime.Start.Certificate = &image.Certificate{Path: "/etc/certs", Owner: "9999:9999", Mode: "0640"}
		sink := event.Sink(func(event.Event) { time.AfterFunc(2*time.Second, func() { cancel(context.Canceled) }) })
		_, err := verifyImage(ctx, t, kind, d, sink.For("verify:base"))
		require.ErrorIs(t, err, context.Canceled)
	})
}
