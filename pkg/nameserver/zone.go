package nameserver

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/poststack/poststack/pkg/agent/quote"
	"github.com/poststack/poststack/pkg/hosting"
)

// check is the check of one zone.
type check struct {
	server  Server
	zone    hosting.ServedZone
	owned   map[string]bool      // names that are zones of their own
	zones   []hosting.ServedZone // all of the server
	settled context.Context      // ends when the server should have what the tables have
	told    Told                 // before
	again   func() Told          // asks once more, once for all zones
	why     string               // the zone is not served as the tables have it; "" if it is, as far as is known
	tcp     *dns.Conn            // kept for the zone; nil until it is used
	keys    []*dns.DNSKEY

	problems []hosting.Problem
}

func (c *check) close() {
	if c.tcp != nil {
		_ = c.tcp.Close()
	}
}

func (c *check) apex() string { return dns.Fqdn(c.zone.Name) }

func (c *check) add(state hosting.ProblemState, record, format string, args ...any) {
	c.problems = append(c.problems,
		hosting.Problem{Zone: c.zone.Name, Record: record, State: state, Text: fmt.Sprintf(format, args...)})
}

// all asks for the zone itself, then for what is in it.
func (c *check) all(ctx context.Context) (Answered, []hosting.Problem, error) {
	a := Answered{Zone: c.zone.Name, Kind: c.zone.Kind, Serial: c.zone.Serial}
	soa, status, err := c.soa(ctx)
	if err != nil {
		return a, nil, err
	}
	switch {
	case soa != nil && c.serialFits(soa.Serial) && !c.knows(): // it was so before the last change
	case c.isCurrent(soa):
		c.why = c.told.LeftOut[c.zone.Name]
	default:
		c.why = c.again().LeftOut[c.zone.Name]
	}
	switch {
	case !c.zone.Enabled:
		if soa != nil {
			c.add(hosting.Otherwise, "", "the zone is out of service in the tables, and is served")
		}
	case soa == nil && c.zone.Kind == "secondary":
		c.add(hosting.NotServed, "", "the zone is not served (%s): it has not been transferred from %s",
			status, addresses(c.zone.Primaries))
	case soa == nil && c.why != "":
		c.add(hosting.LeftOut, "", "the zone is not served (%s): %s", status, c.why)
	case soa == nil:
		c.add(hosting.NotServed, "", "the zone is not served: the answer is %s", status)
	default:
		a.Served = soa.Serial
		if c.zone.Kind == "primary" {
			a.Signed, a.Records, err = c.inside(ctx, soa)
		}
	}
	a.Wrong = len(c.problems)
	return a, c.problems, err
}

func addresses(list []netip.Addr) string {
	var out []string
	for _, address := range list {
		out = append(out, address.String())
	}
	return strings.Join(out, ", ")
}

// soa asks for the SOA record over both, until it has the serial of the tables or the server had time enough. It is
// nil if the server does not answer for the zone; the status says what it answers then.
func (c *check) soa(ctx context.Context) (soa *dns.SOA, status string, err error) {
	const look = 50 * time.Millisecond
	for {
		soa = nil
		for _, network := range []string{"udp", "tcp"} {
			m, err := c.ask(ctx, network, c.apex(), dns.TypeSOA)
			if err != nil {
				return nil, "", err
			}
			one := apexSOA(m)
			if status = dns.RcodeToString[m.Rcode]; m.Rcode == dns.RcodeSuccess {
				status = "no SOA record over " + strings.ToUpper(network)
			}
			if soa = one; one == nil {
				break
			}
		}
		if c.isCurrent(soa) {
			return soa, status, nil
		}
		select {
		case <-ctx.Done():
			return nil, "", context.Cause(ctx)
		case <-c.settled.Done():
			return soa, status, nil
		case <-time.After(look):
		}
	}
}

func apexSOA(m *dns.Msg) *dns.SOA {
	if !m.Authoritative {
		return nil
	}
	for _, rr := range m.Answer {
		if soa, ok := rr.(*dns.SOA); ok {
			return soa
		}
	}
	return nil
}

