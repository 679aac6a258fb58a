package e2e_test

import (
	"bytes"
	"context"
	"net"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
	"github.com/poststack/poststack/tests/checkout"
)

// TestLifecycle starts and stops the database under conditions that people have.
func TestLifecycle(t *testing.T) {
	t.Parallel()
	enginetest.ForEach(t, func(t *testing.T, kind engine.Kind) {
		c := checkout.New(t, kind)
		e := enginetest.Open(t, kind)
		t.Run("a volume with foreign entries is used beside them, or refused by name", func(t *testing.T) {
			foreignVolume(t, kind, e)
		})
		t.Run("a port whose connections are led elsewhere is refused", func(t *testing.T) { divertedPort(t, c) })
		t.Run("a port whose connections an ended container's rules lead elsewhere is used", func(t *testing.T) {
			leftRules(t, c, e)
		})
		t.Run("a port whose rules somebody has removed comes back", func(t *testing.T) { lostRules(t, c, e) })
		t.Run("what a killed run has left goes with the next change", func(t *testing.T) { leftBehind(t, c, e) })
		t.Run("two checkouts do not meet", func(t *testing.T) { twoCheckouts(t, c, e) })
		t.Run("a client that never leaves does not hold up the stop", func(t *testing.T) { stayingClient(t, c, e) })
	})
}

// foreignVolume is a data volume made by hand, as a file system's own root looks.
func foreignVolume(t *testing.T, kind engine.Kind, e *engine.Engine) {
	t.Helper()
	c := checkout.New(t, kind)
	c.OK(t, "build:postgres")
	name := "poststack-" + c.Stack(t)
	volume := name + "-data"
	require.NoError(t, e.VolumeCreate(t.Context(), volume, nil))
	t.Cleanup(func() { // reset leaves it: it carries no label of ours
		ctx := context.WithoutCancel(t.Context())
		_ = e.ContainerRemove(ctx, engine.ContainerID(name+"-postgres"))
		assert.NoError(t, e.VolumeRemove(ctx, volume))
	})
	inVolume := func(script string) string {
		id, err := e.ContainerCreate(t.Context(), engine.ContainerSpec{
			Image: "localhost/poststack/postgres:latest", Entrypoint: []string{"bash", "-c"}, Command: []string{script},
			User: "0", Mounts: []engine.Mount{{Volume: volume, Target: "/v"}},
		})
		require.NoError(t, err)
		defer func() { assert.NoError(t, e.ContainerRemove(context.WithoutCancel(t.Context()), id)) }()
		require.NoError(t, e.ContainerStart(t.Context(), id))
		_, err = e.ContainerWait(t.Context(), id)
		require.NoError(t, err)
		var out bytes.Buffer
		require.NoError(t, e.ContainerLogs(t.Context(), id, engine.LogOptions{}, &out, &out))
		return out.String()
	}
	inVolume("chown root:root /v && chmod 755 /v && mkdir -p /v/lost+found && touch /v/.keep")

	r := c.Mage(t, nil, "db:start")
	if r.Code != 0 {
		assert.Equal(t, 5, r.Code)
		assert.Contains(t, r.Stderr, "lost+found", "the entry is named")
		assert.Contains(t, r.Stderr, "PGDATA", "and what to set")
	}
	assert.Contains(t, inVolume("ls -A /v"), ".keep\nlost+found", "foreign entries are untouched")
}

func stayingClient(t *testing.T, c *checkout.Checkout, e *engine.Engine) {
	t.Helper()
	c.OK(t, "db:start")
	conn := connect(t, c.URL(t))
	left := make(chan error, 1)
	go func() {
		_, err := conn.Exec(context.WithoutCancel(t.Context()), `select pg_sleep(900)`)
		left <- err
	}()
	assert.Eventually(t, func() bool {
		var sleeping int
		err := connect(t, c.URL(t)).QueryRow(t.Context(),
			`select count(*) from pg_stat_activity where query like '%pg_sleep%' and pid <> pg_backend_pid()`).Scan(&sleeping)
		return err == nil && sleeping == 1
	}, time.Minute, 50*time.Millisecond)

	start := time.Now()
	c.OK(t, "down")
	assert.Less(t, time.Since(start), time.Minute, "it does not wait for the client, which stays for 15 minutes")
	require.Error(t, <-left)
	c.OK(t, "db:start")
	var log bytes.Buffer
	found, err := e.ContainerInspect(t.Context(), "poststack-"+c.Stack(t)+"-postgres")
	require.NoError(t, err)
	require.NoError(t, e.ContainerLogs(t.Context(), found.ID, engine.LogOptions{}, &log, &log))
	assert.Contains(t, log.String(), "received fast shutdown request")
	assert.Contains(t, log.String(), "database system is shut down")
	assert.NotContains(t, log.String(), "not properly shut down")
}

