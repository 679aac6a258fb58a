package targets_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestDocuments_captures holds what the documents show of runs to what a run would show now, as far as files tell:
// how many changesets there are, that those that are named exist, and which images there are.
func TestDocuments_captures(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	changesets := map[string]int{} // and the file of each
	files, err := filepath.Glob(filepath.Join(root, "changelogs", "schema", "*.sql"))
	require.NoError(t, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, m := range regexp.MustCompile(`(?m)^--changeset [^:]+:(\S+)`).FindAllStringSubmatch(string(text), -1) {
			changesets[filepath.Base(file)+" "+m[1]]++
		}
	}
	block := regexp.MustCompile("(?ms)^```(?:|text|sh|console)\n(.*?)^```")
	seen := 0
	for name, text := range documents(t) {
		for _, m := range block.FindAllStringSubmatch(text, -1) {
			for _, n := range regexp.MustCompile(`(\d+) changesets? applied`).FindAllStringSubmatch(m[1], -1) {
				seen++
				assert.Equal(t, strconv.Itoa(len(changesets)), n[1], "%s: take what it shows again from a run", name)
			}
			for _, c := range regexp.MustCompile(`(?m)\b(\d{3}_\w+\.sql \S+)$`).FindAllStringSubmatch(m[1], -1) {
				seen++
				assert.Contains(t, changesets, c[1], name)
			}
			for _, i := range regexp.MustCompile(`localhost/poststack/([a-z-]+)`).FindAllStringSubmatch(m[1], -1) {
				seen++
				assert.DirExists(t, filepath.Join(root, "containers", i[1]), name)
			}
		}
	}
	assert.Greater(t, seen, 10, strings.Join(files, " "))
}
