//go:build mage

// Poststack: one PostgreSQL database, built, started, verified and migrated on podman or docker.
// Start with: mage setup
package main

// mage shows the text above in its list. There are no targets here: they are in a package that "go build" and
// the linters see too.

import (
	//mage:import
	_ "github.com/poststack/poststack/magefiles/targets"
	//mage:import test
	_ "github.com/poststack/poststack/magefiles/targets/testing"
)
