package engine

import (
	"bytes"
	"strings"

	"github.com/BurntSushi/toml"
)

// settings are the tables of a containers.conf: key → value, or key → table.
type settings map[string]any

// parseConf reads a containers.conf, as podman itself does by the same library.
func parseConf(text string) (settings, error) {
	out := settings{}
	if _, err := toml.Decode(text, (*map[string]any)(&out)); err != nil {
		return nil, err
	}
	return out, nil
}

// set sets key of a table, whose name may have dots.
func (s settings) set(table, key string, value any) {
	for name := range strings.SplitSeq(table, ".") {
		inner, ok := s[name].(map[string]any)
		if !ok {
			inner = map[string]any{}
			s[name] = inner
		}
		s = inner
	}
	s[key] = value
}

// merge lays other over s, table by table: of a value that both have, the one of other stays.
func (s settings) merge(other map[string]any) {
	for key, value := range other {
		ours, isTable := s[key].(map[string]any)
		theirs, both := value.(map[string]any)
		if isTable && both {
			settings(ours).merge(theirs)
			continue
		}
		s[key] = value
	}
}

// String writes s as TOML, sorted.
func (s settings) String() string {
	var b bytes.Buffer
	encoder := toml.NewEncoder(&b)
	encoder.Indent = ""
	if err := encoder.Encode(map[string]any(s)); err != nil { // what was read can be written
		panic(err)
	}
	return b.String()
}
