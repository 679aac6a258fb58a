package engine_test

import (
	"context"
	"io"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
)

func (s *suite) networkCases() []testCase {
	return []testCase{
		{"a published port is reached on its address only", s.published},
		{"a port of all addresses is reached on each, also of IPv6", s.publishedEverywhere},
		{"a port is published for UDP beside TCP", s.publishedUDP},
		{"a host port that a process holds is ErrPortInUse, and free again later", s.heldPort},
		{"a host port that another container holds is ErrPortInUse", s.takenPort},
		{"rules of the firewall that a container has left lead nobody astray", s.leftRules},
		{"names that a container or a network has left lead nobody astray", s.leftNames},
		{"of networks of one name that are made at once there is one at most", s.networksAtOnce},
		{"containers of a network find each other by name and alias", s.names},
		{"a container on the host's network reaches the host's loopback", s.hostNetwork},
		{"a container on another's network reaches its loopback", s.networkOf},
		{"extra hosts resolve, host-gateway to the host", s.extraHosts},
		{"the host's network and another's exclude published ports", func(ctx context.Context, t *testing.T) {
			spec := s.spec("wait")
			spec.HostNetwork, spec.Ports = true, []engine.Port{{Container: 80, HostIP: "127.0.0.1"}}
			_, err := s.ContainerCreate(ctx, spec)
			require.Error(t, err)
			spec.HostNetwork, spec.NetworkOf = false, "another"
			_, err = s.ContainerCreate(ctx, spec)
			require.Error(t, err)
		}},
	}
}

func (s *suite) networksAtOnce(ctx context.Context, t *testing.T) {
	for range 5 {
		name := s.fresh()
		var made atomic.Int32
		var wait sync.WaitGroup
		for range 2 {
			wait.Go(func() {
				err := s.NetworkCreate(ctx, name, engine.NetworkOptions{Labels: s.labels})
				if err == nil {
					made.Add(1)
					return
				}
				assert.ErrorIs(t, err, engine.ErrConflict)
			})
		}
		wait.Wait()
		list, err := s.NetworkList(ctx, s.labels)
		require.NoError(t, err)
		list = slices.DeleteFunc(list, func(n engine.Network) bool { return n.Name != name })
		assert.Len(t, list, int(made.Load()))
		assert.LessOrEqual(t, len(list), 1)
		require.NoError(t, s.NetworkRemove(ctx, name))
	}
}

func (s *suite) published(ctx context.Context, t *testing.T) {
	spec := s.spec("serve", "7000", "hello from inside")
	spec.Ports = []engine.Port{{Container: 7000, HostIP: "127.0.0.1"}}
	id := s.start(ctx, t, spec)
	c, err := s.ContainerInspect(ctx, string(id))
	require.NoError(t, err)
	require.Len(t, c.Ports, 1)
	assert.Equal(t, uint16(7000), c.Ports[0].Container)
	assert.Equal(t, "127.0.0.1", c.Ports[0].HostIP)
	require.NotZero(t, c.Ports[0].Host)
	name, err := s.ContainerOnPort(ctx, c.Ports[0].Host)
	require.NoError(t, err)
	assert.Equal(t, c.Name, name, "who publishes a port can be told")
	_, err = s.ContainerOnPort(ctx, 7000)
	require.ErrorIs(t, err, engine.ErrNotFound, "the port inside is not the host's")
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(int(c.Ports[0].Host)))
	assert.Equal(t, "hello from inside", dial(ctx, t, address))
}

func (s *suite) publishedEverywhere(ctx context.Context, t *testing.T) {
	e, ok := s.API.(*engine.Engine)
	require.True(t, ok)
	free, err := (&net.ListenConfig{}).Listen(ctx, "tcp", ":0")
	require.NoError(t, err)
	port := uint16(free.Addr().(*net.TCPAddr).Port)
	require.NoError(t, free.Close())
	spec := s.spec("serve", "7000", "hello from inside")
	spec.Ports = []engine.Port{
		{Container: 7000, HostIP: "0.0.0.0", Host: port}, {Container: 7000, HostIP: "::", Host: port},
	}
	if info := e.Info(); info.Kind == engine.Podman && !info.Rootless {
		spec.Network = s.networkOfKind(ctx, t, engine.NetworkOptions{Labels: s.labels, IPv6: true})
		found, err := s.NetworkInspect(ctx, spec.Network)
		require.NoError(t, err)
		assert.True(t, found.IPv6)
	}
	s.start(ctx, t, spec)
	reached := []string{"127.0.0.1"}
	// nothing is sent; the way there tells our address
	for _, far := range []string{"192.0.2.200:9", "[2001:db8::200]:9"} {
		conn, err := (&net.Dialer{}).DialContext(ctx, "udp", far)
		if err != nil {
			continue // this machine has no such address
		}
		reached = append(reached, conn.LocalAddr().(*net.UDPAddr).IP.String())
		require.NoError(t, conn.Close())
	}
	for _, host := range reached {
		assert.Equal(t, "hello from inside", dial(ctx, t, net.JoinHostPort(host, strconv.Itoa(int(port)))), host)
	}
}

