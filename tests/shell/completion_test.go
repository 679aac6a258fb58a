package shell_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/completion"
	"github.com/poststack/poststack/pkg/runner/runnertest"
)

// program stands in for mage: it lists, helps, and otherwise says what it was called with.
const program = `#!/bin/sh
case $1 in
-l) printf '%s\n' Text. '' Targets: '  build:all         builds all' '  build:base        builds the base image' \
  '  completion        prints a script' '  logs              shows a log' '  reset             deletes all' \
  '  shell             opens bash' ;;
-h) case $2 in
  reset) printf 'Deletes.\n\nUsage:\n\n\tmage reset [-yes=<bool>]\n\n' ;;
  logs) printf 'Shows, say -last=0.\n\nUsage:\n\n\tmage logs [<flags>]\n\n'
    printf 'Flags:\n\n\t-of=<string>\n\t-follow=<bool>\n\n' ;;
  esac ;;
*) echo "ran <$*>" ;;
esac
`

// interactive starts a shell as a person does, with the completion loaded.
func interactive(t *testing.T, shell string) (run func(typed string) string) {
	t.Helper()
	path, err := exec.LookPath(shell)
	if err != nil && os.Getenv("CI") == "" {
		t.Skip(shell + " is not installed")
	}
	require.NoError(t, err)
	dir := t.TempDir()
	for _, name := range []string{"mage", "bin/poststack"} {
		file := filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		runnertest.WriteFile(t, file, program, 0o755)
	}
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "containers", "postgres"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "containers", "postgres", "image.yaml"), nil, 0o644))
	script, err := completion.Script(shell)
	require.NoError(t, err)
	file := filepath.Join(dir, "script")
	require.NoError(t, os.WriteFile(file, []byte(script), 0o644))

	args, load := []string{"--norc", "--noprofile", "-i"}, "source "+file
	if shell == "zsh" {
		args, load = []string{"-f", "-i"}, "autoload -Uz compinit; compinit -u -D; source "+file
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Dir, cmd.Env = dir,
		[]string{"PATH=" + dir + ":" + os.Getenv("PATH"), "HOME=" + dir, "TERM=dumb", "PS1=> ", "LC_ALL=C.UTF-8"}
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 50, Cols: 200})
	require.NoError(t, err)
	t.Cleanup(func() { _ = tty.Close(); _ = cmd.Process.Kill(); _ = cmd.Wait() })
	out := make(chan string, 1000)
	go func() {
		defer close(out)
		for piece := make([]byte, 4096); ; {
			n, err := tty.Read(piece)
			if err != nil {
				return
			}
			out <- string(piece[:n])
		}
	}()
	see := func(from, to string) string {
		all, limit := "", time.After(time.Minute)
		for {
			if _, rest, ok := strings.Cut(all, from); ok {
				if text, _, ok := strings.Cut(rest, to); ok {
					return text
				}
			}
			select {
			case piece, more := <-out:
				require.True(t, more, "%s ended; it showed %q", shell, all)
				all += piece
			case <-limit:
				require.Fail(t, "no sign", "waiting for %q; %s showed %q", from, shell, all)
			}
		}
	}
	_, err = tty.WriteString(load + "; echo loaded-$((1 + 1))\r")
	require.NoError(t, err)
	see("loaded-2", "")
	return func(typed string) string {
		_, err := tty.WriteString(typed + "\r")
		require.NoError(t, err)
		return strings.TrimSpace(see("ran <", ">"))
	}
}

func TestCompletion(t *testing.T) {
	t.Parallel()
	for _, shell := range []string{"bash", "zsh"} {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			run := interactive(t, shell)
			for typed, want := range map[string]string{
				"mage build:b\t":          "build:base",
				"bin/poststack build:a\t": "build:all",
				"mage res\t-y\t":          "reset -yes",
				"mage logs -o\tx":         "logs -of=x", // a value follows
				"mage logs -f\t":          "logs -follow",
				"mage completion z\t":     "completion zsh",
				"mage shell p\t":          "shell postgres",
			} {
				assert.Equal(t, want, run(typed), "%q", typed)
			}
		})
	}
	t.Run("fish", func(t *testing.T) {
		t.Parallel()
		fishCompletes(t)
	})
}

// fishCompletes asks fish what it would offer.
func fishCompletes(t *testing.T) {
	t.Helper()
	path, err := exec.LookPath("fish")
	if err != nil && os.Getenv("CI") == "" {
		t.Skip("fish is not installed")
	}
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "containers", "postgres"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "containers", "postgres", "image.yaml"), nil, 0o644))
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "bin"), 0o755))
	for _, name := range []string{"mage", "bin/poststack"} {
		runnertest.WriteFile(t, filepath.Join(dir, name), program, 0o755)
	}
	script, err := completion.Script("fish")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "script"), []byte(script), 0o644))
	for line, want := range map[string]string{
		"mage build:":          "build:all\tbuilds all\nbuild:base\tbuilds the base image\n",
		"bin/poststack build:": "build:all\tbuilds all\nbuild:base\tbuilds the base image\n",
		"mage reset -":         "-yes\n",
		"mage logs -":          "-follow\n-of=\n",
		"mage completion z":    "zsh\n",
		"mage shell ":          "postgres\n",
	} {
		cmd := exec.CommandContext(t.Context(), path, "--no-config", "--command", `source script; complete -C "`+line+`"`)
		cmd.Dir, cmd.Env = dir, []string{"PATH=" + dir + ":" + os.Getenv("PATH"), "HOME=" + dir, "LC_ALL=C.UTF-8"}
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		assert.Equal(t, want, string(out), line)
	}
}

func TestCompletion_unknownShell(t *testing.T) {
	t.Parallel()
	_, err := completion.Script("tcsh")
	require.EqualError(t, err, `there is no completion for "tcsh": it is for bash, zsh and fish`)
}
