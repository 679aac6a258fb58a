//go:build mage

// Poststack: one PostgreSQL database, built, started, verified and migrated on podman or docker.
// Start with: mage setup
package main

// mage shows the text above in its list. There are no targets here: they are in packages that "go build" and the
// linters see too. Those that run the stack are in targets, which the compiled program has as well; those that look
// after the code are in workshop, and need a checkout.

import (
	//mage:import
	_ "github.com/poststack/poststack/magefiles/targets"
	//mage:import
	_ "github.com/poststack/poststack/magefiles/workshop"
	//mage:import test
	_ "github.com/poststack/poststack/magefiles/workshop/testing"
)
