package quality_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/runner"
)

// scrub keeps out the settings of whoever runs the tests, and those of a git hook that the tests run in.
func scrub(c runner.Command, more ...string) runner.Command {
	args := []string{
		"-u", "GIT_DIR", "-u", "GIT_INDEX_FILE", "-u", "GIT_WORK_TREE", "-u", "GIT_PREFIX",
		"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
		"GIT_AUTHOR_NAME=A", "GIT_AUTHOR_EMAIL=a@example.org", "GIT_COMMITTER_NAME=A", "GIT_COMMITTER_EMAIL=a@example.org",
	}
	c.Args = slices.Concat(args, more, []string{c.Program}, c.Args)
	c.Program = "env"
	return c
}

// realGit runs git, and hands every other program to next.
func realGit(next runner.Runner) runner.Runner {
	return runner.Func(func(ctx context.Context, c runner.Command) (runner.Result, error) {
		if c.Program != "git" {
			return next.Run(ctx, c)
		}
		return runner.Exec{}.Run(ctx, scrub(c))
	})
}

// git runs git in dir and returns its output.
func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	res, err := runner.Exec{}.Run(t.Context(), scrub(runner.Command{Program: "git", Args: args, Dir: dir}))
	require.NoError(t, err)
	return strings.TrimSpace(res.Stdout)
}

// repository is a checkout under git with one commit.
func repository(t *testing.T, files map[string]string) string {
	t.Helper()
	root := checkout(t, files)
	git(t, root, "init", "-q", "-b", "main")
	git(t, root, "add", "-A")
	git(t, root, "commit", "-q", "-m", "Begin")
	return root
}

func TestProject_InstallHook(t *testing.T) {
	t.Parallel()

	t.Run("it installs an executable hook, once", func(t *testing.T) {
		t.Parallel()
		root := repository(t, nil)
		p, out := project(root, realGit(&fake{}), nil)
		require.NoError(t, p.InstallHook(t.Context()))
		path := filepath.Join(root, ".git", "hooks", "pre-commit")
		info, err := os.Stat(path)
		require.NoError(t, err)
		assert.NotZero(t, info.Mode()&0o100)
		require.NoError(t, p.InstallHook(t.Context()))
		assert.Equal(t, "installed "+path+"\nthe hook is installed already\n", out.String())
	})

	t.Run("it replaces an older one of its own", func(t *testing.T) {
		t.Parallel()
		root := repository(t, nil)
		write(t, root, map[string]string{".git/hooks/pre-commit": "#!/bin/sh\n# installed by: mage hooks:install\nold\n"})
		p, _ := project(root, realGit(&fake{}), nil)
		require.NoError(t, p.InstallHook(t.Context()))
		assert.NotContains(t, read(t, root, ".git/hooks/pre-commit"), "old")
	})

	t.Run("it leaves the hook of someone else alone", func(t *testing.T) {
		t.Parallel()
		root := repository(t, map[string]string{".git/hooks/pre-commit": "#!/bin/sh\nexit 0\n"})
		p, _ := project(root, realGit(&fake{}), nil)
		err := p.InstallHook(t.Context())
		assert.ErrorContains(t, err, `add the line "go tool mage hooks:preCommit" to it`)
		assert.Equal(t, "#!/bin/sh\nexit 0\n", read(t, root, ".git/hooks/pre-commit"))
	})

	t.Run("a work tree shares the hook of its clone", func(t *testing.T) {
		t.Parallel()
		root := repository(t, nil)
		tree := filepath.Join(t.TempDir(), "tree")
		git(t, root, "worktree", "add", "-q", tree)
		p, _ := project(tree, realGit(&fake{}), nil)
		require.NoError(t, p.InstallHook(t.Context()))
		assert.FileExists(t, filepath.Join(root, ".git", "hooks", "pre-commit"))
	})

	t.Run("a hooks directory inside the checkout is used", func(t *testing.T) {
		t.Parallel()
		root := repository(t, nil)
		git(t, root, "config", "core.hooksPath", "my hooks")
		p, _ := project(root, realGit(&fake{}), nil)
		require.NoError(t, p.InstallHook(t.Context()))
		assert.FileExists(t, filepath.Join(root, "my hooks", "pre-commit"))
	})

	t.Run("a hooks directory that all repositories share is refused", func(t *testing.T) {
		t.Parallel()
		root, shared := repository(t, nil), t.TempDir()
		git(t, root, "config", "core.hooksPath", shared)
		p, _ := project(root, realGit(&fake{}), nil)
		require.ErrorContains(t, p.InstallHook(t.Context()), "give this clone its own with: git config --local")
		assert.NoFileExists(t, filepath.Join(shared, "pre-commit"))
	})

	t.Run("a directory without git is an error", func(t *testing.T) {
		t.Parallel()
		p, _ := project(checkout(t, nil), realGit(&fake{}), nil)
		require.ErrorContains(t, p.InstallHook(t.Context()), "find hooks directory")
	})
}

// A commit runs the hook, and a hook that fails stops the commit.
func TestHook_commit(t *testing.T) {
	t.Parallel()
	root := repository(t, nil)
	p, _ := project(root, realGit(&fake{}), nil)
	require.NoError(t, p.InstallHook(t.Context()))
	tools := t.TempDir()
	write(t, tools,
		map[string]string{"go": "#!/bin/sh\necho \"$@\" >>\"" + tools + "/log\"\n! grep -q bad pkg/thing/thing.go\n"})

	commit := func(text string) error {
		write(t, root, map[string]string{"pkg/thing/thing.go": text})
		commit := runner.Command{Program: "git", Args: []string{"commit", "-q", "-a", "-m", "Change"}, Dir: root}
		_, err := runner.Exec{}.Run(t.Context(), scrub(commit, "PATH="+tools+":"+os.Getenv("PATH")))
		return err
	}
	require.NoError(t, commit("package good\n"))
	require.Error(t, commit("package bad\n"))
	assert.Equal(t, "2", git(t, root, "rev-list", "--count", "HEAD"))
	assert.Equal(t, "tool mage hooks:preCommit\ntool mage hooks:preCommit\n", read(t, tools, "log"))
}
