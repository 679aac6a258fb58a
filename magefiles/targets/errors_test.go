package targets_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// foreignTexts are those that other programs print: mage, go, the engines.
func foreignTexts() []string {
	return []string{
		"No .go files marked with the mage build tag in this directory.",
		"open ./mage_output_file.go: no such file or directory",
		"module cache not found: neither GOMODCACHE nor GOPATH is set",
		`invalid option "--yes" for target "Reset"`, "permission denied while trying to connect to the docker API",
		`not enough arguments for target "Shell"`, `invalid option "-of" for target "Logs"`,
		"no required module provides package …/magefiles/targets: go.mod file not found …", `go: no such tool "mage"`,
		"no required module provides package …; to add it: go get …", "go: -modfile cannot be used in workspace mode",
		"go: inconsistent vendoring in …", "go tool mage: fork/exec …: exec format error",
		"cannot find package … (from $GOROOT)",
		"invalid go version '1.26.0': must match format 1.23",
	}
}

// TestDocuments_errors looks up each error text of the troubleshooting tables in the code: between what differs from
// run to run, its longest part must be there.
func TestDocuments_errors(t *testing.T) {
	t.Parallel()
	code := sourceText(t)
	row := regexp.MustCompile("(?m)^\\| ((?:notice )?`[^|]*?) \\|")
	rows := row.FindAllStringSubmatch(documents(t)["docs/troubleshooting.md"], -1)
	require.Greater(t, len(rows), 40)
	for _, m := range rows {
		for _, span := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(m[1], -1) {
			if slices.Contains(foreignTexts(), span[1]) {
				continue
			}
			part := longestPart(span[1])
			_, rest, _ := strings.Cut(part, " ") // without a first word that may be a name
			found := strings.Contains(code, part) || len(rest) > 8 && strings.Contains(code, rest)
			assert.True(t, found, "docs/troubleshooting.md shows %q; %q is nowhere in the code", span[1], part)
		}
	}
}

// longestPart is the longest piece of an error text between names, numbers and words in capitals.
func longestPart(text string) string {
	longest := ""
	for _, part := range regexp.MustCompile(`"[^"]*"|…|\b[A-Z][A-Z_]+\b|\b\d+\b`).Split(text, -1) {
		if part = strings.Trim(part, " :;=()/,"); len(part) > len(longest) {
			longest = part
		}
	}
	return longest
}

// sourceText is all code that may print an error, with string constants as they are printed.
func sourceText(t *testing.T) string {
	t.Helper()
	var text strings.Builder
	for _, dir := range []string{"pkg", "magefiles", "containers"} {
		require.NoError(t,
			filepath.WalkDir(filepath.Join("..", "..", dir), func(path string, d fs.DirEntry, err error) error {
				if err != nil || d.IsDir() || strings.HasSuffix(path, "_test.go") {
					return err
				}
				content, err := os.ReadFile(path)
				text.Write(content)
				return err
			}))
	}
	whole := regexp.MustCompile(`" ?\+\n\t+"`).ReplaceAllString(text.String(), "") // what goes on in the next line
	return strings.NewReplacer(`\"`, `"`, `%%`, `%`).Replace(whole)
}
