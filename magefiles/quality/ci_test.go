package quality_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/poststack/poststack/pkg/runner"
	"github.com/poststack/poststack/pkg/source"
)

// workflow is the part of a GitHub workflow that is tested; actionlint checks the rest.
type workflow struct {
	Permissions map[string]string `yaml:"permissions"`
	Jobs        map[string]struct {
		Strategy struct {
			Matrix map[string][]string `yaml:"matrix"`
		} `yaml:"strategy"`
		TimeoutMinutes int `yaml:"timeout-minutes"`
		Steps          []struct {
			Uses string `yaml:"uses"`
			Run  string `yaml:"run"`
		} `yaml:"steps"`
	} `yaml:"jobs"`
}

// repo is the root of this checkout.
func repo(t *testing.T) string {
	t.Helper()
	root, err := source.FindRoot(".")
	require.NoError(t, err)
	return root
}

func TestWorkflow(t *testing.T) {
	t.Parallel()
	var w workflow
	require.NoError(t, yaml.Unmarshal([]byte(read(t, repo(t), ".github/workflows/ci.yml")), &w))
	assert.Equal(t, map[string]string{"contents": "read"}, w.Permissions)
	assert.Equal(t, []string{"podman", "docker"}, w.Jobs["test"].Strategy.Matrix["engine"])

	readme := read(t, repo(t), "README.md")
	var commands []string
	for name, job := range w.Jobs {
		assert.Positive(t, job.TimeoutMinutes, name)
		for _, s := range job.Steps {
			commands = append(commands, s.Run)
			if s.Uses != "" {
				assert.Regexp(t, `^actions/[a-z-]+@v\d+$`, s.Uses, "only GitHub's own actions, by their version")
			}
		}
	}
	for _, command := range []string{"go tool mage engine:install setup", "go tool mage engine:install test"} {
		assert.Contains(t, commands, command)
		assert.Contains(t, readme, command, "the workflow runs what people are told to run")
	}
}

func TestPreCommitConfig(t *testing.T) {
	t.Parallel()
	var config struct {
		Repos []struct {
			Hooks []struct {
				Entry string `yaml:"entry"`
			} `yaml:"hooks"`
		} `yaml:"repos"`
	}
	require.NoError(t, yaml.Unmarshal([]byte(read(t, repo(t), ".pre-commit-config.yaml")), &config))
	require.Len(t, config.Repos, 1)
	assert.Equal(t, "go tool mage hooks:preCommit", config.Repos[0].Hooks[0].Entry)
}

// stubGo is a go command that writes down what it is asked, knows which engine is in use, and fails when the
// file named fail holds a part of its arguments.
const stubGo = `#!/bin/bash
here=$(dirname "$0")
printf '%s %s\n' "${POSTSTACK_ENGINE:--}" "$*" >>"$here/log"
case "$*" in
  *engine:status) printf 'podman  no\ndocker  yes  20.10\n' ;;
  *'engine:install test')
    printf 'unit tests: 10 passed, 1 failed, 2 skipped in 1s\ne2e tests: 5 passed, 0 failed, 0 skipped in 9s\n' ;;
  *test:e2e) printf 'e2e tests: 3 passed, 0 failed, 0 skipped in 9s\n' ;;
esac
if [[ -f $here/fail ]] && grep -qF -- "$(<"$here/fail")" <<<"$*"; then exit 1; fi
`

func TestCIRun(t *testing.T) {
	t.Parallel()
	run := func(t *testing.T, fail string) (tools string, res runner.Result) {
		t.Helper()
		root, tools := t.TempDir(), t.TempDir()
		write(t, root, map[string]string{".ci/run": read(t, repo(t), ".ci/run")})
		write(t, tools,
			map[string]string{"go": stubGo, "shellcheck": "#!/bin/sh\n", "zsh": "#!/bin/sh\n", "fish": "#!/bin/sh\n"})
		if fail != "" {
			write(t, tools, map[string]string{"fail": fail})
		}
		path := "PATH=" + tools + ":" + os.Getenv("PATH")
		res, _ = runner.Exec{}.Run(t.Context(),
			runner.Command{Program: filepath.Join(root, ".ci/run"), Env: []string{path, "POSTSTACK_ENGINE="}})
		return tools, res
	}
	// The tools are built in the background: their lines come at any time.
	foreground := func(t *testing.T, tools string) []string {
		t.Helper()
		var lines []string
		for line := range strings.Lines(read(t, tools, "log")) {
			if strings.Contains(line, " tool mage ") {
				lines = append(lines, strings.TrimSpace(line))
			}
		}
		return lines
	}

	t.Run("everything runs, and the counts are added up", func(t *testing.T) {
		t.Parallel()
		tools, res := run(t, "")
		assert.Zero(t, res.Code, res.Stdout+res.Stderr)
		assert.Equal(t, []string{
			"- tool mage engine:install test",
			"- tool mage engine:status",
			"podman tool mage engine:install test:integration test:e2e",
			"- tool mage test:faults -seed=11",
			"podman tool mage test:faults -seed=11",
			"- tool mage test:race",
			"- tool mage lint",
		}, foreground(t, tools))
		assert.Contains(t, res.Stdout, "govulncheck: left to the GitHub workflow")
		assert.True(t, strings.HasSuffix(res.Stdout, "\n18 passed, 1 failed\n"), res.Stdout)
		log := read(t, tools, "log")
		for _, tool := range []string{
			"golangci-lint version", "shfmt --version", "actionlint -version", "-C tools/dockerlint run",
		} {
			assert.Contains(t, log, tool)
		}
	})

	t.Run("a failing part fails the run, after the others", func(t *testing.T) {
		t.Parallel()
		for _, part := range []string{"engine:install test", "test:e2e", "test:faults", "test:race", "mage lint"} {
			tools, res := run(t, part)
			assert.Equal(t, 1, res.Code, part)
			assert.Len(t, foreground(t, tools), 7, part)
			assert.Contains(t, res.Stdout, "FAILED", part)
		}
	})

	t.Run("tools that do not build are told of", func(t *testing.T) {
		t.Parallel()
		_, res := run(t, "golangci-lint version")
		assert.Zero(t, res.Code, res.Stdout+res.Stderr)
	})
}
