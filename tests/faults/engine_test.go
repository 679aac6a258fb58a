package faults_test

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/tests/checkout"
)

// engineKilled kills what a run speaks to, at a moment of chance: podman's service, or dockerd.
func (x *trial) engineKilled() {
	if x.kind == engine.Docker {
		x.dockerdKilled()
		return
	}
	before := x.state(x.T)
	x.before = x.disposables(x.T)
	st := endings()[x.random.IntN(len(endings()))](x)
	r := checkout.Begin(x.T, compiled(cmp.Or(st.on, x.Checkout), st.args...), false)
	time.Sleep(time.Duration(x.random.Int64N(int64(2 * time.Second)))) // the moment is what is tried here
	for _, p := range r.Processes() {
		if slices.Contains(p.Argv, "service") && slices.Contains(p.Argv, "system") {
			x.Logf("killed %s", p)
			_ = syscall.Kill(p.PID, syscall.SIGKILL) // it may have ended meanwhile
		}
	}
	status := r.Wait(x.T)
	x.Logf("%v ended with %d:\n%s", st.args, status, r.Output())
	x.settles(r, time.Now())
	if st.after != nil {
		st.after()
	}
	x.recovers(before)
}

// dockerdKilled kills a dockerd of its own while a run is at work there. Dockerd 20.10 starts no container again that
// it has found running after such an end: the next start does, with all that was committed.
func (x *trial) dockerdKilled() {
	if os.Geteuid() != 0 {
		x.Skip("only root can start a second dockerd")
	}
	d := checkout.NewDaemon(x.T)
	d.Start(x.T)
	d.Load(x.T, x.Images(x.T, "base-debian", "postgres"))
	c := x.bare.With("DOCKER_HOST=" + d.URL())
	first, second := c.With("POSTSTACK_STACK="+x.name+"-kept"), c.With("POSTSTACK_STACK="+x.name+"-made")
	x.goesOn(first, "db:start")
	defer func() {
		x.goesOn(first, "reset", "-yes")
		x.goesOn(second, "reset", "-yes")
	}()
	url := first.URL(x.T)
	_, err := checkout.Connect(x.T, url).Exec(x.Context(), `create table kept as select 42 as answer`)
	require.NoError(x, err)

	r := checkout.Begin(x.T, compiled(second.With("POSTSTACK_TIMEOUT_START=10s"), "db:start"), false)
	time.Sleep(time.Duration(x.random.Int64N(int64(2 * time.Second)))) // the moment is what is tried here
	d.Kill(x.T)
	status := r.Wait(x.T)
	x.Logf("db:start ended with %d:\n%s", status, r.Output())
	assert.NotContains(x, r.Output(), "panic")
	d.Start(x.T)
	x.goesOn(first, "db:start")
	x.goesOn(second, "db:start")
	var answer int
	err = checkout.Connect(x.T, url).QueryRow(x.Context(), `select answer from kept`).Scan(&answer)
	if err != nil || answer != 42 {
		x.lose("a table that was committed: %v", err)
	}
	left, err := d.Command(x.Context(), "ps", "--all", "--quiet", "--filter", "label=org.poststack.disposable").Output()
	require.NoError(x, err)
	for _, id := range strings.Fields(string(left)) {
		x.leave("container %s", id)
	}
	files, _ := filepath.Glob(filepath.Join(r.Temp, "*"))
	for _, file := range files {
		x.leave("%s", file)
	}
}
