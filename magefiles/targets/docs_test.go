package targets_test

import (
	"errors"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/config"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
	"github.com/poststack/poststack/pkg/interrupt"
	"github.com/poststack/poststack/pkg/stack"
)

// documents reads every document for people: those at the top of the checkout and those in docs.
func documents(t *testing.T) map[string]string {
	t.Helper()
	root := filepath.Join("..", "..")
	docs := map[string]string{}
	for _, pattern := range []string{"*.md", "docs/*.md"} {
		paths, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(pattern)))
		require.NoError(t, err)
		for _, p := range paths {
			text, err := os.ReadFile(p)
			require.NoError(t, err)
			rel, err := filepath.Rel(root, p)
			require.NoError(t, err)
			docs[filepath.ToSlash(rel)] = string(text)
		}
	}
	for _, name := range []string{
		"README.md", "CONTRIBUTING.md", "docs/architecture.md", "docs/testing.md", "docs/troubleshooting.md",
	} {
		require.Contains(t, docs, name)
	}
	return docs
}

// code is what a document shows as typed or printed: between backticks, and in fenced blocks.
func code(text string) []string {
	fences := regexp.MustCompile("(?ms)^ *```[^\n]*\n(.*?)^ *```")
	var out []string
	for _, m := range fences.FindAllStringSubmatch(text, -1) {
		out = append(out, strings.Split(m[1], "\n")...)
	}
	for _, m := range regexp.MustCompile("`([^`\n]+)`").FindAllStringSubmatch(fences.ReplaceAllString(text, ""), -1) {
		out = append(out, m[1])
	}
	return out
}

var (
	call = regexp.MustCompile(`(?:^|\(|&& |tool |=\S+ )(?:mage|bin/poststack|go run magefile\.go) ([^,;|&)]*)`)
	data = regexp.MustCompile(`^(domain|account|alias|dns|certificates):`) // targets with arguments
)

// called are the targets that a piece of code gives to mage or to the compiled program.
func called(code string) []string {
	code, _, _ = strings.Cut(code, "#")
	var out []string
	for _, m := range call.FindAllStringSubmatch(code, -1) {
		words := strings.Fields(m[1])
		for i, word := range words {
			option := strings.HasPrefix(word, "-")
			argument := i > 0 && slices.Contains([]string{"-d", "shell", "completion"}, words[i-1]) // of mage, or of a target
			placeholder := strings.ToUpper(word) == word
			if !option && !argument && !placeholder && unicode.IsLetter(rune(word[0])) {
				out = append(out, word)
			}
			if data.MatchString(word) {
				break // what follows are its arguments
			}
		}
	}
	return out
}

func TestCalled(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"go tool mage engine:install setup   # from nothing":  {"engine:install", "setup"},
		`psql "$(mage db:url -passfile)" -c '\dt'`:            {"db:url"},
		"mage build:all -force":                               {"build:all"},
		`mage dns:add example.org @ MX "10 mail.example.org"`: {"dns:add"},
		"mage shell postgres":                                 {"shell"},
		"mage -d PATH setup":                                  {"setup"},
		"mage install && bin/poststack status":                {"install", "status"},
		"go run magefile.go TARGET":                           nil,
		"POSTSTACK_ENGINE=docker mage status":                 {"status"},
		"github.com/magefile/mage":                            nil,
		"marked with the mage build tag":                      nil,
	} {
		assert.Equal(t, want, called(text), text)
	}
}

func TestDocuments_targets(t *testing.T) {
	t.Parallel()
	list, _ := listing(t)
	targets := listed(t, list)
	for name, text := range documents(t) {
		for _, piece := range code(text) {
			for _, target := range called(piece) {
				assert.Contains(t, targets, target, "%s shows %q", name, piece)
			}
		}
	}
}

func TestDocuments_links(t *testing.T) {
	t.Parallel()
	docs := documents(t)
	link := regexp.MustCompile(`\]\(([^)#\s]*)(#[^)\s]+)?\)`)
	headings := map[string][]string{}
	for name, text := range docs {
		headings[name] = anchors(text)
	}
	for name, text := range docs {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			target := name
			if m[1] != "" {
				target = path.Join(path.Dir(name), m[1])
			}
			assert.FileExists(t, filepath.Join("..", "..", filepath.FromSlash(target)), "%s links to %s", name, m[1])
			if m[2] != "" {
				assert.Contains(t, headings[target], strings.TrimPrefix(m[2], "#"), "%s links to %s", name, m[0])
			}
		}
	}
}

