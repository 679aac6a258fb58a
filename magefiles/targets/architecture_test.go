package targets_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// imports are those of each package of pkg and magefiles, tests aside, relative to the module.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	list, _ := run(t, "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./pkg/...", "./magefiles/...")
	found := map[string][]string{}
	for line := range strings.Lines(list) {
		var ours []string
		for _, path := range strings.Fields(line) {
			if rel, ok := strings.CutPrefix(path, "github.com/poststack/poststack/"); ok {
				ours = append(ours, rel)
			}
		}
		found[ours[0]] = ours[1:]
	}
	return found
}

// drawn are the arrows of the first picture of a document, by the folders that its nodes are named after.
func drawn(t *testing.T, text string) map[string][]string {
	t.Helper()
	_, picture, found := strings.Cut(text, "```mermaid\n")
	require.True(t, found)
	picture, _, _ = strings.Cut(picture, "```")
	folders := map[string]string{}
	for _, m := range regexp.MustCompile(`(\w+)\["([\w/]+)`).FindAllStringSubmatch(picture, -1) {
		folders[m[1]] = m[2]
	}
	arrows := map[string][]string{}
	for _, folder := range folders {
		arrows[folder] = nil
	}
	for line := range strings.Lines(regexp.MustCompile(`\[".*?"\]`).ReplaceAllString(picture, "")) {
		nodes := strings.Split(strings.TrimSpace(line), " --> ")
		for i := range nodes[1:] {
			from := folders[nodes[i]]
			arrows[from] = append(arrows[from], folders[nodes[i+1]])
		}
	}
	return arrows
}

// reaches tells whether arrows lead from one folder to another.
func reaches(arrows map[string][]string, from, to string) bool {
	return from == to || slices.ContainsFunc(arrows[from], func(next string) bool { return reaches(arrows, next, to) })
}

func TestDocuments_architecture(t *testing.T) {
	t.Parallel()
	text := documents(t)["docs/architecture.md"]
	arrows := drawn(t, text)
	sources := imports(t)
	for from, all := range arrows {
		for _, to := range all {
			assert.Contains(t, sources[from], to, "an arrow leads from %s to it", from)
			others := map[string][]string{}
			for folder, next := range arrows {
				others[folder] = slices.DeleteFunc(slices.Clone(next), func(n string) bool { return folder == from && n == to })
			}
			assert.False(t, reaches(others, from, to), "the other arrows show that %s imports %s", from, to)
		}
	}
	for from, all := range sources {
		if _, ok := arrows[from]; !ok {
			continue
		}
		for _, to := range all {
			if _, ok := arrows[to]; ok {
				assert.True(t, reaches(arrows, from, to), "%s imports %s: no arrow leads there", from, to)
			}
		}
	}
	for folder := range sources {
		parts := regexp.MustCompile(`test$|/dockerfile$|/testing$|/agent/`) // fakes, and parts of what is drawn
		assert.True(t, strings.Contains(text, folder) || parts.MatchString(folder), "docs/architecture.md does not name %s",
			folder)
	}
}
