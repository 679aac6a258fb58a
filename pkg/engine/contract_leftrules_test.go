package engine_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
)

// leftRules has the rules of a container's published port stand when it has ended or gone, as podman's netavark (1.4)
// may leave them: nobody is led astray by them.
func (s *suite) leftRules(ctx context.Context, t *testing.T) {
	e, ok := s.API.(*engine.Engine)
	require.True(t, ok)
	if info := e.Info(); info.Kind != engine.Podman || info.Rootless {
		t.Skip("docker looks after its rules, and rootless podman has none here")
	}
	spec := s.spec("serve", "7000", "first")
	spec.Network, spec.Ports = s.network(ctx, t), []engine.Port{{Container: 7000, HostIP: "127.0.0.1"}}
	first := s.start(ctx, t, spec)
	c, err := s.ContainerInspect(ctx, string(first))
	require.NoError(t, err)
	rules := enginetest.RulesOf(t, c)
	t.Cleanup(rules.Drop)
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(int(c.Ports[0].Host)))

	require.NoError(t, s.PortsClear(ctx, c.Ports))
	assert.Equal(t, "first", dial(ctx, t, address), "one that runs keeps its own")
	for _, was := range []string{"stopped", "started again by itself"} {
		require.NoError(t, s.ContainerStop(ctx, first, time.Second))
		rules.Put(t)
		if was == "stopped" {
			require.NoError(t, s.PortsClear(ctx, c.Ports))
			assert.NotContains(t, enginetest.NAT(t), string(first), was)
		}
		out, err := exec.CommandContext(ctx, "podman", "start", string(first)).CombinedOutput()
		require.NoError(t, err, string(out))
		if was != "stopped" {
			require.NoError(t, s.PortsClear(ctx, c.Ports))
		}
		assert.Equal(t, "first", dial(ctx, t, address), was)
	}
	require.NoError(t, s.ContainerRemove(ctx, first))
	rules.Put(t)
	spec.Ports = c.Ports
	for _, network := range []string{s.network(ctx, t), spec.Network} {
		spec.Name, spec.Network, spec.Command = s.fresh(), network, []string{"serve", "7000", network}
		id := s.start(ctx, t, spec)
		assert.Equal(t, network, dial(ctx, t, address))
		assert.NotContains(t, enginetest.NAT(t), string(first), "what it left has gone")
		require.NoError(t, s.ContainerRemove(ctx, id))
		rules.Put(t)
	}
	require.NoError(t, s.PortsClear(ctx, c.Ports))
}

// leftNames has what podman's name server knew of a container and of a network stand when they have gone, as a podman
// leaves it that was killed, or that could open no more files.
func (s *suite) leftNames(ctx context.Context, t *testing.T) {
	e, ok := s.API.(*engine.Engine)
	require.True(t, ok)
	const dir = "/run/containers/networks/aardvark-dns"
	info := e.Info()
	if _, err := os.Stat(dir); err != nil || info.Kind != engine.Podman || info.Rootless {
		t.Skip("only the netavark of root's podman has them here")
	}
	network := s.fresh()
	file := filepath.Join(dir, network)
	gone := strings.Repeat("e", 64)
	require.NoError(t, os.WriteFile(file, []byte("10.255.0.1\n"+gone+" 10.255.0.2  other,other\n"), 0o600))
	t.Cleanup(func() { _ = os.Remove(file) })
	require.NoError(t, s.NetworkCreate(ctx, network, engine.NetworkOptions{Labels: s.labels}))
	t.Cleanup(func() { assert.NoError(t, s.NetworkRemove(context.WithoutCancel(ctx), network)) })

	asks := func(host, want string) {
		t.Helper()
		client := s.spec("dial", host+":7000")
		client.Network = network
		code, out := s.output(ctx, t, client)
		assert.Equal(t, 0, code, out)
		assert.Equal(t, want, out, host)
	}
	spec := s.spec("serve", "7000", "first")
	spec.Network, spec.Aliases = network, []string{"postgres"}
	first := s.start(ctx, t, spec)
	asks("postgres", "first") // by a name server that listens where this network's containers ask

	beside := s.spec("serve", "7000", "beside")
	beside.Network = network
	s.start(ctx, t, beside) // the file stays for it
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, s.ContainerRemove(ctx, first))
	require.NoError(t, os.WriteFile(file, text, 0o600))
	spec.Command = []string{"serve", "7000", "second"}
	s.start(ctx, t, spec)
	for range 5 { // it would answer with both in turn
		asks("postgres", "second")
	}
	text, err = os.ReadFile(file)
	require.NoError(t, err)
	assert.NotContains(t, string(text), string(first))
	assert.Contains(t, string(text), beside.Name)
}
