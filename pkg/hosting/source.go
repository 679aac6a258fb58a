package hosting

import (
	"slices"
	"strings"
)

// source is the name whose records answer for the need: of CAA records the nearest above that has some, or leads to
// another name that may (RFC 8659, 3).
func (n *Need) source(there []RecordRow) string {
	if n.Type == "CAA" {
		for name := n.Name; ; name = nameAbove(name) {
			has := func(r RecordRow) bool { return r.Enabled && r.Name == name && (r.Type == "CAA" || r.Type == "CNAME") }
			if name == "@" || slices.ContainsFunc(there, has) {
				return name
			}
		}
	}
	return Answering(n.Name, there)
}

// Answering is the name of a zone whose records are given to who asks for a name: itself, or the wildcard's nearest
// above if nothing is there (RFC 4592).
func Answering(name string, there []RecordRow) string {
	if name == "@" || exists(there, name) {
		return name
	}
	for name = nameAbove(name); ; name = nameAbove(name) {
		switch {
		case name == "@":
			return "*"
		case exists(there, name):
			return "*." + name
		}
	}
}

// exists tells whether a name of the zone has records, or one below it has.
func exists(there []RecordRow, name string) bool {
	return slices.ContainsFunc(there, func(r RecordRow) bool {
		return r.Enabled && (r.Name == name || strings.HasSuffix(r.Name, "."+name))
	})
}

// nameAbove is a name of the zone without its first part.
func nameAbove(name string) string {
	_, rest, _ := strings.Cut(name, ".")
	if rest == "" {
		return "@"
	}
	return rest
}
