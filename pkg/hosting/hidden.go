package hosting

import (
	"fmt"
	"slices"
	"strings"
)

// hides tells whether a name server answers with the first record in place of the second: it gives away all that is
// below its name. Of a zone that is handed over, the addresses of servers are needed here.
func hides(top, r Record) bool {
	if top.Type != "DNAME" && (top.Type != "NS" || top.Name == "@") {
		return false
	}
	below := strings.HasSuffix(r.Name, "."+top.Name) || top.Name == "@" && r.Name != "@"
	if top.Type == "DNAME" {
		return below
	}
	return !handsOver(r.Type) && (below || r.Name == top.Name)
}

// handsOver tells whether records of a type hand a zone over, with the addresses of its servers.
func handsOver(kind string) bool { return kind == "NS" || kind == "DS" || holdsAddress(kind) }

// holdsAddress tells whether records of a type hold an address.
func holdsAddress(kind string) bool { return kind == "A" || kind == "AAAA" }

// hiddenNotes says what the name server answers no more once a record is there, and whether it answers with that at
// all.
func hiddenNotes(zone Domain, r Record, all []RecordRow) (notes []string) {
	for _, other := range all {
		if other.Enabled && hides(r, other.Record) {
			notes = append(notes, fmt.Sprintf("%q is answered by the servers of %s from now on",
				other.Record, absolute(zone, r.Name)))
		}
		if other.Enabled && loses(zone, other.Record, r, all) {
			notes = append(notes, fmt.Sprintf("%s is in what %q gives away: nobody is given this record, unless it is the "+
				"address of a server that an NS record names", absolute(zone, r.Name), other.Record))
		}
	}
	return append(notes, wildcardNotes(zone, r, all)...)
}

// loses tells whether a zone that is handed over has no use for a record that could be one of its servers: it is no
// address of any of them, or one that only the zone itself could hand over.
func loses(zone Domain, cut, r Record, all []RecordRow) bool {
	below := strings.HasSuffix(r.Name, "."+cut.Name)
	if cut.Type != "NS" || cut.Name == "@" || !handsOver(r.Type) || !below && r.Name != cut.Name {
		return false
	}
	if !holdsAddress(r.Type) {
		return below
	}
	return !slices.ContainsFunc(all, func(other RecordRow) bool {
		return other.Enabled && other.Type == "NS" && relativeTo(zone, other.target()) == r.Name
	})
}

// wildcardNotes says what a wildcard answers no more once a name is there, or one below it (RFC 4592, 2.2.1). Names
// with an underscore are no hosts, and want nothing of it.
func wildcardNotes(zone Domain, r Record, all []RecordRow) []string {
	source, name := Answering(r.Name, all), r.Name
	if source == r.Name {
		return nil
	}
	for above := nameAbove(name); above != "@" && !exists(all, above); above = nameAbove(name) {
		name = above
	}
	var hidden []string
	for _, other := range all {
		if other.Enabled && other.Name == source && (name != r.Name || other.Type != r.Type) {
			hidden = append(hidden, fmt.Sprintf("%q", other.Record))
		}
	}
	does := "does"
	if len(hidden) > 1 {
		does = "do"
	}
	if len(hidden) == 0 || strings.HasPrefix(name, "_") {
		return nil
	}
	return []string{fmt.Sprintf("%s %s not answer for %s any more: that has a record of its own now, or below it",
		join(hidden), does, absolute(zone, name))}
}
