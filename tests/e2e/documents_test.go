package e2e_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
	"github.com/poststack/poststack/tests/checkout"
)

// TestDocuments runs the commands that the documents tell people to type, as they are written and in their order,
// in a clone. First those of the blocks, then those within the text. What is not run is listed, with the reason.
func TestDocuments(t *testing.T) {
	enginetest.AnyEngine(t)
	root := filepath.Join("..", "..")
	enginetest.ForEach(t, func(t *testing.T, kind engine.Kind) {
		r := openReader(t, kind)
		for _, c := range blockCommands(t, root) {
			r.follow(c)
		}
		r.c.OK(t, "setup") // the blocks may end with another state than the text expects
		for _, c := range textCommands(t, root) {
			if !r.done[c.text] {
				r.follow(c)
			}
		}
		for text := range notRun() {
			assert.True(t, r.left[text], "no document shows %q any more", text)
		}
	})
}

// command is something that a document tells people to type.
type command struct {
	document string
	text     string
}

// documentsOf lists the documents: README and CONTRIBUTING first, then those in docs.
func documentsOf(t *testing.T, root string) []string {
	t.Helper()
	more, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	require.NoError(t, err)
	return append([]string{filepath.Join(root, "README.md"), filepath.Join(root, "CONTRIBUTING.md")}, more...)
}

// fence is a block of a document, with its language.
var fence = regexp.MustCompile("(?ms)^ *```([a-z]*)\n(.*?)^ *```")

// blockCommands are the lines of the blocks whose language is a shell.
func blockCommands(t *testing.T, root string) []command {
	t.Helper()
	var all []command
	for _, document := range documentsOf(t, root) {
		text, err := os.ReadFile(document)
		require.NoError(t, err)
		for _, m := range fence.FindAllStringSubmatch(string(text), -1) {
			require.Contains(t, []string{"", "sh", "bash", "console", "yaml", "json", "sql", "mermaid", "text", "dockerfile"},
				m[1], "%s: a block's language", document)
			if !slices.Contains([]string{"sh", "bash", "console"}, m[1]) {
				continue
			}
			for line := range strings.Lines(strings.ReplaceAll(m[2], "\\\n", " ")) {
				line = regexp.MustCompile(`\s+# .*$|^#.*$`).ReplaceAllString(strings.TrimSpace(line), "")
				if m[1] == "console" { // the rest of it is output
					prompted, ok := strings.CutPrefix(line, "$ ")
					if !ok {
						continue
					}
					line = prompted
				}
				if line != "" {
					all = append(all, command{filepath.Base(document), line})
				}
			}
		}
	}
	require.NotEmpty(t, all)
	return all
}

// textCommands are the code spans that begin with a program that people call.
func textCommands(t *testing.T, root string) []command {
	t.Helper()
	program := regexp.MustCompile(
		"`((?:mage|go|bin/poststack|psql|docker|podman|sudo|apt-get|npm|git|pre-commit) [^`\n]+|\\.ci/run)`",
	)
	var all []command
	for _, document := range documentsOf(t, root) {
		text, err := os.ReadFile(document)
		require.NoError(t, err)
		for _, m := range program.FindAllStringSubmatch(fence.ReplaceAllString(string(text), ""), -1) {
			all = append(all, command{filepath.Base(document), m[1]})
		}
	}
	return all
}

// reader types what the documents say into a shell.
type reader struct {
	*testing.T
	c    *checkout.Checkout
	dir  string // where the shell is
	env  []string
	done map[string]bool // commands that ran
	left map[string]bool // commands that are listed as not run
}

// openReader makes an empty directory, in which nothing but mage is there, and a repository to be cloned.
func openReader(t *testing.T, kind engine.Kind) *reader {
	t.Helper()
	c := checkout.New(t, kind)
	r := &reader{T: t, c: c, dir: t.TempDir(), done: map[string]bool{}, left: map[string]bool{}}
	origin := c.Dir
	for _, args := range [][]string{
		{"init", "-q", "-b", "main"},
		{"add", "-A"},
		{"-c", "user.name=Test", "-c", "user.email=test@example.org", "commit", "-qm", "Checkout under test"},
	} {
		cmd := exec.CommandContext(t.Context(), "git", args...)
		cmd.Dir = origin
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "git %v: %s", args, out)
	}
	mage := c.Command(t.Context(), nil)
	r.env = append(
		mage.Env, "PATH="+filepath.Dir(mage.Path)+":"+os.Getenv("PATH"),
		"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=url."+origin+".insteadOf",
		"GIT_CONFIG_VALUE_0=https://github.com/poststack/poststack",
	)
	c.Dir = filepath.Join(r.dir, "poststack") // what the README has people clone
	return r
}

// follow runs a command, or checks that it is listed as one that is not.
func (r *reader) follow(c command) {
	r.Helper()
	if check, left := leaves(c); left {
		r.left[c.text] = true
		check(r, c)
		return
	}
	r.done[c.text] = true
	if strings.HasPrefix(c.text, "git clone ") { // every document begins anew, at the same place: it is one stack
		require.NoError(r, os.RemoveAll(r.c.Dir))
		r.dir = filepath.Dir(r.c.Dir)
	}
	if target := before()[c.text]; target != "" {
		r.c.OK(r.T, target)
	}
	ctx, cancel := context.WithTimeout(r.Context(), 5*time.Minute)
	defer cancel()
	state := filepath.Join(r.c.State, "cwd")
	cmd := exec.CommandContext(ctx, "bash", "-c", r.fill(c.text)+"\nstatus=$?\npwd >'"+state+"'\nexit $status")
	cmd.Dir, cmd.Env = r.dir, r.env
	start := time.Now()
	out, err := cmd.CombinedOutput()
	r.Logf("%s: %s: %s\n%s", c.document, c.text, time.Since(start).Round(10*time.Millisecond), out)
	if want := endsWith()[c.text]; want != 0 {
		assert.Equal(r, want, cmd.ProcessState.ExitCode(), "%s: %s", c.document, c.text)
	} else {
		require.NoError(r, err, "%s tells people to run: %s", c.document, c.text)
	}
	dir, err := os.ReadFile(state)
	require.NoError(r, err)
	r.dir = strings.TrimSpace(string(dir))
}

// fill puts a value where a document has a word in capitals for the reader to replace.
func (r *reader) fill(text string) string {
	if strings.Contains(text, "USER:PASSWORD@HOST") {
		text = strings.ReplaceAll(text, "postgresql://USER:PASSWORD@HOST:5432/DATABASE", r.c.URL(r.T))
	}
	name := "postgres"
	if strings.Contains(text, "services:") {
		name = "nginx"
	}
	return regexp.MustCompile(`\b(PATH|TARGET|NAME)\b`).ReplaceAllStringFunc(text, func(word string) string {
		return map[string]string{"PATH": r.c.Dir, "TARGET": "status", "NAME": name}[word]
	})
}
