package config

import (
	"strings"

	"github.com/agnivade/levenshtein"
)

// nearest returns the setting whose key or variable is most like name. People write one in the manner of the
// other, and leave out the group, so all spellings of a setting count.
func nearest(table []option, name string) option {
	best, distance := table[0], -1
	for _, o := range table {
		if d := o.distance(spelling(name)); distance < 0 || d < distance {
			best, distance = o, d
		}
	}
	return best
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
	best, distance := "", -1
	for _, o := range table {
		group, _, ok := strings.Cut(o.Key, ".")
		if !ok {
			continue
		}
		if d := levenshtein.ComputeDistance(spelling(name), group); distance < 0 || d < distance {
			best, distance = group, d
		}
	}
	return best
}

// spelling is name without what is different between the file and the environment.
func spelling(name string) string {
	name = strings.NewReplacer(".", "_", "-", "_").Replace(strings.ToLower(name))
	return strings.TrimPrefix(name, "poststack_")
}