// divertedPort is a port on which one can listen, but whose connections a firewall rule leads elsewhere: what
// is left when a container and its monitor are killed without the engine noticing.
func divertedPort(t *testing.T, c *checkout.Checkout) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	_, port, err := net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	require.NoError(t, l.Close())
	rule := []string{
		"OUTPUT", "-d", "127.0.0.1", "-p", "tcp", "--dport", port, "-j", "DNAT", "--to-destination", "127.0.0.1:1",
	}
	iptables := func(verb string) {
		out, err := exec.Command("iptables", append([]string{"-w", "-t", "nat", verb}, rule...)...).CombinedOutput()
		require.NoError(t, err, string(out))
	}
	iptables("-I")
	t.Cleanup(func() { iptables("-D") })

	c.OK(t, "build:postgres")
	r := c.Mage(t, []string{"POSTSTACK_DATABASE_PORT=" + port}, "db:start")
	assert.Equal(t, 5, r.Code)
	assert.Contains(t, lastLine(r),
		"publish port "+port+" of 127.0.0.1: a firewall rule that leads its connections elsewhere")
}

// startedWithRules starts the database, and gives its container with the rules of the firewall for its port.
func startedWithRules(
	t *testing.T, c *checkout.Checkout, e *engine.Engine,
) (engine.Container, enginetest.PortRules) {
	t.Helper()
	if info := e.Info(); info.Kind != engine.Podman || info.Rootless {
		t.Skip("docker looks after its rules, and rootless podman has none here")
	}
	c.OK(t, "db:start")
	db, err := e.ContainerInspect(t.Context(), "poststack-"+c.Stack(t)+"-postgres")
	require.NoError(t, err)
	return db, enginetest.RulesOf(t, db)
}

// leftRules has the rules of the database's port stand when it was stopped, and when podman has started it again at
// another address, as podman's netavark (1.4) may leave them.
func leftRules(t *testing.T, c *checkout.Checkout, e *engine.Engine) {
	t.Helper()
	db, rules := startedWithRules(t, c, e)

	require.NoError(t, e.ContainerStop(t.Context(), db.ID, time.Minute))
	rules.Put(t)
	assert.Contains(t, c.Mage(t, nil, "doctor", "-fix").Stdout, "removed what an ended container had left")
	rules.Put(t)
	c.OK(t, "db:start")
	require.NoError(t, e.ContainerStop(t.Context(), db.ID, time.Minute))
	rules.Put(t)
	out, err := exec.CommandContext(t.Context(), "podman", "start", string(db.ID)).CombinedOutput()
	require.NoError(t, err, string(out))
	assert.Equal(t, "unchanged", outcome(c.OK(t, "db:start"), "db:start"))
	connect(t, c.URL(t))
}

// lostRules has the rules of the database's port removed, as firewalld does when it reloads: podman goes on holding the
// port, where nobody answers.
func lostRules(t *testing.T, c *checkout.Checkout, e *engine.Engine) {
	t.Helper()
	db, rules := startedWithRules(t, c, e)
	rules.Drop()

	assert.Contains(t, c.Mage(t, nil, "doctor").Stdout, db.Name+" runs, but the firewall's rules for its ports are gone")
	r := c.OK(t, "db:start")
	assert.Equal(t, "done", outcome(r, "db:start"))
	assert.Contains(t, r.Stderr, "the firewall's rules for its ports are gone")
	connect(t, c.URL(t))
	assert.Equal(t, "unchanged", outcome(c.OK(t, "db:start"), "db:start"))
}

// leftBehind has a volume as a killed run leaves it, while something is only asked, and then changed.
func leftBehind(t *testing.T, c *checkout.Checkout, e *engine.Engine) {
	t.Helper()
	c.OK(t, "db:start")
	name := "left-" + c.Stack(t)
	require.NoError(t, e.VolumeCreate(t.Context(), name, map[string]string{
		container.LabelDisposable: "true", container.LabelSession: "1@0", // the first process, at another time
	}))
	c.URL(t) // says nothing of it
	c.OK(t, "db:start")
	_, err := e.VolumeInspect(t.Context(), name)
	require.ErrorIs(t, err, engine.ErrNotFound)
}

// twoCheckouts sets another checkout up beside c, and takes it away again.
func twoCheckouts(t *testing.T, c *checkout.Checkout, e *engine.Engine) {
	t.Helper()
	c.OK(t, "setup")
	other := c.Beside(t)
	other.OK(t, "setup")
	assert.NotEqual(t, c.Stack(t), other.Stack(t))
	assert.NotEqual(t, c.URL(t), other.URL(t), "another port, another password")
	conn := connect(t, c.URL(t))
	_, err := conn.Exec(t.Context(), `insert into domains (name) values ('first.example')`)
	require.NoError(t, err)
	assert.Zero(t, domains(t, other), "what one writes the other does not see")

	other.OK(t, "reset", "-yes")
	assert.Equal(t, 1, domains(t, c), "the reset of one leaves the other alone")
	_, err = e.VolumeInspect(t.Context(), "poststack-"+c.Stack(t)+"-data")
	require.NoError(t, err)
	assert.Equal(t, "unchanged", outcome(c.OK(t, "setup"), "db:start"))
}
