// Package completion has the scripts with which shells complete targets. They ask the program that is being
// completed for its targets, so that they need no change when targets do, and serve other projects of mage, too.
package completion

import (
	"embed"
	"fmt"
)

//go:embed completion.bash completion.zsh completion.fish
var scripts embed.FS

// Script is the script for a shell: bash, zsh or fish.
func Script(shell string) (string, error) {
	text, err := scripts.ReadFile("completion." + shell)
	if err != nil {
		return "", fmt.Errorf("there is no completion for %q: it is for bash, zsh and fish", shell)
	}
	return string(text), nil
}
