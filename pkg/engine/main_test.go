package engine_test

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
)

// TestMain lets the test binary act as another program when it is called by that one's name.
func TestMain(m *testing.M) {
	switch filepath.Base(os.Args[0]) {
	case "dockerd":
		os.Exit(fakeDockerd(os.Args[1:]))
	case "opener":
		os.Exit(openPodman(os.Args[1], os.Args[2]))
	case "doomed":
		os.Exit(doomed(os.Args[1:]))
	case "leaky":
		os.Exit(enginetest.MainWithin(leaky{engine.Kind(os.Args[1]), os.Args[2], os.Args[3]}, 5*time.Second))
	}
	flag.Parse()
	goleak.VerifyTestMain(checked{m})
}

// checked runs the tests and looks for what they leave outside of this process.
type checked struct{ tests *testing.M }

// Run is what goleak runs.
func (c checked) Run() int { return enginetest.Main(c.tests, testing.Short()) }

// openPodman opens podman, prints where it answers, and waits to be killed.
func openPodman(cacheDir, runtimeDir string) int {
	ctx := context.Background()
	e, err := engine.Open(ctx,
		engine.Options{Want: "podman", Getenv: os.Getenv, CacheDir: cacheDir, RuntimeDir: runtimeDir})
	if err == nil {
		var endpoint string
		if endpoint, err = e.Endpoint(ctx); err == nil {
			fmt.Println(endpoint)
			time.Sleep(time.Minute)
		}
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// fakeDockerd writes its pid file and answers pings until it is killed. In a directory with a file "broken"
// beside the socket it ends at once.
func fakeDockerd(args []string) int {
	if len(args) != 4 || args[0] != "--host" || args[2] != "--pidfile" {
		fmt.Fprintln(os.Stderr, "unexpected arguments", args)
		return 2
	}
	socket := strings.TrimPrefix(args[1], "unix://")
	if _, err := os.Stat(filepath.Join(filepath.Dir(socket), "broken")); err == nil {
		fmt.Fprintln(os.Stderr, "failed to start daemon: Devices cgroup isn't mounted")
		return 1
	}
	if err := os.WriteFile(args[3], fmt.Append(nil, os.Getpid()), 0o600); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	err = http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Api-Version", "1.41")
	}))
	fmt.Fprintln(os.Stderr, err)
	return 1
}
