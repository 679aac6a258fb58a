package nameserver

import (
	"context"
	"strings"

	"github.com/miekg/dns"

	"github.com/poststack/poststack/pkg/agent/quote"
	"github.com/poststack/poststack/pkg/hosting"
)

// group is all rows of one name and type, which one question asks for.
type group struct {
	name string // in full
	kind uint16
	rows []row
}

// row is a record of the tables, and what is to be served of it.
type row struct {
	name    string // in full
	kind    uint16
	text    string // of the record
	rr      dns.RR // nil if this package cannot read it, or the name server cannot serve it
	refused string // why it cannot be served
	enabled bool
}

// groups are those of the zone, in its order.
func (c *check) groups() []*group {
	var list []*group
	byKey := map[dns.Question]*group{}
	for _, r := range c.rows() {
		key := dns.Question{Name: r.name, Qtype: r.kind}
		if byKey[key] == nil {
			byKey[key] = &group{name: r.name, kind: r.kind}
			list = append(list, byKey[key])
		}
		byKey[key].rows = append(byKey[key].rows, r)
	}
	return list
}

// rows are the records of the tables, and those that the name server adds: the first name server where no other is
// named, and the names of challenges, which it hands to itself.
func (c *check) rows() (out []row) {
	servers := 0
	for _, r := range c.zone.Records {
		one := row{name: c.full(r.Name), kind: dns.StringToType[r.Type], text: r.Record.String(), enabled: r.Enabled}
		columns := map[string]any{"id": r.ID, "name": r.Name, "type": r.Type, "content": r.Content}
		if r.Priority != nil {
			columns["priority"] = *r.Priority
		}
		if r.TTL != nil {
			columns["ttl"] = *r.TTL
		}
		line, err := quote.ZoneRecord(columns, c.longest())
		if err != nil {
			one.refused = err.Error()
		} else {
			one.rr = c.read(line)
		}
		if one.rr != nil { // also of a type that has a number only
			one.kind = one.rr.Header().Rrtype
		}
		if r.Enabled && r.Type == "NS" && r.Name == "@" {
			servers++
		}
		out = append(out, one)
	}
	server := dns.Fqdn(c.zone.PrimaryNS)
	if servers == 0 {
		line := "@ NS " + server
		out = append(out, row{name: c.apex(), kind: dns.TypeNS, text: line, rr: c.read(line), enabled: true})
	}
	return out
}

// longest is the longest TTL that is served: BIND loads no zone to be signed with one of more than a day.
func (c *check) longest() int {
	const day, ever = 86400, 1<<31 - 1
	if c.zone.Signed {
		return day
	}
	return ever
}

// full is a name of the zone in full.
func (c *check) full(name string) string {
	switch {
	case name == "@":
		return c.apex()
	case strings.HasSuffix(name, "."):
		return name
	default:
		return name + "." + c.apex()
	}
}

// read reads a line of a zone file; nil if it has what only the server knows.
func (c *check) read(line string) dns.RR {
	parser := dns.NewZoneParser(strings.NewReader(line+"\n"), c.apex(), "")
	parser.SetDefaultTTL(min(c.zone.DefaultTTL, uint32(c.longest())))
	rr, ok := parser.Next()
	if !ok {
		return nil
	}
	rr, err := hosting.Sent(rr)
	if err != nil {
		return nil
	}
	return rr
}

// group asks for a group over both protocols, and compares.
func (c *check) group(ctx context.Context, g *group) error {
	for _, r := range g.rows {
		if r.enabled && r.refused != "" {
			c.add(hosting.LeftOut, r.text, "it cannot be served: %s", r.refused)
		}
	}
	where, why := c.placeOf(g)
	switch {
	case where == elsewhere || c.leavesToWildcard(g):
		return nil
	case where == hidden:
		for _, r := range g.rows {
			if r.enabled && r.refused == "" {
				c.add(hosting.LeftOut, r.text, "%s", why)
			}
		}
		return nil
	}
	for _, network := range []string{"udp", "tcp"} {
		m, err := c.ask(ctx, network, g.name, g.kind)
		if err != nil {
			return err
		}
		if network == "udp" && m.Truncated {
			continue // it is what it should be: the whole comes over TCP
		}
		if c.compare(g, where, network, m) {
			return nil // once is enough
		}
	}
	return nil
}
