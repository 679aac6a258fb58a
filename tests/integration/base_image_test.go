package integration_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
	"github.com/poststack/poststack/pkg/image"
)

const baseImage engine.Ref = "localhost/poststack/base-debian:latest"

// runOnce runs a shell script in a new container of the base image and returns what it printed.
func runOnce(t *testing.T, e *engine.Engine, script string) string {
	t.Helper()
	id, err := e.ContainerCreate(t.Context(), engine.ContainerSpec{
		Image: baseImage, Command: []string{"bash", "-c", script}, Labels: container.DisposableLabels(),
	})
	require.NoError(t, err)
	defer func() { assert.NoError(t, e.ContainerRemove(context.WithoutCancel(t.Context()), id)) }()
	require.NoError(t, e.ContainerStart(t.Context(), id))
	code, err := e.ContainerWait(t.Context(), id)
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, e.ContainerLogs(t.Context(), id, engine.LogOptions{}, &out, &out))
	require.Zero(t, code, "%s printed:\n%s", script, out.String())
	return strings.TrimSpace(out.String())
}

func TestBaseImage(t *testing.T) {
	t.Parallel()
	for _, kind := range enginetest.Kinds(t) {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			e := enginetest.Open(t, kind)
			for _, test := range []struct{ name, script, want string }{
				{
					"the certificate user and group have their numbers",
					"id certuser; getent group certgroup; getent passwd certuser | cut -d: -f6,7",
					"uid=9999(certuser) gid=9999(certgroup) groups=9999(certgroup)\ncertgroup:x:9999:\n/nonexistent:/usr/sbin/nologin",
				},
				{"certificates belong to that user", "stat -c '%U:%G %a' /etc/certs", "certuser:certgroup 755"},
				{
					"python is that of the virtual environment",
					"python3 -c 'import sys; print(sys.prefix)'; bash -lc 'command -v pip'", "/data/.venv\n/data/.venv/bin/pip",
				},
				{
					"pip works",
					"/data/.venv/bin/pip --version >/dev/null && python3 -m pip list --format=freeze | grep -c ^pip=", "1",
				},
				{
					"another virtual environment can be made",
					"python3 -m venv /tmp/x && /tmp/x/bin/pip --version | cut -d' ' -f1", "pip",
				},
				{"the tools are there", "for t in curl openssl bash ps top ss ip ping nc drill lsof strace less vi killall; do " +
					"command -v $t >/dev/null || echo $t is missing; done", ""},
				{"certificate authorities are known", "test -s /etc/ssl/certs/ca-certificates.crt && echo yes", "yes"},
				{"apt has left nothing", "ls -A /var/lib/apt/lists /var/cache/apt | grep -v '^/\\|^$\\|^partial$\\|^archives$'; " +
					"find /var/cache/apt /var/lib/apt/lists -type f", ""},
				{"there are no manuals and translations", "ls -A /usr/share/man /usr/share/locale 2>/dev/null | grep -v " +
					"'^/\\|^$'; find /usr/share/doc -type f ! -name copyright", ""},
			} {
				t.Run(test.name, func(t *testing.T) {
					assert.Equal(t, test.want, runOnce(t, e, test.script+"; true"))
				})
			}
			t.Run("it is small", func(t *testing.T) {
				img, err := e.ImageInspect(t.Context(), baseImage)
				require.NoError(t, err)
				assert.LessOrEqual(t, img.SizeBytes, int64(200_000_000))
			})
		})
	}
}

// What image.yaml says of a variable's default is what the image has; one that it does not set has none there.
func TestImages_documentedEnvironment(t *testing.T) {
	t.Parallel()
	catalogue, err := image.LoadCatalogue("../../containers")
	require.NoError(t, err)
	for _, kind := range enginetest.Kinds(t) {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			e := enginetest.Open(t, kind)
			for _, name := range []string{"base-debian", "postgres"} {
				definition, err := catalogue.Get(name)
				require.NoError(t, err)
				img, err := e.ImageInspect(t.Context(), engine.Ref("localhost/poststack/"+name+":latest"))
				require.NoError(t, err)
				has := map[string]string{}
				for _, entry := range img.Env {
					key, value, _ := strings.Cut(entry, "=")
					has[key] = value
				}
				for _, variable := range definition.Environment {
					if value, ok := has[variable.Name]; ok {
						assert.Equal(t, variable.Default, value, "%s of %s", variable.Name, name)
					}
					assert.NotEmpty(t, variable.Help, "%s of %s", variable.Name, name)
				}
			}
		})
	}
}
