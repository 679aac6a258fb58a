package targets_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestDocuments_tests finds every test that the documents name, `tests/e2e TestSetup/down keeps the data`, in the
// sources, so that none is renamed or removed while a document still points at it.
func TestDocuments_tests(t *testing.T) {
	t.Parallel()
	span := regexp.MustCompile("`((?:magefiles|pkg|tests)/[^ `]+) (Test[^/`]+)/?([^`]*)`")
	known := map[string]*declared{}
	count := 0
	for name, text := range documents(t) {
		for _, m := range span.FindAllStringSubmatch(text, -1) {
			folder, function, sub := m[1], m[2], m[3]
			if known[folder] == nil {
				known[folder] = readSources(t, filepath.Join("..", "..", filepath.FromSlash(folder)))
			}
			s := known[folder]
			assert.True(t, s.functions[function], "%s: there is no %s in %s", name, function, folder)
			for part := range strings.SplitSeq(sub, "/") {
				assert.True(t, part == "" || s.texts[sub] || s.texts[part], "%s: nothing in %s is called %q", name, folder, part)
			}
			count++
		}
	}
	assert.Greater(t, count, 400, "the documents that list tests are among them")
}

// declared is what the Go files of a directory, and those below it, declare and say.
type declared struct {
	functions map[string]bool // of the tests of the directory itself
	texts     map[string]bool // string constants, and names made of them
}

// readSources parses the Go files of dir and below.
func readSources(t *testing.T, dir string) *declared {
	t.Helper()
	s := &declared{functions: map[string]bool{}, texts: map[string]bool{}}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".go" {
			return err
		}
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		file, err := parser.ParseFile(token.NewFileSet(), path, text, parser.SkipObjectResolution)
		require.NoError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if filepath.Dir(path) == filepath.Clean(dir) && strings.HasSuffix(path, "_test.go") {
					s.functions[n.Name.Name] = true
				}
			case *ast.BasicLit:
				if literal, err := strconv.Unquote(n.Value); err == nil {
					s.texts[literal] = true
				}
			}
			return true
		})
		return nil
	}))
	return s
}
