package bench_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
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

// runs are those that are kept, in the order in which they ran. A row, a curve or an image stands in one of them: the
// last that measured it.
type runs []Result

// readKept reads the runs that are kept below root.
func readKept(root string) (runs, error) {
	data, err := os.ReadFile(filepath.Join(root, keptResult))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read kept benchmarks: %w", err)
	}
	var kept runs
	if err := json.Unmarshal(data, &kept); err != nil {
		return nil, fmt.Errorf("read kept benchmarks: %w", err)
	}
	return kept, nil
}

// with adds r, and takes from the others what r has measured anew.
func (kept runs) with(r Result) runs {
	var all runs
	for _, old := range kept {
		old.Rows = slices.DeleteFunc(slices.Clone(old.Rows), func(m Measured) bool {
			_, anew := r.row(m.Name, m.Engine)
			return anew
		})
		old.Curves = slices.DeleteFunc(slices.Clone(old.Curves), func(c Curve) bool {
			return slices.ContainsFunc(r.Curves, func(n Curve) bool { return n.Name == c.Name && n.Engine == c.Engine })
		})
		old.Contents = slices.DeleteFunc(slices.Clone(old.Contents), func(c Content) bool {
			return slices.ContainsFunc(r.Contents, func(n Content) bool { return n.Image == c.Image })
		})
		if len(old.Rows)+len(old.Curves)+len(old.Contents) > 0 {
			all = append(all, old)
		}
	}
	return append(all, r)
}

// all is what the runs have measured, as one.
func (kept runs) all() (r Result) {
	for _, one := range kept {
		r.Rows = append(r.Rows, one.Rows...)
		r.Curves = append(r.Curves, one.Curves...)
	}
	return r
}

// keep keeps r below root where it is committed, with the charts and in the document.
func keep(root string, r Result) error {
	dir := filepath.Join(root, filepath.Dir(keptResult))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("keep result: %w", err)
	}
	kept, err := readKept(root)
	if err != nil {
		return err
	}
	kept = kept.with(r)
	chart, err := kept.all().Chart(Result{}) // what was kept before is no longer there to be compared with
	if err != nil {
		return err
	}
	plot, err := kept.all().Plot()
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
	if err := write(filepath.Join(root, keptResult), kept); err != nil {
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
	kept, err := readKept(root)
	results := "No run is kept yet.\n"
	if len(kept) > 0 {
		results = "![Each row against its goal](benchmarks/kept.svg)\n"
	}
	for _, r := range kept {
		results += "\n" + r.Markdown()
	}
	return string(text), head + keptBegin + "\n" + results + "\n" + keptEnd + tail, err
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
	kept, err := readKept(root)
	require.NoError(t, err)
	assert.Equal(t, runs{r}, kept)
	assert.FileExists(t, filepath.Join(root, "docs", "benchmarks", "kept.svg"))
	assert.FileExists(t, filepath.Join(root, "docs", "benchmarks", "curves.svg"))
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	assert.Equal(t,
		"# Speed\n\n"+keptBegin+"\n![Each row against its goal](benchmarks/kept.svg)\n\n"+r.Markdown()+"\n"+keptEnd+
			"\nMore.\n",
		string(text))

	other := Measured{Name: "size of nginx", Engine: "docker", Unit: Megabytes, Ours: size}
	rows := Result{Started: r.Started.Add(time.Hour), Rounds: 2, Rows: []Measured{r.Rows[0], other}}
	require.NoError(t, keep(root, rows))
	kept, err = readKept(root)
	require.NoError(t, err)
	before := r
	before.Rows = []Measured{}
	assert.Equal(t, runs{before, rows}, kept, "the row is the new run's, the curve the old one's")
	require.NoError(t, keep(root, r))
	kept, err = readKept(root)
	require.NoError(t, err)
	rows.Rows = []Measured{other}
	assert.Equal(t, runs{rows, r}, kept, "a run of which nothing is left is gone")
}
