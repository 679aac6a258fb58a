package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// readText reads a file, and waits for no pipe.
func readText(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() && !info.IsDir() {
		return nil, errors.New("is not a regular file")
	}
	return os.ReadFile(path)
}

// readFile returns the settings in the file, which need not exist, and reports what it does not understand.
func (l *loader) readFile(path string) layer {
	if _, none := os.Lstat(path); errors.Is(none, fs.ErrNotExist) {
		l.noticeMisnamed(filepath.Dir(path))
		return nil
	}
	text, err := readText(path)
	if errors.Is(err, fs.ErrNotExist) { // it is there, and leads nowhere: without it another stack would be meant
		l.add(Problem{Source: FileName, Reason: "is a symbolic link to a file that is not there"})
		return nil
	}
	if err != nil {
		l.add(Problem{Source: FileName, Reason: withoutPath(err)})
		return nil
	}
	f := &file{loader: l, values: layer{}, lines: map[string]int{}}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var document, more yaml.Node
	switch err := decoder.Decode(&document); {
	case errors.Is(err, io.EOF): // empty
		return nil
	case err != nil:
		l.add(syntaxProblem(err))
		return nil
	}
	f.group(document.Content[0], "")
	if err := decoder.Decode(&more); err == nil {
		l.add(Problem{Source: position(&more), Reason: "a second document begins here; only one is read"})
	} else if !errors.Is(err, io.EOF) {
		l.add(syntaxProblem(err))
	}
	return f.values
}

// noticeMisnamed reports a file that looks like ours and would be ignored.
func (l *loader) noticeMisnamed(dir string) {
	const other = "poststack.yml"
	if _, err := os.Lstat(filepath.Join(dir, other)); err == nil {
		l.add(Problem{Source: other, Reason: "is not read; name it " + FileName})
	}
}

// file walks through one file.
type file struct {
	*loader
	values layer
	lines  map[string]int // where each key was first seen
}

// group reads the settings below a mapping; prefix is "" or ends in a dot.
func (f *file) group(node *yaml.Node, prefix string) {
	node = resolve(node)
	if isNull(node) {
		return
	}
	if node.Kind != yaml.MappingNode {
		f.add(Problem{
			Key: strings.TrimSuffix(prefix, "."), Source: position(node),
			Reason: "is " + kind(node) + ", not a group of settings",
		})
		return
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		path := prefix + key.Value
		if line, seen := f.lines[path]; seen {
			f.add(Problem{
				Key: path, Source: position(key), Reason: fmt.Sprintf("is given twice; it was first in line %d", line),
			})
			continue
		}
		f.lines[path] = key.Line
		f.setting(key, value, path)
	}
}

// setting reads one key of a mapping.
func (f *file) setting(key, node *yaml.Node, path string) {
	value := resolve(node)
	for _, o := range f.table {
		switch {
		case o.Key == path && o.structured:
			f.structured(o, key, value)
			return
		case o.Key == path:
			f.scalar(o, key, value)
			return
		case strings.HasPrefix(o.Key, path+"."):
			f.group(node, path+".")
			return
		}
	}
	near := nearest(f.table, path).Key
	if value.Kind == yaml.MappingNode {
		near = nearestGroup(f.table, path)
	}
	f.add(Problem{
		Key: path, Source: position(key), Reason: fmt.Sprintf("unknown setting; the nearest known one is %q", near),
	})
}

// scalar notes the value of a known setting.
func (f *file) scalar(o option, key, value *yaml.Node) {
	if isNull(value) || value.Kind == yaml.ScalarNode && value.Value == "" {
		return
	}
	if value.Kind != yaml.ScalarNode || value.ShortTag() == "!!bool" || value.ShortTag() == "!!binary" {
		f.add(Problem{Key: o.Key, Source: position(key), Reason: "is " + kind(value), Allowed: o.Allowed})
		return
	}
	f.values[o.Key] = entry{raw: value.Value, source: fmt.Sprintf("%s:%d", FileName, key.Line), place: position(value)}
}

// structured notes the value of a setting that is more than a word, as it was written.
func (f *file) structured(o option, key, value *yaml.Node) {
	if isNull(value) {
		return
	}
	text, err := yaml.Marshal(plain(value))
	if err != nil {
		f.add(Problem{Key: o.Key, Source: position(key), Reason: "cannot be read: " + err.Error(), Allowed: o.Allowed})
		return
	}
	f.values[o.Key] = entry{
		raw: strings.TrimSpace(string(text)), source: fmt.Sprintf("%s:%d", FileName, key.Line), place: position(value),
	}
}

// resolve follows an alias.
func resolve(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}

// plain is what is written there with its aliases replaced, since their anchors may stand elsewhere in the file. An
// alias of what holds it stays.
func plain(node *yaml.Node, above ...*yaml.Node) *yaml.Node {
	if slices.Contains(above, resolve(node)) {
		return node
	}
	node = resolve(node)
	copied := *node
	copied.Content = nil
	for _, child := range node.Content {
		copied.Content = append(copied.Content, plain(child, append(slices.Clip(above), node)...))
	}
	return &copied
}

// isNull tells whether nothing is written there.
func isNull(node *yaml.Node) bool { return node.Kind == yaml.ScalarNode && node.ShortTag() == "!!null" }

// kind names what is written there.
func kind(node *yaml.Node) string {
	switch {
	case node.Kind == yaml.MappingNode:
		return "a group of settings"
	case node.Kind == yaml.SequenceNode:
		return "a list"
	case node.ShortTag() == "!!bool":
		return "a truth value"
	case node.ShortTag() == "!!binary":
		return "binary"
	default:
		return "a single value"
	}
}

// position is where a node begins.
func position(node *yaml.Node) string {
	return fmt.Sprintf("%s:%d:%d", FileName, node.Line, node.Column)
}

// syntaxProblem is a file that is no YAML. What the parser quotes of it is left out: it may be a password.
func syntaxProblem(err error) Problem {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	text = regexp.MustCompile(`'[^']*'|"[^"]*"`).ReplaceAllString(text, "…")
	source := FileName
	if match := regexp.MustCompile(`^line (\d+): `).FindStringSubmatch(text); match != nil {
		source, text = FileName+":"+match[1], strings.TrimPrefix(text, match[0])
	}
	return Problem{Source: source, Reason: "is not YAML: " + text}
}

// withoutPath is the reason alone of an error about a file that is named already.
func withoutPath(err error) string {
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		err = pathErr.Err
	}
	return "cannot be read: " + err.Error()
}
