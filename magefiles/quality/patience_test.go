package quality_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/source"
)

// TestPatience holds tests to waiting a minute for what must come: a shorter bound measures the machine, and fails on a
// busy one.
func TestPatience(t *testing.T) {
	t.Parallel()
	root := repo(t)
	files, err := source.Find(root, func(rel string) (bool, error) {
		return strings.HasSuffix(rel, "_test.go") ||
			strings.HasPrefix(rel, "pkg/engine/enginetest/") && strings.HasSuffix(rel, ".go"), nil
	})
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		for _, hasty := range hastyWaits(t, filepath.Join(root, file)) {
			assert.Fail(t, "a wait of less than a minute", "%s: %s", file, hasty)
		}
	}
}

func TestHastyWaits(t *testing.T) {
	t.Parallel()
	assert.Len(t, hastyWaits(t, filepath.Join("testdata", "waits.go")), 3)
}

// hastyWaits are the waits of a file that give up after some seconds. Those in milliseconds wait for what must not
// come.
func hastyWaits(t *testing.T, path string) (found []string) {
	t.Helper()
	seconds := regexp.MustCompile(`^[0-9]+ ?\* ?time\.Second$`)
	content := read(t, path)
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, path, content, 0)
	require.NoError(t, err)
	ast.Inspect(parsed, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		function, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || function.Sel.Name != "After" && !strings.HasPrefix(function.Sel.Name, "Eventually") {
			return true
		}
		for _, argument := range call.Args {
			text := content[set.Position(argument.Pos()).Offset:set.Position(argument.End()).Offset]
			if seconds.MatchString(text) {
				found = append(found, set.Position(call.Pos()).String()+" "+text)
			}
		}
		return true
	})
	return found
}
