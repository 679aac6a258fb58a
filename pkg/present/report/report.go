// Package report draws the report of a stack: one HTML file that needs nothing else, no script, no request. It shows
// the last setup on a time line, how the services are and what they serve, what the images are made of, and the state
// of the database.
//
// Texts in it come from outside: instructions, error messages, names. They go through html/template, which
// escapes each for its place, and the page's policy allows no script and no style but its own.
package report

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/renameio/v2"

	"github.com/poststack/poststack/pkg/inventory"
	"github.com/poststack/poststack/pkg/present"
)

// The names of the files in the directory of the logs.
const (
	SetupFile  = "last-setup.json" // the [present.Document] of the last setup
	ReportFile = "report.html"
)

//go:embed *.tmpl style.css
var files embed.FS

// Report is what the page shows.
type Report struct {
	Setup     *present.Document // the last setup; nil if there was none
	Inventory inventory.Inventory
}

// ReadSetup reads the last setup from a directory of logs; nil stands for none.
func ReadSetup(logs string) (*present.Document, error) {
	path := filepath.Join(logs, SetupFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // no setup is an answer
	}
	if err != nil {
		return nil, fmt.Errorf("read last setup: %w", err)
	}
	var doc present.Document
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, fmt.Errorf("read last setup %q: %w; the next mage setup writes it again", path, err)
	}
	if doc.Version != present.DocumentVersion {
		return nil,
			fmt.Errorf("read last setup %q: it has version %d, and this program reads %d; the next mage setup writes it again",
				path, doc.Version, present.DocumentVersion)
	}
	return &doc, nil
}

// Write draws r into a directory of logs and returns the path of the file. Only its owner can read it, like
// the logs.
func Write(logs string, r Report) (string, error) {
	var page bytes.Buffer
	if err := Render(&page, r); err != nil {
		return "", err
	}
	path := filepath.Join(logs, ReportFile)
	if err := renameio.WriteFile(path, page.Bytes(), 0o600); err != nil {
		return "", fmt.Errorf("write report %q: %w", path, err)
	}
	return path, nil
}

// Render draws r.
func Render(w io.Writer, r Report) error {
	style, err := files.ReadFile("style.css")
	if err != nil {
		return fmt.Errorf("draw report: %w", err)
	}
	pages, err := template.New("page.tmpl").Funcs(template.FuncMap{
		"percent": percent, "size": size, "count": count, "moment": moment, "days": days, "badge": badge, "others": others,
		"date": func(t time.Time) string { return t.Local().Format(time.DateOnly) },
	}).ParseFS(files, "*.tmpl")
	if err != nil {
		return fmt.Errorf("draw report: %w", err)
	}
	page := newPage(r)
	page.Style = template.CSS(style) //nolint:gosec // G203: the file is ours, and holds nothing from outside
	// The hash is that of the text between the tags: there must be nothing but the style.
	sum := sha256.Sum256(style)
	page.StyleHash = "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
	if err := pages.Execute(w, page); err != nil {
		return fmt.Errorf("draw report: %w", err)
	}
	return nil
}

// percent is a share of a chart's width as SVG takes it. There is no view box, so that texts keep their size
// when the page is narrow.
func percent(share float64) string {
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.3f", share*100), "0"), ".") + "%"
}
