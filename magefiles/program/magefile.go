//go:build mage

// Poststack: one PostgreSQL database, built, started, verified and migrated on podman or docker.
// Start with: bin/poststack setup
package main

// These are the targets of the compiled program, which mage install makes: those that run the stack.

import (
	//mage:import
	_ "github.com/poststack/poststack/magefiles/targets"
)
