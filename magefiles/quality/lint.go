package quality

import (
	"context"
	"errors"
	"fmt"

	"github.com/poststack/poststack/pkg/runner"
)

// Lint runs every check of the code that needs no engine, and tells of all that fail.
func (p Project) Lint(ctx context.Context) error {
	return p.each(
		ctx, "lint",
		step{"modules", p.lintModules},
		step{"shell", p.lintShell},
		step{"workflows", p.lintWorkflows},
		step{"dockerfiles", p.lintDockerfiles},
		step{"go", p.lintGo},
		step{"docs", p.docsCurrent},
	)
}

// lintModules fails when go.mod or go.sum would change under go mod tidy. The modules under tools/ are left
// out: tidying those fetches the tests of some hundred modules.
func (p Project) lintModules(ctx context.Context) error {
	return p.run(ctx, "go", "mod", "tidy", "-diff")
}

// lintShell checks layout and content of every shell script.
func (p Project) lintShell(ctx context.Context) error {
	scripts, err := shellScripts(p.Root)
	if err != nil || len(scripts) == 0 {
		return err
	}
	layout := p.tool(ctx, "shfmt", append([]string{"-d"}, scripts...)...)
	return errors.Join(layout, p.system(ctx, "shellcheck", append([]string{"-x"}, scripts...)...))
}

// lintWorkflows checks the GitHub workflows.
func (p Project) lintWorkflows(ctx context.Context) error {
	return p.run(ctx, "go", "tool", "-modfile=tools/actionlint/go.mod", "actionlint")
}

// lintDockerfiles checks the Dockerfiles, and first that the checker itself does what it should.
func (p Project) lintDockerfiles(ctx context.Context) error {
	files, err := dockerfiles(p.Root)
	if err != nil {
		return err
	}
	if err := p.run(ctx, "go", "-C", "tools/dockerlint", "test", "./..."); err != nil {
		return err
	}
	if len(files) == 0 {
		return nil
	}
	return p.run(ctx, "go", append([]string{"-C", "tools/dockerlint", "run", ".", "-root", p.Root}, files...)...)
}

// lintGo runs the linters that .golangci.yml names, the layout of the Go code among them.
func (p Project) lintGo(ctx context.Context) error {
	return p.tool(ctx, "golangci-lint", "run")
}

// Format rewrites Go files and shell scripts in the one layout that [Project.Lint] accepts.
func (p Project) Format(ctx context.Context) error {
	scripts, err := shellScripts(p.Root)
	if err != nil {
		return err
	}
	return p.each(
		ctx, "format",
		step{"go", func(ctx context.Context) error { return p.tool(ctx, "golangci-lint", "fmt") }},
		step{"shell", func(ctx context.Context) error {
			if len(scripts) == 0 {
				return nil
			}
			return p.tool(ctx, "shfmt", append([]string{"-w"}, scripts...)...)
		}},
	)
}

// tool runs a program that tools/go.mod pins.
func (p Project) tool(ctx context.Context, name string, args ...string) error {
	return p.run(ctx, "go", append([]string{"tool", "-modfile=tools/go.mod", name}, args...)...)
}

// missing is that a program of the system is not installed.
func missing(program string) error {
	return fmt.Errorf("run %q: it is not installed; on Debian and Ubuntu: apt-get install %[1]s", program)
}

// system runs a program that the machine has to bring, and that its package is named after.
func (p Project) system(ctx context.Context, program string, args ...string) error {
	err := p.run(ctx, program, args...)
	if _, ran := errors.AsType[*runner.ExitError](err); ran || err == nil || ctx.Err() != nil {
		return err
	}
	return missing(program)
}
