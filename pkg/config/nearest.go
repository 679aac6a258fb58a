package config

import (
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
)

// nearest returns the setting whose key or variable is most like name. People write one in the manner of the
// other, and leave out the group, so all spellings of a setting count.
func nearest(table []option, name string) option {
	name = spelling(name)
	return slices.MinFunc(table, func(a, b option) int { return a.distance(name) - b.distance(name) })
}

// distance is how many letters are different; leaving out the group costs one.
func (o option) distance(name string) int {
	last := o.Key[strings.LastIndexByte(o.Key, '.')+1:]
	return min(
		levenshtein.ComputeDistance(name, spelling(o.Key)),
		levenshtein.ComputeDistance(name, spelling(o.Env)),
		levenshtein.ComputeDistance(name, last)+1,
	)
}

// nearestGroup returns the group of settings whose name is most like name.
func nearestGroup(table []option, name string) string {
	var groups []string
	for _, o := range table {
		if group, _, ok := strings.Cut(o.Key, "."); ok {
			groups = append(groups, group)
		}
	}
	name = spelling(name)
	return slices.MinFunc(groups, func(a, b string) int {
		return levenshtein.ComputeDistance(name, a) - levenshtein.ComputeDistance(name, b)
	})
}

// spelling is name without what is different between the file and the environment.
func spelling(name string) string {
	name = strings.NewReplacer(".", "_", "-", "_").Replace(strings.ToLower(name))
	return strings.TrimPrefix(name, "poststack_")
}
