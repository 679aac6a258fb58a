package stack_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/config"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/service"
	"github.com/poststack/poststack/pkg/stack"
)

// servicesBench has, beside the database, a service app, and a service web that depends on it.
func servicesBench(t *testing.T) *bench {
	t.Helper()
	b := newBench(t)
	for name, section := range map[string]string{
		"app": "{ depends_on: [postgres], secrets: [{ name: token, path: /run/token, owner: '1:1' }], health: [{ exec: { " +
			"run: [ask] } }], reload: { run: [again] }, status: [tell], outside: [look, out] }",
		"web": "{ depends_on: [app], ports: [{ port: 80, host: 18080 }], environment: { PORT: '${port.80}' } }",
	} {
		dir := filepath.Join(b.config.Root, "containers", name)
		require.NoError(t, os.MkdirAll(dir, 0o755))
		write(t, filepath.Join(dir, "image.yaml"), "description: x\nparent: base-debian\nservice: "+section+"\n")
		write(t, filepath.Join(dir, "Dockerfile"), "ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\n")
	}
	b.config.Services = map[string]config.Service{"app": {}, "web": {}}
	return b.built(t, "app", "web")
}

// variable is one of a service's container.
func (b *bench) variable(t *testing.T, service, name string) string {
	t.Helper()
	c, err := b.engine.ContainerInspect(t.Context(), "poststack-s-"+service)
	require.NoError(t, err)
	for _, v := range c.Env {
		if value, found := strings.CutPrefix(v, name+"="); found {
			return value
		}
	}
	return ""
}

// of is a phase of all, or of the one that is named.
func of(do func(*stack.Stack, context.Context, string) error, only string) func(*stack.Stack, context.Context) error {
	return func(s *stack.Stack, ctx context.Context) error { return do(s, ctx, only) }
}

func TestServices(t *testing.T) {
	t.Parallel()
	b := servicesBench(t)
	j, err := b.phase(t, of((*stack.Stack).StartServices, ""))
	require.NoError(t, err)
	end := j.last(t, event.PhaseEnded)
	assert.Equal(t, event.Done, end.Outcome)
	assert.Regexp(t, `^app made; web made, 80 on 127\.0\.0\.1:\d+$`, end.Text)
	assert.Equal(t, "container poststack-s-web made; waiting until it answers", j.last(t, event.Step).Text)
	token := b.engine.Files("poststack-s-app")["/run/token"].Content
	assert.Len(t, token, 32)
	web, err := b.engine.ContainerInspect(t.Context(), "poststack-s-web")
	require.NoError(t, err)

	j, err = b.phase(t, of((*stack.Stack).StartServices, ""))
	require.NoError(t, err)
	assert.Equal(t, event.Unchanged, j.last(t, event.PhaseEnded).Outcome)

	j, err = b.phase(t, of((*stack.Stack).ReloadServices, ""))
	require.NoError(t, err)
	assert.Equal(t, "app reloaded", j.last(t, event.PhaseEnded).Text, "web has no way to")
	_, err = b.phase(t, of((*stack.Stack).ReloadServices, "web"))
	require.ErrorContains(t, err, "service web cannot reload: containers/web/image.yaml declares no reload")

	j, err = b.phase(t, of((*stack.Stack).RestartServices, ""))
	require.NoError(t, err)
	assert.Regexp(t, `^app restarted; web restarted, 80 on 127\.0\.0\.1:\d+$`, j.last(t, event.PhaseEnded).Text)

	before := len(b.engine.Calls())
	j, err = b.phase(t, of((*stack.Stack).StopServices, ""))
	require.NoError(t, err)
	assert.Equal(t, "app stopped; web stopped", j.last(t, event.PhaseEnded).Text)
	var stopped []engine.ContainerID
	for _, name := range []string{"app", "web"} {
		c, err := b.engine.ContainerInspect(t.Context(), "poststack-s-"+name)
		require.NoError(t, err)
		assert.Equal(t, engine.Exited, c.State)
		stopped = append(stopped, c.ID)
	}
	calls := b.engine.Calls()[before:]
	assert.Less(t, slices.Index(calls, "ContainerStop "+string(stopped[1])),
		slices.Index(calls, "ContainerStop "+string(stopped[0])),
		"who needs another is stopped first")
	_, err = b.phase(t, of((*stack.Stack).RestartServices, "app"))
	require.ErrorContains(t, err,
		"services:restart: service app: service app does not run: start it with mage services:start")
	_, err = b.phase(t, of((*stack.Stack).ReloadServices, "app"))
	require.ErrorContains(t, err, "service app does not run: start it with mage services:start")

	_, err = b.phase(t, of((*stack.Stack).StartServices, "web"))
	require.NoError(t, err)
	again, err := b.engine.ContainerInspect(t.Context(), "poststack-s-web")
	require.NoError(t, err)
	assert.Equal(t, web.Ports, again.Ports, "the port stays")
	assert.Equal(t, token, b.engine.Files("poststack-s-app")["/run/token"].Content)

	j, err = b.phase(t, reset(true))
	require.NoError(t, err)
	for _, text := range j.texts(event.Notice) {
		assert.NotContains(t, text, string(token))
	}
	assert.NoDirExists(t, filepath.Join(b.config.StateDir, "services"))
}

