package engine

import (
	"context"
	"os"
	"path/filepath"

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

// fingerprint tells one program from its next version without running it, whichever link leads to it.
func fingerprint(program string) string {
	info, err := os.Stat(program)
	if err != nil {
		return program
	}
	if resolved, err := filepath.EvalSymlinks(program); err == nil {
		program = resolved
	}
	return program + " " + info.ModTime().UTC().Format("2006-01-02T15:04:05.000000000") + " " + itoa(info.Size())
}
