package hosting

import (
	"context"
	"slices"
	"strings"
)

// beside refuses a record that cannot stand beside those of its zone.
func beside(zone Domain, r Record, all []RecordRow) error {
	if leadsBack(zone, r, all) {
		return refuse("%q leads back to its own name, so that nobody who follows it comes to an end", r)
	}
	host := r.host(zone, all)
	with := append(slices.Clone(all), RecordRow{Record: r, Enabled: true})
	for _, other := range all {
		if !other.Enabled && other.Content != r.Content {
			continue
		}
		if other.Name == r.Name {
			if err := besideNamesake(zone, r, other.Record); err != nil {
				return err
			}
		}
		switch {
		case other.Type == "CNAME" && other.Name == host:
			return refuse("%s records must point to a name with an address of its own, and %s is a CNAME: name what it stands "+
				"for, %s",
				r.Type, r.target(), other.Content)
		case r.Type == "CNAME" && other.Record.host(zone, with) == r.Name:
			return refuse("%q points to %s, which so must have an address of its own and can be no CNAME", other.Record,
				relativeTo(zone, other.target()))
		case hides(other.Record, r):
			return refuse("%s is below %s, which %q gives away: nobody would be given this record",
				absolute(zone, r.Name), absolute(zone, other.Name), other.Record)
		case r.Type == "DNAME" && hides(r, other.Record):
			return refuse("a DNAME record of %s hides all names below it, and there is %q; remove that first with: mage "+
				"dns:remove %s %s %s",
				r.Name, other.Record, string(zone), other.Name, other.Type)
		}
	}
	return nil
}

// besideNamesake refuses a record that cannot stand beside that one of the same name.
func besideNamesake(zone Domain, r, other Record) error {
	switch {
	case same(zone, r, other):
		return refuse("record %q is in zone %s already", other, zone)
	case other.Type == "CNAME" || r.Type == "CNAME":
		return refuse("a name with a CNAME record can have no other, and %s has %q; remove that first with: mage "+
			"dns:remove %s %s %s",
			r.Name, other, string(zone), other.Name, other.Type)
	case policy(r.Type, r.Content) != "" && policy(other.Type, other.Content) == policy(r.Type, r.Content):
		return refuse("a name has one %s record, and of two none counts: %s has %q; put all into one, and remove that "+
			"with: mage dns:remove %s %s TXT -content=TEXT",
			policy(r.Type, r.Content), r.Name, other.Content, string(zone), r.Name)
	case excludes(r, other):
		return refuse("%q and %q cannot both be true; remove the one with: mage dns:remove %s %s %s",
			other, r, string(zone), other.Name, other.Type)
	}
	return nil
}

// leadsBack tells whether who follows a record comes to its name again: from one CNAME record to the next, or by a
// DNAME record to a name below it, which it renames, too.
func leadsBack(zone Domain, r Record, all []RecordRow) bool {
	if r.Type != "CNAME" && r.Type != "DNAME" {
		return false
	}
	name := relativeTo(zone, r.target())
	if r.Type == "DNAME" {
		return name != "" && (name == r.Name || r.Name == "@" || strings.HasSuffix(name, "."+r.Name))
	}
	all = append(slices.Clone(all), RecordRow{Record: r, Enabled: true})
	for range all {
		if name == "" {
			return false
		}
		source := Answering(name, all)
		at := slices.IndexFunc(all, func(o RecordRow) bool { return o.Enabled && o.Name == source && o.Type == "CNAME" })
		if source == r.Name || at < 0 {
			return source == r.Name
		}
		name = relativeTo(zone, all[at].target())
	}
	return false
}

// excludes tells whether two records of one name contradict each other: a name is renamed once (RFC 6672, 2.4), and
// where one says that there is no such service, no other has one (RFC 7505, 3; RFC 2782).
func excludes(r, other Record) bool {
	switch {
	case r.Type != other.Type || r.Content == other.Content:
		return false
	case r.Type == "DNAME":
		return true
	}
	return (r.Type == "MX" || r.Type == "SRV") && (r.target() == "." || other.target() == ".")
}

// belongs refuses a record whose name is in a zone of its own below this one.
func belongs(ctx context.Context, conn Conn, zone Domain, r Record, all []RecordRow) error {
	above, err := zoneAbove(ctx, conn, Domain(absolute(zone, r.Name)))
	if err != nil {
		return err
	}
	return belongsTo(zone, above, r, all)
}

// belongsTo refuses a record of a name that another zone has, unless it hands that over.
func belongsTo(zone Domain, above string, r Record, all []RecordRow) error {
	cut := Record{Name: relativeTo(zone, above+"."), Type: "NS"}
	if above == string(zone) || above == "" || handsOver(r.Type) && !loses(zone, cut, r, all) {
		return nil
	}
	return refuse("%s is in zone %s, which is one of its own; add the record there", absolute(zone, r.Name), above)
}
