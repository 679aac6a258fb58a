package config

import (
	"cmp"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/poststack/poststack/pkg/secret"
)

// loader collects the problems of one Load.
type loader struct {
	table    []option
	scope    scope
	problems []Problem
}

// scope is what a value may refer to.
type scope struct {
	root string
	dir  string // the user's working directory
	env  map[string]string
}

// fromDir is a path as the user's shell means it.
func (s scope) fromDir(path string) string {
	if relative(path) {
		return filepath.Join(s.dir, path)
	}
	return path
}

// relative tells whether a path begins at a directory: neither at the root nor at what a shell replaces, of which
// [hostPath] knows the home directory, and refuses the rest.
func relative(path string) bool {
	return !filepath.IsAbs(path) && !strings.HasPrefix(path, "~") && !strings.HasPrefix(path, "$")
}

// layer is the values of one source by key. Only known keys are in it, and no empty values.
type layer map[string]entry

// entry is a value as it was written.
type entry struct {
	raw    string
	source string // for people: the file with its line
	place  string // for problems: with its column too
}

// add collects a problem.
func (l *loader) add(p Problem) { l.problems = append(l.problems, p) }

// apply checks each value of each layer, the weakest layer first, and sets cfg from the strongest.
func (l *loader) apply(cfg *Config, layers ...layer) {
	merged := l.defaults()
	for _, values := range layers {
		maps.Copy(merged, values)
	}
	for _, o := range l.table {
		for _, source := range layers {
			if e, ok := source[o.Key]; ok {
				l.check(o, e)
			}
		}
		raw, row := merged[o.Key].raw, o.Setting
		if raw == "" && o.computed != nil {
			var err error
			if raw, err = o.computed(l.scope); err != nil {
				l.add(Problem{Key: o.Key, Source: "default", Reason: err.Error()})
			}
		}
		row.Source = cmp.Or(merged[o.Key].source, "default")
		if raw != "" {
			row.Value, _ = o.set(cfg, l.scope, raw) // an error has been reported by check
		}
		if o.Secret && row.Value != "" {
			row.Value = secret.Mask
		}
		cfg.settings = append(cfg.settings, row)
	}
	cfg.StateDir = filepath.Join(cfg.StateDir, cfg.Stack)
}

// check reports e if it is not a value for o.
func (l *loader) check(o option, e entry) {
	var scratch Config
	if _, err := o.set(&scratch, l.scope, e.raw); err != nil {
		l.add(Problem{Key: o.Key, Source: e.place, Value: o.show(e.raw), Reason: err.Error(), Allowed: o.Allowed})
	}
}

// defaults is the layer of the table itself.
func (l *loader) defaults() layer {
	values := layer{}
	for _, o := range l.table {
		if o.computed == nil && o.Default != "" {
			values[o.Key] = entry{raw: o.Default}
		}
	}
	return values
}

// maxShown is how much of a bad value a problem quotes, in bytes.
const maxShown = 80

// show is a bad value as a problem quotes it.
func (o option) show(raw string) string {
	if o.Secret {
		return secret.Mask
	}
	if len(raw) > maxShown {
		raw = strings.ToValidUTF8(raw[:maxShown], "") + "…"
	}
	return strconv.Quote(raw)
}

// environment is environ as a map; of a name that is there twice, the last value counts.
func environment(environ []string) map[string]string {
	env := make(map[string]string, len(environ))
	for _, pair := range environ {
		if name, value, ok := strings.Cut(pair, "="); ok {
			env[name] = value
		}
	}
	return env
}

// testPrefix is how the variables begin that only the tests read (docs/testing.md).
const testPrefix = "POSTSTACK_TEST_"

// readEnvironment returns the settings among the variables. One that begins like ours and is none is a
// problem: a misspelt setting must not be ignored.
func (l *loader) readEnvironment() layer {
	values := layer{}
	known := map[string]bool{}
	for _, o := range l.table {
		known[o.Env] = true
		if raw := l.scope.env[o.Env]; raw != "" {
			place := "environment " + o.Env
			if o.typed {
				raw = l.scope.fromDir(raw)
			}
			values[o.Key] = entry{raw: raw, source: place, place: place}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(l.scope.env)) {
		ours := strings.HasPrefix(name, "POSTSTACK_") && !strings.HasPrefix(name, testPrefix)
		if ours && !known[name] && l.scope.env[name] != "" {
			l.add(Problem{Key: name, Source: "environment", Reason: fmt.Sprintf("unknown setting; the nearest known one is %q",
				nearest(l.table, name).Env)})
		}
	}
	return values
}
