package quality_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/magefiles/quality"
)

// tableOf is a document with those lines.
func tableOf(lines ...string) string {
	return "# Criteria\n\n| Asked for | Met by | Tests | State |\n| --- | --- | --- | --- |\n" + strings.Join(lines, "\n") + "\n"
}

// criteria are the documents, with the lines in the first of them.
func criteria(lines ...string) map[string]string {
	return map[string]string{"docs/phases.md": tableOf(lines...), "docs/cases.md": tableOf()}
}

func TestCriteria(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	write(t, root, criteria(
		"| It works | by working | `tests/e2e TestA/a b, c`, `pkg/x TestB` | met |",
		"| A file | as another | | met another way |",
	))
	got, err := quality.Criteria(root)
	require.NoError(t, err)
	assert.Equal(t, []quality.Criterion{
		{
			Document: "docs/phases.md", Line: 5, Asked: "It works", How: "by working", State: "met",
			Tests: []quality.NamedTest{{Package: "tests/e2e", Name: "TestA/a b, c"}, {Package: "pkg/x", Name: "TestB"}},
		},
		{Document: "docs/phases.md", Line: 6, Asked: "A file", How: "as another", State: "met another way"},
	}, got)
}

func TestCriteria_refuses(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"| It works | by working | | met |":                `docs/phases.md:5: "It works": it is called met and names no test`,
		"| It works | by working | `pkg/x TestA` | soon |": `docs/phases.md:5: "It works": its state is "soon"`,
		"| It works | | `pkg/x TestA` | met |":             `docs/phases.md:5: "It works": it does not say how it is met`,
		"| It works | met |":                               "docs/phases.md:5: the line has 2 cells, want 4",
	} {
		root := t.TempDir()
		write(t, root, criteria(line))
		_, err := quality.Criteria(root)
		assert.EqualError(t, err, want, line)
	}
	_, err := quality.Criteria(t.TempDir())
	require.ErrorIs(t, err, fs.ErrNotExist)
}

// What the documents name must have passed in the run that compares them.
func TestProject_Test_criteria(t *testing.T) {
	t.Parallel()
	const some = `{"Action":"pass","Package":"example.org/stack/tests/e2e","Test":"TestA/docker/a_b,_c"}
{"Action":"pass","Package":"example.org/stack/tests/e2e","Test":"TestA/docker"}
{"Action":"pass","Package":"example.org/stack/tests/e2e","Test":"TestA"}
{"Action":"pass","Package":"example.org/stack/tests/e2e","Test":"TestC/docker/with/slashes"}
{"Action":"pass","Package":"example.org/stack/tests/e2e","Test":"TestC"}
{"Action":"skip","Package":"example.org/stack/pkg/x","Test":"TestB/one"}
{"Action":"pass","Package":"example.org/stack/pkg/x","Test":"TestB"}
`
	for _, tc := range []struct{ name, named, want string }{
		{"one that passed", "`tests/e2e TestA/a b, c`", ""},
		{"one with subtests", "`tests/e2e TestA`", ""},
		{"one whose subtests have slashes in their names", "`tests/e2e TestC`", ""},
		{"one that did not run", "`tests/e2e TestA/d`", `docs/phases.md:5: "It works": "tests/e2e TestA/d" did not pass, or did not run`},
		{"one whose subtests were all left out", "`pkg/x TestB`", `"pkg/x TestB" did not pass, or did not run`},
		{"one of a layer that is run apart", "`tests/bench TestC`", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			write(t, root, criteria("| It works | by working | "+tc.named+" | met |"))
			write(t, root, map[string]string{"bin/chromium": "#!/bin/sh\n"})
			p, out := project(root, &fake{answers: []answer{{prefix: "go test", stdout: some}}}, map[string]string{"PATH": filepath.Join(root, "bin")})
			err := p.Test(t.Context())
			if tc.want == "" {
				require.NoError(t, err, out)
				return
			}
			require.EqualError(t, err, "test: criteria failed")
			var missing *quality.CriteriaError
			require.ErrorAs(t, err, &missing)
			assert.Contains(t, out.String(), tc.want)
		})
	}
	t.Run("performance looks at its own", func(t *testing.T) {
		t.Parallel()
		root := t.TempDir()
		write(t, root, criteria("| It is quick | by waiting | `tests/bench TestC`, `tests/e2e TestD` | met |"))
		p, out := project(root, &fake{answers: []answer{{prefix: "go test", stdout: some}}}, nil)
		require.EqualError(t, p.Performance(t.Context()), "compare criteria with the tests that passed: 1 without their test")
		assert.Contains(t, out.String(), "TestC")
		assert.NotContains(t, out.String(), "TestD")
	})
}

// TestCriteria_names finds every test that the documents name in the sources, so that one that is renamed is
// missed at once and not after all layers have run.
func TestCriteria_names(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	all, err := quality.Criteria(root)
	require.NoError(t, err)
	require.NotEmpty(t, all)
	known := map[string]*declared{}
	for _, c := range all {
		for _, test := range c.Tests {
			if known[test.Package] == nil {
				known[test.Package] = readSources(t, filepath.Join(root, filepath.FromSlash(test.Package)))
			}
			function, sub, _ := strings.Cut(test.Name, "/")
			s := known[test.Package]
			assert.True(t, s.functions[function], "%s:%d: there is no %s in %s", c.Document, c.Line, function, test.Package)
			for part := range strings.SplitSeq(sub, "/") {
				assert.True(t, part == "" || s.texts[sub] || s.texts[part], "%s:%d: nothing in %s is called %q", c.Document, c.Line, test.Package, part)
			}
		}
	}
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
