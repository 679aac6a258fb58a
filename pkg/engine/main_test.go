package engine_test

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestMain lets the test binary act as dockerd when it is called by that name.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "dockerd" {
		os.Exit(fakeDockerd(os.Args[1:]))
	}
	os.Exit(m.Run())
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
