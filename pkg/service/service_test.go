package service_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/image"
	"github.com/poststack/poststack/pkg/service"
)

// shop declares a service that no image of the checkout runs.
func shop() image.Service {
	return image.Service{
		Capabilities: []string{"NET_BIND_SERVICE"}, Memory: 256,
		Ports:       []image.ServicePort{{Port: 80, Host: 8080}, {Port: 443, Host: 8443}},
		Volumes:     []image.ServiceVolume{{Name: "goods", Path: "/srv/goods"}},
		Secrets:     []image.ServiceSecret{{Name: "token", Path: "/run/secrets/token", Owner: "33:44"}},
		Environment: map[string]string{"DOMAIN": "shop.${domain}", "PRICE": "$5"},
		Lenient:     []string{"DOMAIN"},
	}
}

func stack() service.Stack {
	return service.Stack{Name: "s", Owner: container.Owner{Stack: "s", ID: "me"}, Setting: func(key string) (string, bool) {
		value, known := map[string]string{"domain": "example.org"}[key]
		return value, known
	}}
}

func TestDeclare(t *testing.T) {
	t.Parallel()
	got, err := stack().Declare("shop", shop(), service.Run{
		Image: "shop:1", Ports: map[uint16]uint16{80: 8081, 443: 8443}, Secrets: map[string][]byte{"token": []byte("x")},
	})
	require.NoError(t, err)
	assert.Equal(t, "shop", got.Role)
	assert.Equal(t, []string{"DOMAIN"}, got.Unhashed)
	assert.Equal(t, engine.ContainerSpec{
		Name: "poststack-s-shop", Image: "shop:1", Network: "poststack-s", Aliases: []string{"shop"},
		Confinement: engine.Confinement{Confined: true, Capabilities: []string{"NET_BIND_SERVICE"}, Processes: 2048, Memory: 256 << 20},
		Mounts:      []engine.Mount{{Volume: "poststack-s-goods", Target: "/srv/goods"}},
		Ports:       []engine.Port{{Container: 80, HostIP: "127.0.0.1", Host: 8081}, {Container: 443, HostIP: "127.0.0.1", Host: 8443}},
		Files:       []engine.File{{Path: "/run/secrets/token", Mode: 0o400, UID: 33, GID: 44, Content: []byte("x")}},
		Env:         map[string]string{"DOMAIN": "shop.example.org", "PRICE": "$5"},
	}, got.Spec)
}

func TestDeclare_refuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(*image.Service)
		says   string
	}{
		"an unknown setting":   {func(s *image.Service) { s.Environment["X"] = "${nope}" }, `declare service "shop": X: ${nope} is not a setting`},
		"a secret nobody made": {func(s *image.Service) { s.Secrets[0].Name = "other" }, `declare service "shop": its secret "other" has no value`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := shop()
			tc.change(&d)
			_, err := stack().Declare("shop", d, service.Run{Secrets: map[string][]byte{"token": nil}})
			require.ErrorContains(t, err, tc.says)
		})
	}
}
