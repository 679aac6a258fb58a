package faults_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/poststack/poststack/tests/checkout"
)

// mounts puts a file system over a directory until the try ends.
func (x *trial) mounts(source, dir, kind string, flags uintptr, data string) (unmount func()) {
	x.Helper()
	require.NoError(x, unix.Mount(source, dir, kind, flags, data), "root can mount")
	mounted := true
	unmount = func() {
		if mounted {
			assert.NoError(x, unix.Unmount(dir, unix.MNT_DETACH))
		}
		mounted = false
	}
	x.Cleanup(unmount)
	return unmount
}

// fills has a directory on a disk of its own, with what is in it, and no room for more.
func (x *trial) fills(dir string) (unmount func()) {
	x.Helper()
	held := filepath.Join(x.TempDir(), "held")
	require.NoError(x, os.CopyFS(held, os.DirFS(dir)))
	unmount = x.mounts("tmpfs", dir, "tmpfs", 0, "size=1m,mode=700")
	require.NoError(x, os.CopyFS(dir, os.DirFS(held)))
	f, err := os.Create(filepath.Join(dir, "filler"))
	require.NoError(x, err)
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	require.ErrorIs(x, err, unix.ENOSPC)
	require.NoError(x, f.Close())
	return unmount
}

// logsFull sets up with logs that cannot be written.
func (x *trial) logsFull() {
	before := x.state(x.T)
	x.OK(x.T, "services:stop", "-of=nginx")
	unmount := x.fills(filepath.Join(x.Dir, "logs"))
	x.SlowBuild(x.T, "true # also without a log")
	x.goesOn(x.Checkout, "setup")
	x.goesOn(x.Checkout, "build:all")
	unmount()
	x.SlowBuild(x.T, "true")
	x.goesOn(x.Checkout, "build:all")
	x.recovers(before)
}

// readOnly sets up in a checkout that nothing can be written to.
func (x *trial) readOnly() {
	before := x.state(x.T)
	x.OK(x.T, "services:stop", "-of=nginx")
	unmount := x.mounts(x.Dir, x.Dir, "", unix.MS_BIND, "")
	require.NoError(x, unix.Mount("", x.Dir, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""))
	require.Error(x, os.WriteFile(filepath.Join(x.Dir, "probe"), nil, 0o600))
	x.goesOn(x.Checkout, "setup")
	x.goesOn(x.Checkout, "status")
	unmount()
	x.recovers(before)
}

// stateFull has no room where the stack's state is kept: what needs it is refused, and what stops or removes is not.
func (x *trial) stateFull() {
	before := x.state(x.T)
	first := x.bare.With("POSTSTACK_STACK=" + x.name + "-full")
	x.goesOn(first, "setup")
	unmount := x.fills(x.State)
	for _, args := range [][]string{{"setup"}, {"down"}, {"reset", "-yes"}} {
		x.goesOn(first, args...)
	}
	x.goesOn(x.Checkout, "setup")
	unmount()
	x.goesOn(first, "reset", "-yes")
	x.recovers(before)
}

// cacheFull has a new cache with no room in it: a set-up says so, and the next one, with room, goes on.
func (x *trial) cacheFull() {
	before := x.state(x.T)
	cache := x.TempDir()
	unmount := x.fills(cache)
	r := x.Mage(x.T, []string{"POSTSTACK_CACHE_DIR=" + cache}, "setup")
	if r.Code != 0 {
		assert.Contains(x, r.Stderr, "no space left on device")
	}
	unmount()
	x.recovers(before)
}

// oddPath moves the checkout to where spaces, quotes and letters of another script are, and back.
func (x *trial) oddPath() {
	before := x.state(x.T)
	odd := *x.bare.With("POSTSTACK_STACK=" + x.name + "-odd")
	odd.Dir = filepath.Join(filepath.Dir(x.Dir), `a "quoted" it's $HOME %s Ωλ`)
	require.NoError(x, os.CopyFS(odd.Dir, os.DirFS(x.Dir)))
	x.Cleanup(func() { assert.NoError(x, os.RemoveAll(odd.Dir)) })
	x.goesOn(&odd, "setup")
	x.goesOn(&odd, "db:backup", "-all", "-to="+filepath.Join(odd.Dir, "back ups"))
	x.goesOn(&odd, "reset", "-yes")
	x.keeps(before)
}

// fewFiles leaves a run as many open files as chance says.
func (x *trial) fewFiles() {
	before := x.state(x.T)
	limit := 8 + x.random.IntN(400)
	cmd := x.Compiled([]string{"POSTSTACK_TIMEOUT_START=5s"}, "setup")
	cmd.Args = append([]string{"sh", "-c", fmt.Sprintf(`ulimit -n %d && exec "$0" "$@"`, limit)}, cmd.Args...)
	var err error
	cmd.Path, err = exec.LookPath("sh")
	require.NoError(x, err)
	x.before = x.disposables(x.T)
	r := checkout.Begin(x.T, cmd, false)
	code := r.Wait(x.T)
	x.Logf("with %d files it ended with %d:\n%s", limit, code, r.Output())
	assert.NotContains(x, r.Output(), "panic")
	x.settles(r, time.Now())
	x.recovers(before)
}
