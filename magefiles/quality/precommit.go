package quality

import (
	"context"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// PreCommit formats the staged Go files and shell scripts, stages them again, and lints what is staged. It
// leaves alone what is not staged, and refuses files that are staged in part.
func (p Project) PreCommit(ctx context.Context) error {
	staged, err := p.changed(ctx, "--cached")
	if err != nil {
		return err
	}
	var goCode, shell []string
	for _, rel := range staged {
		switch {
		case p.isShell(rel):
			shell = append(shell, rel)
		case strings.HasSuffix(rel, ".go") && !strings.HasPrefix(rel, "tools/"):
			goCode = append(goCode, rel)
		}
	}
	if err := p.refusePartly(ctx, slices.Concat(goCode, shell)); err != nil {
		return err
	}
	var steps []step
	if len(goCode) > 0 {
		steps = append(steps, step{"go", func(ctx context.Context) error { return p.commitGo(ctx, goCode) }})
	}
	if len(shell) > 0 {
		steps = append(steps, step{"shell", func(ctx context.Context) error { return p.commitShell(ctx, shell) }})
	}
	if slices.ContainsFunc(staged, func(rel string) bool { return strings.HasPrefix(rel, ".github/workflows/") }) {
		steps = append(steps, step{"workflows", p.lintWorkflows})
	}
	if slices.ContainsFunc(staged, func(rel string) bool { return path.Base(rel) == "Dockerfile" }) {
		steps = append(steps, step{"dockerfiles", p.lintDockerfiles})
	}
	if err := p.each(ctx, "pre-commit", steps...); err != nil {
		return fmt.Errorf("%w; commit without the hook: git commit --no-verify", err)
	}
	return nil
}

// changed lists the files that git diff names, those that were deleted aside.
func (p Project) changed(ctx context.Context, args ...string) ([]string, error) {
	diff := []string{"diff", "--relative", "--name-only", "-z", "--diff-filter=ACMR"}
	text, err := p.output(ctx, "git", append(diff, args...)...)
	if err != nil {
		return nil, fmt.Errorf("list changed files: %w", err)
	}
	return strings.FieldsFunc(text, func(r rune) bool { return r == 0 }), nil
}

// refusePartly fails when one of the files differs between the index and the work tree: formatting it would stage the
// rest of it, too.
func (p Project) refusePartly(ctx context.Context, files []string) error {
	if len(files) == 0 {
		return nil
	}
	partly, err := p.changed(ctx, append([]string{"--"}, files...)...)
	if err != nil {
		return err
	}
	if len(partly) > 0 {
		return fmt.Errorf("format what is staged: %s changed since git add; "+
			"stage all of it, or none, or put the rest aside with git stash --keep-index", list(partly))
	}
	return nil
}

// commitGo formats files and stages them, then lints their packages: a linter needs a package as a whole.
func (p Project) commitGo(ctx context.Context, files []string) error {
	if err := p.tool(ctx, "golangci-lint", append([]string{"fmt"}, files...)...); err != nil {
		return err
	}
	if err := p.stage(ctx, files); err != nil {
		return err
	}
	var packages []string
	for _, rel := range files {
		// The root holds only magefile.go, which is no part of a package.
		if dir := path.Dir(rel); dir != "." && !strings.Contains(rel, "testdata/") {
			packages = append(packages, "./"+dir)
		}
	}
	if len(packages) == 0 {
		return nil
	}
	slices.Sort(packages)
	return p.tool(ctx, "golangci-lint", append([]string{"run"}, slices.Compact(packages)...)...)
}

// commitShell does the same for shell scripts.
func (p Project) commitShell(ctx context.Context, files []string) error {
	if err := p.tool(ctx, "shfmt", append([]string{"-w"}, files...)...); err != nil {
		return err
	}
	if err := p.stage(ctx, files); err != nil {
		return err
	}
	return p.system(ctx, "shellcheck", append([]string{"-x"}, files...)...)
}

func (p Project) stage(ctx context.Context, files []string) error {
	return p.run(ctx, "git", append([]string{"add", "--"}, files...)...)
}

// isShell reports whether a file of the checkout is a shell script that lint would check.
func (p Project) isShell(rel string) bool {
	if strings.Contains(rel, "testdata/") {
		return false
	}
	ok, err := isShellScript(filepath.Join(p.Root, filepath.FromSlash(rel)))
	return ok && err == nil
}
