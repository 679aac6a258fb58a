package engine

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/poststack/poststack/pkg/runner"
)

// commandLine is an engine's own program, pointed at the endpoint that the API client talks to.
type commandLine struct {
	runner  runner.Runner
	kind    Kind
	program string   // absolute
	global  []string // options before the verb, which select the endpoint
	env     []string // KEY=value
	buildx  bool     // docker only: BuildKit can be used
	// dir is where podman works when it runs something in containers; "" is the caller's. Its conmons stay there as
	// long as their containers: one whose directory has gone cannot start its container again, as in a checkout that was
	// deleted, and one whose container runs out of memory leaves a file "oom" there.
	dir string
}

func (c commandLine) command(args ...string) runner.Command {
	return runner.Command{Program: c.program, Args: append(append([]string{}, c.global...), args...), Env: c.env}
}

// bare is a command that needs no endpoint.
func (c commandLine) bare(args ...string) runner.Command {
	return runner.Command{Program: c.program, Args: args, Env: c.env}
}

func (c commandLine) run(ctx context.Context, args ...string) (runner.Result, error) {
	return c.runner.Run(ctx, c.command(args...))
}

// pairs gives option once for each of values, as KEY=value, in the order of the keys.
func pairs(option string, values map[string]string) []string {
	var args []string
	for _, k := range slices.Sorted(maps.Keys(values)) {
		args = append(args, option, k+"="+values[k])
	}
	return args
}

// fingerprint tells one program from its next version without running it, whichever link leads to it.
func fingerprint(program string) string {
	info, err := os.Stat(program)
	if err != nil {
		return program
	}
	if resolved, err := filepath.EvalSymlinks(program); err == nil {
		program = resolved
	}
	return fmt.Sprint(program, " ", info.ModTime().UTC().Format("2006-01-02T15:04:05.000000000"), " ", info.Size())
}