// isCurrent tells whether there is nothing to wait for.
func (c *check) isCurrent(soa *dns.SOA) bool {
	switch {
	case !c.zone.Enabled:
		return soa == nil
	case c.knows() && c.told.LeftOut[c.zone.Name] != "":
		return true
	case c.zone.Kind == "secondary":
		return soa != nil
	default:
		return soa != nil && c.serialFits(soa.Serial)
	}
}

// knows tells whether the server had read the zone as it is when it told of itself.
func (c *check) knows() bool { return c.told.Read.After(c.zone.Changed) }

// serialFits tells whether a serial is that of the tables. Signing a zone raises its own; serials go round (RFC
// 1982). BIND counts by one from the one that it served before, if the rows have changed while it was stopped.
func (c *check) serialFits(serial uint32) bool {
	return serial == c.zone.Serial || c.zone.Signed && (int32(serial-c.zone.Serial) > 0 || c.knows())
}

// inside asks for all records of a primary zone.
func (c *check) inside(ctx context.Context, soa *dns.SOA) (signed bool, asked int, err error) {
	switch {
	case c.why != "" && !c.serialFits(soa.Serial):
		c.add(hosting.LeftOut, "", "the zone is served as it last was, with serial %d and not %d: %s",
			soa.Serial, c.zone.Serial, c.why)
	case c.why != "":
		c.add(hosting.LeftOut, "", "%s", c.why)
	case !c.serialFits(soa.Serial):
		c.add(hosting.Stale, "", "the zone is served with serial %d, and the tables have %d", soa.Serial, c.zone.Serial)
	default:
		c.compareSOA(soa)
	}
	if c.zone.Signed {
		if signed, err = c.readKeys(ctx); err != nil {
			return false, 0, err
		}
	}
	for _, g := range c.groups() {
		if err := c.group(ctx, g); err != nil {
			return signed, asked, err
		}
		asked += len(g.rows)
	}
	c.below()
	return signed, asked, c.challenges(ctx)
}

// compareSOA compares what the SOA record has beside its serial.
func (c *check) compareSOA(soa *dns.SOA) {
	z := c.zone
	mailbox, err := quote.ZoneMailbox(z.Hostmaster)
	want, read := c.read(fmt.Sprintf("@ SOA %s %s %d %d %d %d %d", dns.Fqdn(z.PrimaryNS), mailbox, z.Serial, z.Refresh,
		z.Retry, z.Expire, z.Minimum)).(*dns.SOA)
	if err != nil || !read {
		return // no record can be made of it: the zone is left out
	}
	fields := func(soa *dns.SOA) string {
		return fmt.Sprintf("%s %s %d %d %d %d", soa.Ns, soa.Mbox, soa.Refresh, soa.Retry, soa.Expire, soa.Minttl)
	}
	if have := fields(soa); !strings.EqualFold(fields(want), have) {
		c.add(hosting.Otherwise, "@ SOA", "it is served as %s, and the tables have %s", have, fields(want))
	}
}

// challenges asks for the zones that certificates are proved by.
func (c *check) challenges(ctx context.Context) error {
	for _, one := range c.zone.Challenges {
		if one.Obstacle != "" {
			c.add(hosting.LeftOut, one.Name,
				"it is no zone of its own, so that no certificate is issued by dns-01: %s is in the way%s", one.Obstacle,
				one.Remedy(c.zone.Name))
			continue
		}
		m, err := c.ask(ctx, "tcp", dns.Fqdn(one.Name), dns.TypeSOA)
		if err != nil {
			return err
		}
		if soa := apexSOA(m); soa == nil || !strings.EqualFold(soa.Hdr.Name, dns.Fqdn(one.Name)) {
			c.add(hosting.NotServed, one.Name,
				"it is no zone of its own yet, as a certificate by dns-01 needs it: the answer is %s", dns.RcodeToString[m.Rcode])
		}
	}
	return nil
}
