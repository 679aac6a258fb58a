package e2e_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
	"github.com/poststack/poststack/tests/checkout"
)

// TestNginx chooses nginx in poststack.yaml and sets up: a site that is added to the tables is served.
func TestNginx(t *testing.T) {
	enginetest.AnyEngine(t)
	t.Parallel()
	enginetest.ForEach(t, func(t *testing.T, kind engine.Kind) {
		c := checkout.New(t, kind)
		e := enginetest.Open(t, kind)
		c.Write(t, "poststack.yaml", func(string) string { return "services: [nginx]\n" })
		assert.Contains(t, c.OK(t, "setup").Stderr, "nginx made, 8080 on 127.0.0.1:")
		name := "poststack-" + c.Stack(t) + "-nginx"
		nginx, err := e.ContainerInspect(t.Context(), name)
		require.NoError(t, err)
		require.NoError(t, e.ContainerCopyTo(t.Context(), nginx.ID, []engine.File{
			{Path: "/srv/www/shop.example.org/index.html", Mode: 0o644, Content: []byte("welcome to the shop")},
		}))
		status, _ := webSite(t, nginx, "shop.example.org")
		assert.Equal(t, http.StatusMisdirectedRequest, status, "nobody's yet")
		_, err = connect(t, c.URL(t)).Exec(t.Context(),
			`insert into domains (name, serves_web) values ('shop.example.org', true)`)
		require.NoError(t, err)
		require.Eventually(t, func() bool {
			status, page := webSite(t, nginx, "shop.example.org")
			return status == http.StatusOK && page == "welcome to the shop"
		}, time.Minute, 20*time.Millisecond)
		status, _ = webSite(t, nginx, "other.example.org")
		assert.Equal(t, http.StatusMisdirectedRequest, status)
		over := fmt.Sprintf("https://shop.example.org:%d/", published(nginx, 8443))
		require.Eventually(t, func() bool { // for a moment workers from before take connections, too
			return redirected(t, published(nginx, 8080), "shop.example.org") == over
		}, time.Minute, 20*time.Millisecond)
		assert.Contains(t, c.OK(t, "setup").Stderr, "nginx runs already")
		servicesTell(t, c)
		c.OK(t, "down")
		assert.Contains(t, c.OK(t, "setup").Stderr, "nginx started")
		require.Eventually(t, func() bool {
			status, _ := webSite(t, nginx, "shop.example.org")
			return status == http.StatusOK
		}, time.Minute, 20*time.Millisecond)
	})
}

// servicesTell asks how nginx is, and restarts it.
func servicesTell(t *testing.T, c *checkout.Checkout) {
	t.Helper()
	told := c.OK(t, "services:status").Stdout
	assert.Regexp(t, `nginx +state +serving; with rows of the database of `, told)
	assert.Regexp(t, `last change +insert \d+ in domains`, told)
	assert.Regexp(t, `nginx +serving +with rows of the database`, c.OK(t, "status").Stdout)
	r := c.Mage(t, asked(), "services:status", "status", "services:restart", "-of=nginx")
	require.Zero(t, r.Code, r.Stderr)
	require.Len(t, read(t, r.Stdout), 3)
	assert.Contains(t, c.Mage(t, nil, "services:status", "-of=nginx").Stdout, "serving")
	made := c.OK(t, "images", "-sbom=nginx").Stdout
	for _, of := range []string{"pkg:deb/debian/nginx@", "pkg:golang/github.com/jackc/pgx/v5@", "pkg:golang/std@"} {
		assert.Contains(t, made, of)
	}
}

// published is the port of this machine that a container's has.
func published(c engine.Container, port uint16) uint16 {
	for _, p := range c.Ports {
		if p.Container == port {
			return p.Host
		}
	}
	return 0
}

// redirected is where a name leads over HTTP, for those who come by a port of this machine.
func redirected(t *testing.T, port uint16, name string) string {
	t.Helper()
	client := http.Client{Timeout: 5 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/", port), nil)
	require.NoError(t, err)
	request.Host, request.Close = fmt.Sprintf("%s:%d", name, port), true
	answer, err := client.Do(request)
	if err != nil {
		return err.Error()
	}
	defer answer.Body.Close()
	return answer.Header.Get("Location")
}

// webSite asks nginx for the page of a name; 0 if it does not answer.
func webSite(t *testing.T, nginx engine.Container, name string) (status int, page string) {
	t.Helper()
	port := published(nginx, 8443)
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, // no authority has issued it yet
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, fmt.Sprintf("127.0.0.1:%d", port))
		},
	}}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+name+"/", nil)
	require.NoError(t, err)
	answer, err := client.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer.StatusCode, strings.TrimSpace(string(text))
}
