// Package completion has the scripts with which shells complete targets. They ask the program that is being
// completed for its targets, so that they need no change when targets do, and serve other projects of mage, too.
package completion

import (
	_ "embed"
	"fmt"
)

//go:embed completion.bash
var bash string

//go:embed completion.zsh
var zsh string

//go:embed completion.fish
var fish string

// Script is the script for a shell: bash, zsh or fish.
func Script(shell string) (string, error) {
	switch shell {
	case "bash":
		return bash, nil
	case "zsh":
		return zsh, nil
	case "fish":
		return fish, nil
	default:
		return "", fmt.Errorf("there is no completion for %q: it is for bash, zsh and fish", shell)
	}
}
