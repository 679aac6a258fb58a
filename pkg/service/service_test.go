package service_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/image"
	"github.com/poststack/poststack/pkg/service"
)

// shop declares a service that no image of the checkout runs.
func shop(t *testing.T) image.Definition {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "shop.conf"), []byte("name ${domain}\n"), 0o600))
	return image.Definition{Name: "shop", Dir: dir, Service: &image.Service{
		Capabilities: []string{"NET_BIND_SERVICE"}, Memory: 256,
		Ports: []image.ServicePort{
			{Port: 80, Host: 8080}, {Port: 443, Host: 8443, Protocols: []string{"tcp", "udp"}}, {Port: 9000},
		},
		Volumes: []image.ServiceVolume{
			{Name: "goods", Path: "/srv/goods"}, {Name: "certs", Path: "/etc/certs", ReadOnly: true, Shared: true},
		},
		Files: []image.ServiceFile{
			{Source: "shop.conf", Path: "/etc/shop.conf", Expand: true},
			{Source: "shop.conf", Path: "/etc/raw", Owner: "1:2", Mode: "0640"},
		},
		ReadOnly: true, Groups: []int{9999},
		Tmpfs: []image.ServiceTmpfs{
			{Path: "/tmp"}, {Path: "/run/shop", Owner: "33:44", Size: 8}, {Path: "/run/other", Owner: "33:44", Mode: "0755"},
		},
		Secrets:     []image.ServiceSecret{{Name: "token", Path: "/run/secrets/token", Owner: "33:44"}},
		Environment: map[string]string{"DOMAIN": "shop.${domain}", "PRICE": "$5", "AT": "${domain}:${port.443}"},
		Lenient:     []string{"DOMAIN"},
		Rehearse:    []string{"shop", "try"},
	}}
}

func stack() service.Stack {
	return service.Stack{
		Name: "s", Owner: container.Owner{Stack: "s", ID: "me"}, Setting: func(key string) (string, bool) {
			value, known := map[string]string{"domain": "example.org"}[key]
			return value, known
		},
	}
}

func TestDeclare(t *testing.T) {
	t.Parallel()
	got, err := stack().Declare(shop(t), service.Run{
		Image: "shop:1", Listen: []string{"192.0.2.1"}, Ports: map[uint16]uint16{80: 8081, 443: 8443},
		Secrets: map[string][]byte{"token": []byte("x")},
	})
	require.NoError(t, err)
	assert.Equal(t, "shop", got.Role)
	assert.Equal(t, []string{"DOMAIN"}, got.Unhashed)
	assert.Equal(t, []string{"shop", "try"}, got.Rehearsal.Command)
	assert.Equal(t, engine.ContainerSpec{
		Name: "poststack-s-shop", Image: "shop:1", Network: "poststack-s", Aliases: []string{"shop"},
		Confinement: engine.Confinement{
			Confined: true, Capabilities: []string{"NET_BIND_SERVICE"}, Processes: 2048, Memory: 256 << 20,
		},
		Mounts: []engine.Mount{
			{Volume: "poststack-s-goods", Target: "/srv/goods"},
			{Volume: "poststack-s-certs", Target: "/etc/certs", ReadOnly: true},
		},
		Ports: []engine.Port{
			{Container: 80, HostIP: "192.0.2.1", Host: 8081},
			{Container: 443, HostIP: "192.0.2.1", Host: 8443},
			{Container: 443, Protocol: engine.UDP, HostIP: "192.0.2.1", Host: 8443},
		},
		Files: []engine.File{
			{Path: "/run/secrets/token", Mode: 0o400, UID: 33, GID: 44, Content: []byte("x")},
			{Path: "/etc/shop.conf", Mode: 0o444, Content: []byte("name example.org\n")},
			{Path: "/etc/raw", Mode: 0o640, UID: 1, GID: 2, Content: []byte("name ${domain}\n")},
		},
		ReadOnly: true, Groups: []int{9999},
		Tmpfs: []engine.Tmpfs{
			{Path: "/tmp"},
			{Path: "/run/shop", UID: 33, GID: 44, Mode: 0o700, Bytes: 8 << 20},
			{Path: "/run/other", UID: 33, GID: 44, Mode: 0o755},
		},
		Env: map[string]string{"DOMAIN": "shop.example.org", "PRICE": "$5", "AT": "example.org:8443"},
	}, got.Spec)
}

func TestDeclare_refuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(*image.Service)
		says   string
	}{
		"an unknown setting": {
			func(s *image.Service) { s.Environment["X"] = "${nope}" }, `declare service "shop": X: ${nope} is not a setting`,
		},
		"a secret nobody made": {
			func(s *image.Service) { s.Secrets[0].Name = "other" }, `declare service "shop": its secret "other" has no value`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := shop(t)
			tc.change(d.Service)
			_, err := stack().Declare(d, service.Run{Secrets: map[string][]byte{"token": nil}})
			require.ErrorContains(t, err, tc.says)
		})
	}
}
