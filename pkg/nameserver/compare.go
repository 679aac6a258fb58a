package nameserver

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/poststack/poststack/pkg/hosting"
)

// compare tells of what an answer has otherwise than the tables, and whether there was anything.
func (c *check) compare(g *group, where place, network string, m *dns.Msg) bool {
	before := len(c.problems)
	served, signatures := found(g, where, m)
	over := "over " + strings.ToUpper(network)
	var ttls []uint32
	unread := 0
	for _, r := range g.rows {
		switch {
		case !r.enabled:
		case r.rr != nil:
			ttls = append(ttls, r.rr.Header().Ttl)
		case r.refused == "":
			unread++
		}
	}
	rest := slices.Clone(served)
	var lacking []row
	for i, r := range g.rows {
		at := slices.IndexFunc(rest, func(rr dns.RR) bool { return r.rr != nil && dns.IsDuplicate(rr, r.rr) })
		switch {
		case r.rr == nil || r.enabled && wanted(g.rows[:i], r):
		case !r.enabled && at >= 0 && !wanted(g.rows, r):
			c.add(hosting.Otherwise, r.text, "it is out of service in the tables, and is served %s", over)
		case r.enabled && at < 0:
			lacking = append(lacking, r)
		case r.enabled && !slices.Contains(ttls, rest[at].Header().Ttl):
			c.add(hosting.Otherwise, r.text, "it is served %s with a TTL of %d, and the tables have %d",
				over, rest[at].Header().Ttl, r.rr.Header().Ttl)
		}
		if at >= 0 {
			rest = slices.Delete(rest, at, at+1)
		}
	}
	c.tellLacking(g, lacking, rest[min(unread, len(rest)):], over, m)
	if c.zone.Signed && len(c.keys) > 0 && where == inAnswer && len(served) > 0 {
		c.verify(g, served, signatures)
	}
	return len(c.problems) > before
}

// wanted tells whether one of those rows wants what this one holds: each record is served once.
func wanted(rows []row, r row) bool {
	return slices.ContainsFunc(rows, func(other row) bool {
		return other.enabled && other.rr != nil && dns.IsDuplicate(other.rr, r.rr)
	})
}

// tellLacking tells of rows that are not served, and of what is served that is in no row.
func (c *check) tellLacking(g *group, lacking []row, rest []dns.RR, over string, m *dns.Msg) {
	var others []string
	for _, rr := range rest {
		others = append(others, held(rr))
	}
	for _, r := range lacking {
		switch {
		case len(others) > 0:
			c.add(hosting.Otherwise, r.text, "it is served %s as %s", over, strings.Join(others, ", "))
		case m.Rcode != dns.RcodeSuccess:
			c.add(hosting.NotServed, r.text, "it is not served %s: the answer is %s", over, dns.RcodeToString[m.Rcode])
		default:
			c.add(hosting.NotServed, r.text, "it is not served %s", over)
		}
	}
	if len(lacking) == 0 && len(others) > 0 {
		name := c.relative(g.name)
		c.add(hosting.Otherwise, name+" "+dns.TypeToString[g.kind], "%s is served %s, and in no row of the tables",
			strings.Join(others, ", "), over)
	}
}

// held is what a record holds, without its name.
func held(rr dns.RR) string { return strings.TrimPrefix(rr.String(), rr.Header().String()) }

// found are the records of a group in an answer, and their signatures.
func found(g *group, where place, m *dns.Msg) (records []dns.RR, signatures []*dns.RRSIG) {
	section := map[place][]dns.RR{inAnswer: m.Answer, inReferral: m.Ns, inGlue: m.Extra}[where]
	if where == inAnswer && !m.Authoritative {
		return nil, nil
	}
	for _, rr := range section {
		if !strings.EqualFold(rr.Header().Name, g.name) {
			continue
		}
		if signature, ok := rr.(*dns.RRSIG); ok && signature.TypeCovered == g.kind {
			signatures = append(signatures, signature)
		}
		if rr.Header().Rrtype == g.kind {
			records = append(records, rr)
		}
	}
	return records, signatures
}

// readKeys reads the keys of a signed zone, and tells whether it has some: a server needs a moment to make them.
func (c *check) readKeys(ctx context.Context) (bool, error) {
	const look = 100 * time.Millisecond
	for {
		m, err := c.ask(ctx, "tcp", c.apex(), dns.TypeDNSKEY)
		if err != nil {
			return false, err
		}
		g := &group{name: c.apex(), kind: dns.TypeDNSKEY}
		records, signatures := found(g, inAnswer, m)
		for _, rr := range records {
			if key, ok := rr.(*dns.DNSKEY); ok {
				c.keys = append(c.keys, key)
			}
		}
		if len(c.keys) > 0 {
			c.verify(g, records, signatures)
			return true, nil
		}
		select {
		case <-ctx.Done():
			return false, context.Cause(ctx)
		case <-c.settled.Done():
			c.add(hosting.Unsigned, "", "the zone is to be signed (setting dnssec), and has no keys")
			return false, nil
		case <-time.After(look):
		}
	}
}

// verify tells of records that are not signed by a key of the zone, or not for now.
func (c *check) verify(g *group, records []dns.RR, signatures []*dns.RRSIG) {
	name := g.name + " " + dns.TypeToString[g.kind]
	if len(signatures) == 0 {
		c.add(hosting.Unsigned, name, "it is served without a signature, in a zone that is signed")
		return
	}
	why := "no key of the zone has made it"
	for _, signature := range signatures {
		for _, key := range c.keys {
			switch {
			case key.KeyTag() != signature.KeyTag:
			case signature.Verify(key, records) != nil:
				why = signature.Verify(key, records).Error()
			case !signature.ValidityPeriod(time.Now()):
				why = "it holds from " + dns.TimeToString(signature.Inception) + " to " + dns.TimeToString(signature.Expiration)
			default:
				return
			}
		}
	}
	c.add(hosting.Unsigned, name, "its signature is not good: %s", why)
}