func TestStartServices_that_is_not_healthy(t *testing.T) {
	t.Parallel()
	b := servicesBench(t)
	b.config.Timeout.Start = 200 * time.Millisecond
	b.engine.OnExec = func(engine.Container, engine.ExecSpec) (engine.ExecResult, error) {
		return engine.ExecResult{Code: 3, Stderr: "not yet\n"}, nil
	}
	_, err := b.phase(t, of((*stack.Stack).StartServices, ""))
	require.ErrorContains(t, err, "services:start: service app: wait for exec ask")
	require.ErrorContains(t, err, "give it longer with POSTSTACK_TIMEOUT_START")
	require.ErrorContains(t, err, "status 3: not yet")
	_, err = b.engine.ContainerInspect(t.Context(), "poststack-s-web")
	assert.ErrorIs(t, err, engine.ErrNotFound, "what depends on it is not started")
}

func TestStartServices_that_ends(t *testing.T) {
	t.Parallel()
	b := servicesBench(t)
	b.engine.Behave = func(engine.ContainerSpec) enginetest.Outcome {
		return enginetest.Outcome{Exits: true, Code: 64, Stderr: "no setting\n"}
	}
	_, err := b.phase(t, of((*stack.Stack).StartServices, "app"))
	require.ErrorContains(t, err, `container "poststack-s-app" exited with status 64: no setting`)
}

// A service that runs is not stopped for one that would not serve.
func TestStartServices_whose_rehearsal_fails(t *testing.T) {
	t.Parallel()
	b := servicesBench(t)
	path := filepath.Join(b.config.Root, "containers", "web", "image.yaml")
	section := "service: { ports: [{ port: 80, host: 18080 }], rehearse: [try, it], environment: { COLOUR: %s } }\n"
	write(t, path, "description: x\nparent: base-debian\n"+fmt.Sprintf(section, "red"))
	b.config.Services = map[string]config.Service{"web": {}}
	code := 1
	b.engine.Behave = func(spec engine.ContainerSpec) enginetest.Outcome {
		return enginetest.Outcome{Exits: len(spec.Entrypoint) > 0, Code: code, Stderr: "unknown setting\n"}
	}
	_, err := b.phase(t, of((*stack.Stack).StartServices, ""))
	require.NoError(t, err, "there is nothing to lose yet")
	write(t, path, "description: x\nparent: base-debian\n"+fmt.Sprintf(section, "blue"))
	_, err = b.phase(t, of((*stack.Stack).StartServices, ""))
	require.ErrorContains(t, err,
		"does not take what it is to serve: unknown setting; the running container serves on: mend what is named")
	assert.Equal(t, 1, stack.ExitStatus(err))
	assert.Equal(t, "red", b.variable(t, "web", "COLOUR"))
	web, err := b.engine.ContainerInspect(t.Context(), "poststack-s-web")
	require.NoError(t, err)
	assert.Equal(t, engine.Running, web.State)

	_, err = b.phase(t, of((*stack.Stack).StopServices, "web"))
	require.NoError(t, err)
	_, err = b.phase(t, of((*stack.Stack).StartServices, ""))
	require.NoError(t, err, "as the error says")
	assert.Equal(t, "blue", b.variable(t, "web", "COLOUR"))

	code = 0
	write(t, path, "description: x\nparent: base-debian\n"+fmt.Sprintf(section, "green"))
	j, err := b.phase(t, of((*stack.Stack).StartServices, ""))
	require.NoError(t, err)
	assert.Contains(t, j.last(t, event.PhaseEnded).Text, "web replaced")
}