func (s *suite) publishedUDP(ctx context.Context, t *testing.T) {
	spec := s.spec("serve-udp", "7000", "hello from inside")
	spec.Ports = []engine.Port{
		{Container: 7000, HostIP: "127.0.0.1"}, {Container: 7000, Protocol: engine.UDP, HostIP: "127.0.0.1"},
	}
	id := s.start(ctx, t, spec)
	c, err := s.ContainerInspect(ctx, string(id))
	require.NoError(t, err)
	require.Len(t, c.Ports, 2)
	assert.Equal(t, []string{"", engine.UDP}, []string{c.Ports[0].Protocol, c.Ports[1].Protocol})
	conn, err := (&net.Dialer{}).DialContext(ctx, "udp", net.JoinHostPort("127.0.0.1", strconv.Itoa(int(c.Ports[1].Host))))
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	for answer := make([]byte, 64); ; { // a datagram may be lost while the server starts
		_, err = conn.Write([]byte("hello"))
		if err == nil {
			require.NoError(t, conn.SetReadDeadline(time.Now().Add(200*time.Millisecond)))
			var n int
			if n, err = conn.Read(answer); err == nil {
				assert.Equal(t, "hello from inside", string(answer[:n]))
				return
			}
		}
		require.NoError(t, ctx.Err(), "ask over UDP: %v", err)
	}
}

// dial reads what a server says, trying again while it starts.
func dial(ctx context.Context, t *testing.T, address string) string {
	t.Helper()
	for {
		conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", address)
		if err == nil {
			answer, err := io.ReadAll(conn)
			_ = conn.Close()
			if err == nil && len(answer) > 0 {
				return string(answer)
			}
		}
		select {
		case <-ctx.Done():
			require.NoError(t, err, "dial %s", address)
			return ""
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (s *suite) heldPort(ctx context.Context, t *testing.T) {
	holder, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = holder.Close() }()
	spec := s.spec("serve", "7000", "mine now")
	spec.Ports = []engine.Port{{Container: 7000, HostIP: "127.0.0.1", Host: uint16(holder.Addr().(*net.TCPAddr).Port)}}
	id := s.create(ctx, t, spec)
	require.ErrorIs(t, s.ContainerStart(ctx, id), engine.ErrPortInUse)
	c, err := s.ContainerInspect(ctx, string(id))
	require.NoError(t, err)
	assert.NotEqual(t, engine.Running, c.State)
	require.NoError(t, holder.Close())
	require.NoError(t, s.ContainerStart(ctx, id))
	assert.Equal(t, "mine now", dial(ctx, t, holder.Addr().String()))
}

func (s *suite) takenPort(ctx context.Context, t *testing.T) {
	spec := s.spec("serve", "7000", "first")
	spec.Ports = []engine.Port{{Container: 7000, HostIP: "127.0.0.1"}}
	id := s.start(ctx, t, spec)
	c, err := s.ContainerInspect(ctx, string(id))
	require.NoError(t, err)
	require.Len(t, c.Ports, 1)
	spec.Name, spec.Ports = s.fresh(), c.Ports
	second := s.create(ctx, t, spec)
	require.ErrorIs(t, s.ContainerStart(ctx, second), engine.ErrPortInUse)
}

func (s *suite) names(ctx context.Context, t *testing.T) {
	network := s.network(ctx, t)
	server := s.spec("serve", "7000", "found")
	server.Network, server.Aliases = network, []string{"postgres"}
	id := s.start(ctx, t, server)
	c, err := s.ContainerInspect(ctx, string(id))
	require.NoError(t, err)
	assert.NotEmpty(t, c.Addresses[network])
	for _, host := range []string{"postgres", server.Name} {
		client := s.spec("dial", host+":7000")
		client.Network = network
		code, out := s.output(ctx, t, client)
		assert.Equal(t, 0, code, out)
		assert.Equal(t, "found", out, host)
	}
}

func (s *suite) hostNetwork(ctx context.Context, t *testing.T) {
	server, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = server.Close() }()
	go func() {
		for {
			conn, err := server.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, "the host")
			_ = conn.Close()
		}
	}()
	spec := s.spec("dial", server.Addr().String())
	spec.HostNetwork = true
	code, out := s.output(ctx, t, spec)
	assert.Equal(t, 0, code, out)
	assert.Equal(t, "the host", out)
}

func (s *suite) networkOf(ctx context.Context, t *testing.T) {
	server := s.spec("serve", "7000", "inside")
	s.start(ctx, t, server)
	client := s.spec("dial", "127.0.0.1:7000")
	client.NetworkOf = server.Name
	code, out := s.output(ctx, t, client)
	assert.Equal(t, 0, code, out)
	assert.Equal(t, "inside", out)
}

func (s *suite) extraHosts(ctx context.Context, t *testing.T) {
	spec := s.spec("lookup", "elsewhere.example")
	spec.ExtraHosts = map[string]string{"elsewhere.example": "192.0.2.7", "thehost": "host-gateway"}
	_, out := s.output(ctx, t, spec)
	assert.Equal(t, "192.0.2.7\n", out)
	spec.Name, spec.Command = s.fresh(), []string{"lookup", "thehost"}
	code, out := s.output(ctx, t, spec)
	assert.Equal(t, 0, code, out)
	assert.Regexp(t, `^\d+\.\d+\.\d+\.\d+`, out)
}
