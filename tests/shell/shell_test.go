// Package shell_test runs the shell scripts of the images without an engine: their functions by sourcing them,
// and whole starts with programs that stand for PostgreSQL's own.
package shell_test

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/runner"
	"github.com/poststack/poststack/pkg/runner/runnertest"
)

// nobody runs the scripts when the tests run as root: the entrypoint would step down to a user of the image.
const nobody = 65534

// stage is a directory that looks like the image: scripts, programs, a volume, a run directory.
type stage struct {
	t   *testing.T
	dir string
	env map[string]string
}

// result is how a script ended.
type result struct {
	code   int
	stdout string
	stderr string
}

func newStage(t *testing.T) *stage {
	t.Helper()
	t.Parallel()
	s := &stage{t: t, dir: t.TempDir()}
	require.NoError(t, os.Chmod(filepath.Dir(s.dir), 0o755))
	require.NoError(t, os.CopyFS(s.path("image"), os.DirFS("../../containers/postgres")))
	require.NoError(t, os.CopyFS(s.path("bin"), os.DirFS("testdata/bin")))
	for _, name := range []string{"volume", "run", "certs"} {
		require.NoError(t, os.Mkdir(s.path(name), 0o700))
	}
	s.env = map[string]string{
		"PATH":             s.path("bin") + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"PGDATA":           s.path("volume/data"),
		"POSTGRES_RUN_DIR": s.path("run"),
		"CERT_PATH":        s.path("certs"),
		"CALLS":            s.path("volume/.calls"),
		"LANG":             "C.UTF-8",
	}
	return s
}

// path returns a path on the stage.
func (s *stage) path(name string) string { return filepath.Join(s.dir, name) }

// write puts a file on the stage.
func (s *stage) write(name, content string) string {
	s.t.Helper()
	path := s.path(name)
	require.NoError(s.t, os.MkdirAll(filepath.Dir(path), 0o755))
	runnertest.WriteFile(s.t, path, content, 0o600)
	return path
}

// read returns a file of the stage, or "" when there is none.
func (s *stage) read(name string) string {
	s.t.Helper()
	content, err := os.ReadFile(s.path(name))
	if !errors.Is(err, os.ErrNotExist) {
		require.NoError(s.t, err)
	}
	return string(content)
}

// entries lists a directory of the stage.
func (s *stage) entries(name string) []string {
	s.t.Helper()
	list, err := os.ReadDir(s.path(name))
	require.NoError(s.t, err)
	names := []string{}
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

// calls returns what the programs were called with since the last time.
func (s *stage) calls() string {
	s.t.Helper()
	out := s.read("volume/.calls")
	_ = os.Remove(s.path("volume/.calls"))
	return out
}

// script runs a script of the image; env is added to the stage's.
func (s *stage) script(name string, env map[string]string, args ...string) result {
	s.t.Helper()
	return s.run(env, append([]string{"bash", s.path("image/" + name)}, args...)...)
}

// source runs code with the functions of the entrypoint.
func (s *stage) source(env map[string]string, code string) result {
	s.t.Helper()
	return s.run(env, "bash", "-c", `source "$1"; `+code, "test", s.path("image/entrypoint.sh"))
}

func (s *stage) run(env map[string]string, argv ...string) result {
	s.t.Helper()
	line := []string{"env", "-i"}
	for _, m := range []map[string]string{s.env, env} {
		for k, v := range m {
			line = append(line, k+"="+v)
		}
	}
	if os.Geteuid() == 0 {
		id := strconv.Itoa(nobody)
		require.NoError(s.t, filepath.WalkDir(s.dir, func(path string, _ os.DirEntry, err error) error {
			return errors.Join(err, os.Lchown(path, nobody, nobody))
		}))
		line = append([]string{"setpriv", "--reuid=" + id, "--regid=" + id, "--clear-groups", "--"}, line...)
	}
	line = append(line, argv...)
	out, err := runner.Exec{}.Run(s.t.Context(), runner.Command{Program: line[0], Args: line[1:], Dir: "/"})
	if exit := (*runner.ExitError)(nil); !errors.As(err, &exit) {
		require.NoError(s.t, err)
	}
	return result{code: out.Code, stdout: out.Stdout, stderr: out.Stderr}
}

// line returns the first line of text that starts with prefix.
func line(text, prefix string) string {
	for l := range strings.Lines(text) {
		if strings.HasPrefix(l, prefix) {
			return strings.TrimSuffix(l, "\n")
		}
	}
	return ""
}
