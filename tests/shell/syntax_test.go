package shell_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/runner"
)

// scripts lists the shell scripts of all images: by name, or by their first line.
func scripts(t *testing.T) []string {
	t.Helper()
	var out []string
	require.NoError(t, filepath.WalkDir("../../containers", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		first, _, _ := bytes.Cut(content, []byte("\n"))
		if filepath.Ext(path) == ".sh" || bytes.HasPrefix(first, []byte("#!")) && bytes.HasSuffix(first, []byte("sh")) {
			out = append(out, path)
		}
		return err
	}))
	require.NotEmpty(t, out)
	return out
}

func TestScripts(t *testing.T) {
	t.Parallel()
	for _, path := range scripts(t) {
		name, err := filepath.Rel("../../containers", path)
		require.NoError(t, err)
		t.Run(name+" can be parsed", func(t *testing.T) {
			t.Parallel()
			_, err := runner.Exec{}.Run(t.Context(), runner.Command{Program: "bash", Args: []string{"-n", path}})
			assert.NoError(t, err)
		})
		t.Run(name+" passes shellcheck", func(t *testing.T) {
			t.Parallel()
			out, err := runner.Exec{}.Run(t.Context(), runner.Command{Program: "shellcheck", Args: []string{"-x", path}})
			if errors.Is(err, exec.ErrNotFound) {
				t.Skip("shellcheck is not installed")
			}
			assert.NoError(t, err, out.Stdout)
		})
	}
}

// A checkout on Windows would else give the scripts line ends that no shell in a container can run.
func TestLineEnds(t *testing.T) {
	t.Parallel()
	for _, path := range append(scripts(t), "../../containers/postgres/Dockerfile",
		"../../changelogs/db.changelog-root.yaml") {
		out, err := runner.Exec{}.Run(t.Context(),
			runner.Command{Program: "git", Args: []string{"check-attr", "eol", "--", path}})
		require.NoError(t, err)
		assert.Contains(t, out.Stdout, ": eol: lf", path)
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.NotContains(t, string(content), "\r\n", path)
	}
}
