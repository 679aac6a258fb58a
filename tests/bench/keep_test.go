package bench_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/renameio/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Where results are, below the checkout: the latest, which git ignores, and what is kept for later runs to be held
// against.
const (
	latestResult = "logs/bench.json"
	latestChart  = "logs/bench.svg"
	keptResult   = "docs/benchmarks/kept.json"
	document     = "docs/performance.md"
)

// The lines of the document between which the kept result stands.
const (
	keptBegin = "<!-- What follows is written by mage bench -keep from benchmarks/kept.json. -->\n"
	keptEnd   = "<!-- End of what is written. -->\n"
)

// root is the checkout.
func root() string { return filepath.Join("..", "..") }

// keep keeps r below root where it is committed, with its charts and in the document.
func keep(root string, r Result) error {
	dir := filepath.Join(root, filepath.Dir(keptResult))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("keep result: %w", err)
	}
	chart, err := r.Chart(Result{}) // what was kept before is no longer there to be compared with
	if err != nil {
		return err
	}
	plot, err := r.Plot()
	if err != nil {
		return err
	}
	for name, text := range map[string]string{"kept.svg": chart, "curves.svg": plot} {
		if text == "" {
			continue
		}
		if err := renameio.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return fmt.Errorf("keep chart: %w", err)
		}
	}
	if err := r.Write(filepath.Join(root, keptResult)); err != nil {
		return err
	}
	return writeDocument(root)
}

// writeDocument writes the kept result into the document.
func writeDocument(root string) error {
	_, text, err := documentOf(root)
	if err != nil {
		return err
	}
	return renameio.WriteFile(filepath.Join(root, document), []byte(text), 0o644)
}

// documentOf is the document as it is, and with the kept result in it.
func documentOf(root string) (is, want string, err error) {
	text, err := os.ReadFile(filepath.Join(root, document))
	if err != nil {
		return "", "", fmt.Errorf("read document: %w", err)
	}
	head, rest, begun := strings.Cut(string(text), keptBegin)
	_, tail, ended := strings.Cut(rest, keptEnd)
	if !begun || !ended {
		return "", "", fmt.Errorf("read document %q: it has no lines %q and %q", document, keptBegin, keptEnd)
	}
	r, ok, err := Read(filepath.Join(root, keptResult))
	kept := "No complete run is kept yet.\n"
	if ok {
		kept = "![Each row against its goal](benchmarks/kept.svg)\n\n" + r.Markdown()
	}
	return string(text), head + keptBegin + "\n" + kept + "\n" + keptEnd + tail, err
}

// TestDocument compares the document of this checkout with the result that is kept beside it. mage docs sets the
// variable, which has it written first.
func TestDocument(t *testing.T) {
	t.Parallel()
	if os.Getenv("POSTSTACK_BENCH_WRITE") != "" {
		require.NoError(t, writeDocument(root()))
	}
	is, want, err := documentOf(root())
	require.NoError(t, err)
	assert.Equal(t, want, is, "run mage docs and commit the result")
}

func TestKeep(t *testing.T) {
	t.Parallel()
	size := Series{What: "postgres", Values: []float64{400}, Min: 400, Median: 400, Max: 400}
	r := Result{
		Started: time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC), Rounds: 1,
		Rows:   []Measured{{Name: "size of postgres", Engine: "docker", Unit: Megabytes, Ours: size}},
		Curves: []Curve{{Name: "copies", Engine: "docker", Per: "database", Points: []Point{{Size: 1, Seconds: size}}}},
	}
	root := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(root, "docs"), 0o755))
	page := filepath.Join(root, document)
	require.NoError(t, os.WriteFile(page, []byte("# Speed\n\n"+keptBegin+"old\n"+keptEnd+"\nMore.\n"), 0o600))
	require.NoError(t, keep(root, r))
	kept, ok, err := Read(filepath.Join(root, keptResult))
	require.NoError(t, err)
	assert.True(t, ok)
	assert.Equal(t, r, kept)
	assert.FileExists(t, filepath.Join(root, "docs", "benchmarks", "kept.svg"))
	assert.FileExists(t, filepath.Join(root, "docs", "benchmarks", "curves.svg"))
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	assert.Equal(t,
		"# Speed\n\n"+keptBegin+"\n![Each row against its goal](benchmarks/kept.svg)\n\n"+r.Markdown()+"\n"+keptEnd+
			"\nMore.\n",
		string(text))
}
