//go:build ignore

// This file runs the project's targets where mage is not installed: go run magefile.go setup. With mage
// installed, or through "go tool mage", it is not used; the targets live in magefiles/targets.
package main

import (
	"os"

	"github.com/magefile/mage/mage"
)

func main() { os.Exit(mage.Main()) }
