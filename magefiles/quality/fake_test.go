package quality_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/magefiles/quality"
	"github.com/poststack/poststack/pkg/runner"
	"github.com/poststack/poststack/pkg/runner/runnertest"
)

// fake is a runner that keeps the command lines and answers those it is told about.
type fake struct {
	mu      sync.Mutex
	lines   []string
	answers []answer
}

// answer is what the commands with prefix do, after whatever do does.
type answer struct {
	prefix string
	stdout string
	code   int
	err    error // instead of running
	do     func(runner.Command)
}

func (f *fake) Run(_ context.Context, c runner.Command) (runner.Result, error) {
	line := strings.Join(append([]string{c.Program}, c.Args...), " ")
	f.mu.Lock()
	f.lines = append(f.lines, line)
	f.mu.Unlock()
	for _, a := range f.answers {
		if !strings.HasPrefix(line, a.prefix) {
			continue
		}
		if a.do != nil {
			a.do(c)
		}
		if a.err != nil {
			return runner.Result{Code: -1}, a.err
		}
		if c.Stdout != nil {
			_, _ = io.WriteString(c.Stdout, a.stdout)
		}
		res := runner.Result{Stdout: a.stdout, Code: a.code}
		if a.code != 0 {
			return res, &runner.ExitError{Argv: append([]string{c.Program}, c.Args...), Code: a.code}
		}
		return res, nil
	}
	return runner.Result{}, nil
}

// ran lists the command lines that start with prefix.
func (f *fake) ran(prefix string) []string {
	var found []string
	for _, line := range f.lines {
		if strings.HasPrefix(line, prefix) {
			found = append(found, line)
		}
	}
	return found
}

// project returns a project at root with a runner and an environment, and what it writes.
func project(root string, r runner.Runner, env map[string]string) (quality.Project, *bytes.Buffer) {
	var out bytes.Buffer
	return quality.Project{
		Root: root, Runner: r, Stdout: &out, Stderr: &out,
		Getenv: func(key string) string { return env[key] },
	}, &out
}

// checkout makes a directory with the given files, and what a project needs beside them.
func checkout(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	write(t, root, map[string]string{
		"go.mod":                         "module example.org/stack\n\ngo 1.26\n",
		"go.sum":                         "",
		"pkg/thing/thing.go":             "package thing\n",
		"magefiles/workshop/workshop.go": "// Package workshop holds targets.\npackage workshop\n",
		"magefiles/workshop/testing/testing.go": "// Package testing holds targets.\npackage testing\n\n" +
			"// Unit runs the quick tests. Example: mage test:unit\nfunc Unit() error { return nil }\n",
		"magefiles/targets/targets.go": "// Package targets holds targets.\npackage targets\n\n// Setup does it all.\n" +
			"func Setup() error { return nil }\n",
	})
	write(t, root, files)
	return root
}

// write makes files below root.
func write(t *testing.T, root string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(root, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		mode := os.FileMode(0o644)
		if strings.HasPrefix(text, "#!") {
			mode = 0o755
		}
		runnertest.WriteFile(t, path, text, mode)
	}
}

// read returns the text of a file.
func read(t *testing.T, elem ...string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(elem...))
	require.NoError(t, err)
	return string(data)
}
