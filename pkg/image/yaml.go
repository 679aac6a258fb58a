package image

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/agnivade/levenshtein"
	"go.yaml.in/yaml/v3"
)

// problems collects what is wrong with one file, each with its line.
type problems struct {
	file string // as messages name it
	list []error
}

// add notes something wrong at line; 0 is the file as a whole.
func (p *problems) add(line int, format string, args ...any) {
	at := p.file
	if line > 0 {
		at += ":" + strconv.Itoa(line)
	}
	p.list = append(p.list, fmt.Errorf(at+": "+format, args...))
}

func (p *problems) err() error { return errors.Join(p.list...) }

// decode reads data into out, a pointer to a struct with yaml tags, and refuses every key that the struct
// does not have. It returns the document's root for the lines of its values.
func decode(data []byte, out any, p *problems) *yaml.Node {
	var doc yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(data))
	if err := dec.Decode(&doc); err != nil && !errors.Is(err, io.EOF) {
		p.syntax(err)
		return nil
	}
	if len(doc.Content) == 0 {
		p.add(0, "is empty")
		return nil
	}
	root := doc.Content[0]
	if root.Kind != yaml.MappingNode {
		p.add(root.Line, "must be a mapping of keys to values")
		return nil
	}
	if err := dec.Decode(&yaml.Node{}); !errors.Is(err, io.EOF) {
		p.add(0, "must hold one document")
	}
	checkKeys(root, reflect.TypeOf(out).Elem(), "", p)
	if err := root.Decode(out); err != nil {
		p.syntax(err)
	}
	return root
}

// syntax notes an error of the YAML library, which starts with "yaml: line N:" or holds several "line N:".
func (p *problems) syntax(err error) {
	lines := []string{strings.TrimPrefix(err.Error(), "yaml: ")}
	if typeErr, ok := errors.AsType[*yaml.TypeError](err); ok {
		lines = typeErr.Errors
	}
	for _, text := range lines {
		line := 0
		if rest, ok := strings.CutPrefix(text, "line "); ok {
			if number, after, ok := strings.Cut(rest, ": "); ok {
				if n, err := strconv.Atoi(number); err == nil {
					line, text = n, after
				}
			}
		}
		p.add(line, "%s", text)
	}
}

// checkKeys refuses keys of n that t, a struct, does not have; path is where n stands.
func checkKeys(n *yaml.Node, t reflect.Type, path string, p *problems) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case n.Kind == yaml.AliasNode:
		checkKeys(n.Alias, t, path, p)
	case n.Kind == yaml.SequenceNode && t.Kind() == reflect.Slice:
		for _, item := range n.Content {
			checkKeys(item, t.Elem(), path, p)
		}
	case n.Kind == yaml.MappingNode && t.Kind() == reflect.Struct:
		known := make(map[string]reflect.Type, t.NumField())
		for f := range t.Fields() {
			if name := f.Tag.Get("yaml"); name != "-" {
				known[name] = f.Type
			}
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			field, ok := known[key.Value]
			if !ok {
				p.add(key.Line, "unknown key %q%s", path+key.Value, suggest(key.Value, keys(known)))
				continue
			}
			checkKeys(n.Content[i+1], field, path+key.Value+".", p)
		}
	}
}

// keys gives the keys of m, sorted.
func keys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// suggest names the known word that is nearest to got, or all of them when none is near.
func suggest(got string, known []string) string {
	best, distance := "", 1+len(got)/2
	for _, k := range known {
		if d := levenshtein.ComputeDistance(strings.ToLower(got), k); d <= distance && (best == "" || d < distance) {
			best, distance = k, d
		}
	}
	if best != "" {
		return fmt.Sprintf(": did you mean %q?", best)
	}
	return ": known are " + strings.Join(known, ", ")
}

// lineOf gives the line of the value at path below n, or of the nearest thing above it that exists. Strings
// are keys, ints are places in a list.
func lineOf(n *yaml.Node, path ...any) int {
	if n == nil {
		return 0
	}
	for _, step := range path {
		next := child(n, step)
		if next == nil {
			break
		}
		n = next
	}
	return n.Line
}

// child gives the value of n at one step, or nil.
func child(n *yaml.Node, step any) *yaml.Node {
	switch s := step.(type) {
	case int:
		if n.Kind == yaml.SequenceNode && s < len(n.Content) {
			return n.Content[s]
		}
	case string:
		for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == s {
				return n.Content[i+1]
			}
		}
	}
	return nil
}