// anchors are the headings of a document as links name them.
func anchors(text string) []string {
	var out []string
	punctuation := regexp.MustCompile(`[^\p{L}\p{N} _-]`)
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(text, -1) {
		plain := punctuation.ReplaceAllString(strings.ToLower(m[1]), "")
		out = append(out, strings.ReplaceAll(plain, " ", "-"))
	}
	return out
}

func TestDocuments_settings(t *testing.T) {
	t.Parallel()
	known := []string{
		enginetest.EnvEngines, enginetest.EnvPart, enginetest.EnvSuite, enginetest.EnvRounds, enginetest.EnvSeed,
	}
	for _, s := range config.Reference() {
		known = append(known, s.Env)
	}
	for name, text := range documents(t) {
		for _, variable := range regexp.MustCompile(`\bPOSTSTACK_[A-Z_]*[A-Z]\b`).FindAllString(text, -1) {
			assert.Contains(t, known, variable, name)
		}
	}
}

// TestDocuments_readmeSettings compares the short table of the README with the reference.
func TestDocuments_readmeSettings(t *testing.T) {
	t.Parallel()
	rows := regexp.MustCompile(
		"(?m)^\\| `([A-Z_]+)` \\| `([a-z_.]+)` \\| (?:`([^`]*)`|([^|]*?)) ?\\|",
	).FindAllStringSubmatch(documents(t)["README.md"], -1)
	require.NotEmpty(t, rows)
	settings := map[string]config.Setting{}
	for _, s := range config.Reference() {
		settings[s.Env] = s
	}
	for _, row := range rows {
		s := settings[row[1]]
		assert.Equal(t, s.Key, row[2], row[1])
		if row[4] == "" { // a computed default is told in words
			assert.Equal(t, s.Default, row[3], row[1])
		}
	}
}

// TestDocuments_exitStatus compares the tables of exit statuses with what the code gives.
func TestDocuments_exitStatus(t *testing.T) {
	t.Parallel()
	want := make([]string, 0, 8)
	for _, err := range []error{
		nil, errors.New("anything"), &stack.UsageError{}, &engine.UnusableError{},
		&stack.PhaseError{Class: stack.BuildWork}, &stack.PhaseError{Class: stack.Database},
		&stack.PhaseError{Class: stack.SchemaWork},
	} {
		want = append(want, status(err))
	}
	want = append(want, strings.Join([]string{
		status(&interrupt.Error{Signal: syscall.SIGHUP}), status(&interrupt.Error{Signal: syscall.SIGINT}),
		status(&interrupt.Error{Signal: syscall.SIGTERM}),
	}, ", "))
	row := regexp.MustCompile(`(?m)^\| (\d+(?:, \d+)*) \|`)
	docs := documents(t)
	for _, name := range []string{"README.md", "docs/architecture.md"} {
		var got []string
		for _, m := range row.FindAllStringSubmatch(docs[name], -1) {
			got = append(got, m[1])
		}
		assert.Equal(t, want, got, name)
	}
	for _, m := range regexp.MustCompile(`(?m)^## .*\(exit status ([\d, ]+)\)$`).FindAllStringSubmatch(
		docs["docs/troubleshooting.md"], -1,
	) {
		assert.Contains(t, want, m[1], m[0])
	}
}

// status is what a process that ends with err exits with.
func status(err error) string { return strconv.Itoa(stack.ExitStatus(err)) }

// TestDocuments_dependencies holds docs/dependencies.md against go.mod.
func TestDocuments_dependencies(t *testing.T) {
	t.Parallel()
	list, _ := run(t, "list", "-m", "-f", "{{if not (or .Indirect .Main)}}{{.Path}}{{end}}", "all")
	page := documents(t)["docs/dependencies.md"]
	var named []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([^` ]+\\.[^` ]+/[^` ]+)` \\|").FindAllStringSubmatch(page, -1) {
		named = append(named, m[1])
	}
	assert.ElementsMatch(t, strings.Fields(list), named)
}
