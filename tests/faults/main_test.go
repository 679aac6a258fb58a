// Package faults_test breaks what Poststack runs on, at moments of chance, while a stack with services serves: runs are
// ended, servers killed, disks full. For each fault it counts what was lost, what was left over, and whether the next
// set-up, or nothing at all, was enough to go on.
package faults_test

import (
	"flag"
	"os"
	"testing"

	"github.com/poststack/poststack/tests/checkout"
)

// TestMain fails a run that leaves something behind, on an engine or on this machine.
func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(checkout.Main(m, testing.Short()))
}
