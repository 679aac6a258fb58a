// Package render makes files from rows, tries them with the daemon's own checker, and puts them where the daemon reads
// them. A row that cannot be served is left out, or stays as it last was good, and the others are served all the same.
package render

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/template"

	"github.com/poststack/poststack/pkg/agent/rows"
)

// Output is a file, or with Each one file for each row of that query.
type Output struct {
	Name string // of the template, for messages
	Body *template.Template
	Path *template.Template // nil, or a result of "" for a row: it is only tried
	Each string
}

// ID names a row.
type ID struct{ Query, Key string }

// file is a rendered file and the row that it is made of; a zero ID if it is made of all.
type file struct {
	content string
	row     ID
}

// rendering is what was made of one set of rows.
type rendering struct {
	files map[string]file // by path
	bad   map[ID]error    // rows for which that was impossible
}

// render makes all files, in the order of the outputs, up to one that some rows are bad for. The error is one that no
// row can be blamed for.
func (a *Applier) render(set rows.Set) (rendering, error) {
	if a.Prepare != nil {
		a.Prepare(set)
	}
	out := rendering{files: map[string]file{}, bad: map[ID]error{}}
	all := map[string]any{}
	values := map[string][]any{}
	for query, list := range set {
		for _, row := range list {
			v, err := row.Values()
			if err != nil {
				return out, err
			}
			values[query] = append(values[query], v)
		}
		all[query] = values[query]
	}
	for _, o := range a.Outputs {
		if o.Each == "" {
			if err := o.add(out.files, all, ID{}); err != nil {
				return out, err
			}
			continue
		}
		for i, row := range set[o.Each] {
			dot := maps.Clone(all)
			dot["row"] = values[o.Each][i]
			id := ID{o.Each, row.Key}
			if err := o.add(out.files, dot, id); err != nil {
				out.bad[id] = err
			}
		}
		if len(out.bad) > 0 {
			return out, nil // what is made of all rows would blame others for these
		}
	}
	return out, nil
}

// maxName is how long the name of a file can be, in bytes.
const maxName = 255

// add renders one file.
func (o Output) add(files map[string]file, dot map[string]any, row ID) error {
	if o.Path == nil {
		return reason(o.Body.Execute(io.Discard, dot))
	}
	var path, content bytes.Buffer
	if err := o.Path.Execute(&path, dot); err != nil {
		return reason(err)
	}
	name := path.String()
	if name == "" && o.Each != "" {
		return reason(o.Body.Execute(io.Discard, dot))
	}
	if !filepath.IsLocal(name) || filepath.Clean(name) != name || len(filepath.Base(name)) > maxName ||
		strings.ContainsFunc(name, func(r rune) bool { return r < ' ' }) {
		return fmt.Errorf("%q cannot be the name of a file", name)
	}
	if _, taken := files[name]; taken {
		return fmt.Errorf("two rows have the file %q", name)
	}
	if err := o.Body.Execute(&content, dot); err != nil {
		return reason(err)
	}
	files[name] = file{content: content.String(), row: row}
	return nil
}

// reason takes what a function of a template said out of what the template engine makes of it.
func reason(err error) error {
	var exec template.ExecError
	if !errors.As(err, &exec) {
		return err
	}
	if inner := errors.Unwrap(exec.Err); inner != nil {
		return fmt.Errorf("%s: %w", exec.Name, inner)
	}
	return err
}

// blamed are the rows whose changed files a checker's output names.
func (r rendering) blamed(output string, changed []string) []ID {
	var out []ID
	for _, path := range changed {
		if id := r.files[path].row; id != (ID{}) && mentions(output, path) {
			out = append(out, id)
		}
	}
	return slices.Compact(out)
}

// mentions tells whether a text has the whole path, and not only as the beginning of a longer one.
func mentions(text, path string) bool {
	return strings.Contains(text, path) &&
		regexp.MustCompile(`(^|[/ "'])`+regexp.QuoteMeta(path)+`($|[:; "'\n,)])`).MatchString(text)
}
