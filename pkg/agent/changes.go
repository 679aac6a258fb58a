package agent

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/poststack/poststack/pkg/agent/render"
)

// changes are files that differ from what a program knows of, by path.
type changes map[string]render.How

// and adds what has changed since: of a file that was added and has changed, only the first matters to who knows it
// not.
func (c changes) and(later []render.Change) changes {
	out := maps.Clone(c)
	if out == nil {
		out = changes{}
	}
	for _, change := range later {
		switch before := out[change.Path]; {
		case before == render.Added && change.How == render.Changed:
		case before == render.Removed && change.How == render.Added:
			out[change.Path] = render.Changed
		default:
			out[change.Path] = change.How
		}
	}
	return out
}

// String has a line for each file, by path.
func (c changes) String() string {
	var out strings.Builder
	for _, path := range slices.Sorted(maps.Keys(c)) {
		fmt.Fprintf(&out, "%s %s\n", c[path], path)
	}
	return out.String()
}
