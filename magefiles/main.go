//go:build mage

// Package main lists the targets of this project for mage. It holds none: they are in targets, a package
// that "go build" and the linters see too.
package main

import (
	//mage:import
	_ "github.com/poststack/poststack/magefiles/targets"
	//mage:import test
	_ "github.com/poststack/poststack/magefiles/targets/testing"
)
