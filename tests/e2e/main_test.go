package e2e_test

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
