package nameserver

import (
	"cmp"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/poststack/poststack/pkg/hosting"
)

// place is where the answer to a question stands.
type place int

const (
	inAnswer   place = iota
	inReferral       // the names of the servers of a zone that is handed over
	inGlue           // their addresses
	elsewhere        // in a zone that this server has, too, and is asked as that
	hidden           // nowhere: another zone has the name
)

// placeOf finds out where a group is answered, or why it is not. A zone below, of this server or handed over to others,
// has its names for itself; above are only its name servers with their addresses, and its DS records.
func (c *check) placeOf(g *group) (place, string) {
	if top := c.renamed(g.name); top != "" {
		return hidden, top + " has a DNAME record, which answers for all names below it"
	}
	for name := g.name; name != c.apex() && name != "."; name = above(name) {
		ours := c.owned[name]
		if !ours && !c.has("NS", name) {
			continue
		}
		cut := g.name == name
		switch {
		case cut && g.kind == dns.TypeDS:
			return inAnswer, ""
		case ours && (cut && g.kind == dns.TypeNS || isAddress(g.kind) && c.isServerOf(g.name, "")):
			return elsewhere, ""
		case cut && g.kind == dns.TypeNS:
			return inReferral, ""
		case !ours && isAddress(g.kind) && c.isServerOf(g.name, name):
			return inGlue, ""
		default:
			return hidden, strings.TrimSuffix(name, ".") +
				" is a zone of its own, or handed over to other name servers: they answer for this name"
		}
	}
	return inAnswer, ""
}

// below tells of zones of this server below a signed one that whoever checks signatures takes for forged: that must say
// that there is another zone, and that it has no keys if it has none (RFC 4035, 5.2).
func (c *check) below() {
	for _, z := range c.zones {
		full := dns.Fqdn(z.Name)
		if !c.zone.Signed || !z.Enabled || !c.isNext(full) {
			continue
		}
		name := c.relative(full)
		if !c.has("NS", full) {
			c.add(hosting.Unsigned, name+" NS", "%s is a zone of its own, and this one, which is signed, does not hand it "+
				"over: whoever checks signatures takes its answers for forged; add a record with: mage dns:add %s %s NS SERVER",
				z.Name, c.zone.Name, name)
		}
		if c.has("DS", full) && !z.Signed && z.Kind == "primary" {
			c.add(hosting.Unsigned, name+" DS", "%s is a zone here and is not signed: whoever checks signatures takes its "+
				"answers for forged; remove the record with: mage dns:remove %s %s DS", z.Name, c.zone.Name, name)
		}
	}
}

// isNext tells whether a name is below the zone, and in no other between them.
func (c *check) isNext(name string) bool {
	if name == c.apex() || !dns.IsSubDomain(c.apex(), name) {
		return false
	}
	for up := above(name); up != c.apex() && up != "."; up = above(up) {
		if c.owned[up] || c.has("NS", up) {
			return false
		}
	}
	return true
}

func above(name string) string {
	if next, end := dns.NextLabel(name, 0); !end {
		return name[next:]
	}
	return "."
}

// renamed is the name above that one which a DNAME record puts into another place; "" if none does.
func (c *check) renamed(name string) string {
	for name != c.apex() && name != "." {
		name = above(name)
		if c.has("DNAME", name) {
			return strings.TrimSuffix(name, ".")
		}
	}
	return ""
}

// has tells whether a name has a record of that type.
func (c *check) has(kind, name string) bool {
	return slices.ContainsFunc(c.zone.Records, func(r hosting.ServedRecord) bool {
		return r.Enabled && r.Type == kind && c.full(r.Name) == name
	})
}

func isAddress(kind uint16) bool { return kind == dns.TypeA || kind == dns.TypeAAAA }

// isServerOf tells whether a name is that of a server to which a zone is handed over; "" is any zone.
func (c *check) isServerOf(server, zone string) bool {
	return slices.ContainsFunc(c.zone.Records, func(r hosting.ServedRecord) bool {
		return r.Enabled && r.Type == "NS" && (zone == "" || c.full(r.Name) == zone) &&
			strings.EqualFold(c.full(r.Content), server)
	})
}

// leavesToWildcard tells whether all rows of a group are out of service, and a wildcard answers for the name.
func (c *check) leavesToWildcard(g *group) bool {
	if slices.ContainsFunc(g.rows, func(r row) bool { return r.enabled }) {
		return false
	}
	var there []hosting.RecordRow
	for _, r := range c.zone.Records {
		there = append(there, hosting.RecordRow{Record: r.Record, Enabled: r.Enabled})
	}
	source := hosting.Answering(c.relative(g.name), there)
	return strings.HasPrefix(source, "*") && slices.ContainsFunc(there, func(r hosting.RecordRow) bool {
		return r.Enabled && r.Name == source
	})
}

// relative is a name as records of the zone have it.
func (c *check) relative(name string) string {
	return cmp.Or(strings.TrimSuffix(strings.TrimSuffix(name, c.apex()), "."), "@")
}