func TestServices_unknown(t *testing.T) {
	t.Parallel()
	_, err := servicesBench(t).phase(t, of((*stack.Stack).StopServices, "postgres"))
	require.ErrorContains(t, err, `there is no service "postgres"; known are: app, web`)
	assert.Equal(t, 2, stack.ExitStatus(err))
	b := newBench(t)
	_, err = b.phase(t, of((*stack.Stack).StartServices, "web"))
	require.ErrorContains(t, err, `there is no service "web": no image.yaml but the database's declares one`)
	b.config.Services = map[string]config.Service{"web": {}}
	_, err = b.phase(t, of((*stack.Stack).StartServices, ""))
	require.ErrorContains(t, err, `services: there is no service "web": no image.yaml but the database's declares one`)
}

// Root's podman publishes on addresses of IPv6 only for containers that have such addresses, too.
func TestServices_on_IPv6(t *testing.T) {
	t.Parallel()
	b := servicesBench(t)
	b.engine.Identity.Kind = engine.Podman
	free := freePort(t)
	listen := func(addresses ...string) error {
		b.config.Services = map[string]config.Service{
			"web": {Listen: addresses, Ports: map[uint16]uint16{80: free}},
		}
		_, err := b.phase(t, of((*stack.Stack).StartServices, ""))
		return err
	}
	network := func() engine.Network {
		found, err := b.engine.NetworkInspect(t.Context(), "poststack-s")
		require.NoError(t, err)
		return found
	}
	require.NoError(t, listen("127.0.0.1"))
	assert.False(t, network().IPv6)
	require.ErrorContains(t, listen("127.0.0.2", "::"),
		`give network "poststack-s" addresses of IPv6: container "poststack-s-app" runs in it: run mage down, then `+
			`this again`)
	_, err := b.phase(t, (*stack.Stack).Down)
	require.NoError(t, err)
	require.NoError(t, listen("127.0.0.2", "::"))
	assert.True(t, network().IPv6)
	c, err := b.engine.ContainerInspect(t.Context(), "poststack-s-web")
	require.NoError(t, err)
	assert.Equal(t, []string{"127.0.0.2", "::"}, []string{c.Ports[0].HostIP, c.Ports[1].HostIP})

	err = listen("::1")
	require.ErrorContains(t, err, "services.web.listen: root's podman publishes nothing on ::1; 127.0.0.1 does")
	assert.Equal(t, 2, stack.ExitStatus(err))
}

func TestServices_chosen(t *testing.T) {
	t.Parallel()
	b := servicesBench(t)
	b.config.Services = nil
	j, err := b.phase(t, of((*stack.Stack).StartServices, ""))
	require.NoError(t, err)
	assert.Equal(t, "nothing to do: poststack.yaml chooses no services (services: app, web)",
		j.last(t, event.PhaseEnded).Text)
	free := freePort(t)
	b.config.Services = map[string]config.Service{
		"web": {Listen: config.Addresses{"127.0.0.2"}, Ports: map[uint16]uint16{80: free}},
	}
	j, err = b.phase(t, of((*stack.Stack).StartServices, ""))
	require.NoError(t, err)
	assert.Equal(t, fmt.Sprintf("app made; web made, 80 on 127.0.0.2:%d", free), j.last(t, event.PhaseEnded).Text,
		"with what it needs")
	assert.Equal(t, fmt.Sprint(free), b.variable(t, "web", "PORT"))
	free = freePort(t)
	b.config.Services["web"] = config.Service{Ports: map[uint16]uint16{80: free}}
	j, err = b.phase(t, of((*stack.Stack).StartServices, ""))
	require.NoError(t, err)
	assert.Contains(t, j.last(t, event.PhaseEnded).Text, "web replaced")
	assert.Equal(t, fmt.Sprint(free), b.variable(t, "web", "PORT"), "it knows of another port")
	for _, ports := range []map[uint16]uint16{nil, {80: free}} {
		b.config.Services["web"] = config.Service{Listen: config.Addresses{"198.51.100.7"}, Ports: ports}
		_, err = b.phase(t, of((*stack.Stack).StartServices, ""))
		require.ErrorContains(t, err, "of 198.51.100.7: this machine has no such address")
	}
	b.config.Services = map[string]config.Service{"web": {Ports: map[uint16]uint16{81: free}}}
	_, err = b.phase(t, of((*stack.Stack).StartServices, ""))
	require.ErrorContains(t, err, "services.web.ports: 81 is no port of the service; it has 80")
	assert.Equal(t, 2, stack.ExitStatus(err))
	b.config.Services = map[string]config.Service{"web": {}}
	b.config.Database.URL = "postgres://u:p@127.0.0.1:1/d"
	j, err = b.phase(t, (*stack.Stack).Status)
	require.NoError(t, err)
	assert.Contains(t, fmt.Sprint(j.last(t, event.Result).Report.Rows), "poststack-s-web running",
		"also when the database is another's")
	b.config.Database.URL = ""
	b.config.Services = nil
	j, err = b.phase(t, of((*stack.Stack).StopServices, ""))
	require.NoError(t, err)
	assert.Equal(t, "app stopped; web stopped", j.last(t, event.PhaseEnded).Text, "also when they are not chosen any more")
}

