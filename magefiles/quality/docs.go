package quality

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/poststack/poststack/pkg/config"
	"github.com/poststack/poststack/pkg/runner"
)

// page is a generated document.
type page struct {
	path string // relative to the root
	text string
}

// pages generates every document that is from the code alone, and the list of targets that their own program reads.
func (p Project) pages() ([]page, error) {
	targets, err := readTargets(p.Root)
	if err != nil {
		return nil, err
	}
	return []page{
		{"docs/targets.md", targetsPage(targets)},
		{"docs/configuration.md", configurationPage(config.Reference())},
		{"magefiles/targets/lines.txt", targetLines(targets)},
	}, nil
}

// Docs writes the generated documents, those that change. The kept measurements are written by the test that compares
// them.
func (p Project) Docs(ctx context.Context) error {
	pages, err := p.pages()
	if err != nil {
		return err
	}
	for _, doc := range pages {
		path := filepath.Join(p.Root, filepath.FromSlash(doc.path))
		same, err := holds(path, doc.text)
		if err != nil {
			return err
		}
		if same {
			p.say("%s is current", doc.path)
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("make directory for %q: %w", doc.path, err)
		}
		if err := os.WriteFile(path, []byte(doc.text), 0o644); err != nil {
			return fmt.Errorf("write %q: %w", doc.path, err)
		}
		p.say("wrote %s", doc.path)
	}
	res, err := p.Runner.Run(ctx, runner.Command{
		Program: "go", Args: []string{"test", "-short", "-count=1", "-run=^TestDocument$", "./tests/bench"}, Dir: p.Root,
		Env: []string{"POSTSTACK_BENCH_WRITE=yes"}, Stderr: p.Stderr,
	})
	if err != nil {
		p.say("%s", strings.TrimSpace(res.Stdout))
		return brief(res, err)
	}
	p.say("docs/performance.md is current")
	return nil
}

// docsCurrent fails when [Project.Docs] would change something.
func (p Project) docsCurrent(context.Context) error {
	pages, err := p.pages()
	if err != nil {
		return err
	}
	var stale []string
	for _, doc := range pages {
		same, err := holds(filepath.Join(p.Root, filepath.FromSlash(doc.path)), doc.text)
		if err != nil {
			return err
		}
		if !same {
			stale = append(stale, doc.path)
		}
	}
	if len(stale) > 0 {
		return fmt.Errorf("compare documents with the code: %s stale; run mage docs and commit the result", list(stale))
	}
	return nil
}

// holds reports whether the file at path is text. A missing file holds nothing.
func holds(path, text string) (bool, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read document: %w", err)
	}
	return string(data) == text, nil
}
