package quality

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/poststack/poststack/pkg/config"
	"github.com/poststack/poststack/pkg/source"
)

// page is a generated document.
type page struct {
	path string // relative to the root
	text string
}

// pages generates every document from the code, and the part of one that is from measurements.
func (p Project) pages() ([]page, error) {
	targets, err := readTargets(p.Root)
	if err != nil {
		return nil, err
	}
	pages := []page{
		{"docs/targets.md", targetsPage(targets)},
		{"docs/configuration.md", configurationPage(config.Reference())},
	}
	if !source.Exists(filepath.Join(p.Root, benchPage)) {
		return pages, nil
	}
	performance, err := p.performancePage()
	return append(pages, performance), err
}

// Docs writes the generated documents, those that change.
func (p Project) Docs(context.Context) error {
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
	return nil
}

// StaleError is that generated documents do not match the code.
type StaleError struct{ Paths []string }

// Error names them and the remedy.
func (e *StaleError) Error() string {
	return fmt.Sprintf("compare documents with the code: %s stale; run mage docs and commit the result", list(e.Paths))
}

// docsCurrent fails with a [*StaleError] when [Project.Docs] would change something.
func (p Project) docsCurrent(context.Context) error {
	pages, err := p.pages()
	if err != nil {
		return err
	}
	stale := &StaleError{}
	for _, doc := range pages {
		same, err := holds(filepath.Join(p.Root, filepath.FromSlash(doc.path)), doc.text)
		if err != nil {
			return err
		}
		if !same {
			stale.Paths = append(stale.Paths, doc.path)
		}
	}
	if len(stale.Paths) > 0 {
		return stale
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