// The next port that is free is taken when another program was faster; the variable that names it has that.
func TestStartServices_port_taken_meanwhile(t *testing.T) {
	t.Parallel()
	b := servicesBench(t)
	tried := 0
	b.engine.Behave = func(spec engine.ContainerSpec) enginetest.Outcome {
		if len(spec.Ports) > 0 {
			tried++
		}
		if tried == 1 && len(spec.Ports) > 0 {
			return enginetest.Outcome{StartError: engine.ErrPortInUse}
		}
		return enginetest.Outcome{}
	}
	j, err := b.phase(t, of((*stack.Stack).StartServices, "web"))
	require.NoError(t, err)
	assert.Contains(t, strings.Join(j.texts(event.Notice), "\n"), "was taken meanwhile: poststack-s-web gets port")
	web, err := b.engine.ContainerInspect(t.Context(), "poststack-s-web")
	require.NoError(t, err)
	assert.Equal(t, 2, tried)
	assert.Equal(t, fmt.Sprint(web.Ports[0].Host), b.variable(t, "web", "PORT"))
}

// Another port of the service was only looked for, and would give way.
func TestStartServices_a_port_that_is_set_stays(t *testing.T) {
	t.Parallel()
	b := servicesBench(t)
	write(t, filepath.Join(b.config.Root, "containers", "web", "image.yaml"),
		"description: x\nparent: base-debian\nservice: { ports: [{ port: 80, host: 18080 }, { port: 443, host: 18443 }] }\n")
	b.built(t, "web")
	held, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = held.Close() }()
	port := uint16(held.Addr().(*net.TCPAddr).Port)
	b.config.Services = map[string]config.Service{"web": {Ports: map[uint16]uint16{80: port}}}
	_, err = b.phase(t, of((*stack.Stack).StartServices, "web"))
	var taken *service.PortError
	require.ErrorAs(t, err, &taken)
	assert.Equal(t, port, taken.Host)
	_, err = b.engine.ContainerInspect(t.Context(), "poststack-s-web")
	assert.ErrorIs(t, err, engine.ErrNotFound)
}

// A set-up of a stack of services alone, as with DATABASE_URL, finds no owner and no network.
func TestStartServices_side_by_side_share_owner_network_and_ports(t *testing.T) {
	t.Parallel()
	b := servicesBench(t)
	names := []string{"one", "two", "three", "four"}
	for _, name := range names {
		b.config.Services[name] = config.Service{}
		dir := filepath.Join(b.config.Root, "containers", name)
		require.NoError(t, os.MkdirAll(dir, 0o755))
		write(t, filepath.Join(dir, "image.yaml"),
			"description: x\nparent: base-debian\nservice: { ports: [{ port: 80, host: 18180 }] }\n")
		write(t, filepath.Join(dir, "Dockerfile"), "ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\n")
	}
	b.built(t, names...)
	b.engine.Behave = func(spec engine.ContainerSpec) enginetest.Outcome {
		for _, p := range spec.Ports {
			l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", p.Host))
			if err != nil {
				return enginetest.Outcome{StartError: engine.ErrPortInUse}
			}
			t.Cleanup(func() { _ = l.Close() })
		}
		return enginetest.Outcome{}
	}
	_, err := b.phase(t, of((*stack.Stack).StartServices, ""))
	require.NoError(t, err)
	owners, ports := map[string]bool{}, map[uint16]bool{}
	for _, name := range names {
		c, err := b.engine.ContainerInspect(t.Context(), "poststack-s-"+name)
		require.NoError(t, err)
		owners[c.Labels["org.poststack.owner"]] = true
		ports[c.Ports[0].Host] = true
	}
	assert.Len(t, owners, 1)
	assert.Len(t, ports, len(names))
	made := slices.DeleteFunc(b.engine.Calls(), func(call string) bool {
		return !strings.HasPrefix(call, "NetworkCreate ")
	})
	assert.Len(t, made, 1)
}
