package hosting

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/poststack/poststack/pkg/agent/quote"
)

// servable refuses what a name server could not read: one such record keeps it from taking any change of the zone.
func (p *Parsed) servable(zone Domain) error {
	row := map[string]any{"id": 0, "name": p.Name, "type": p.Type, "content": p.Content}
	if p.Priority != nil {
		row["priority"] = *p.Priority
	}
	line, err := quote.ZoneRecord(row)
	if err != nil {
		return refuse("%s", strings.TrimPrefix(err.Error(), fmt.Sprintf("record 0, %s %s: ", p.Name, p.Type)))
	}
	// The name server is not here to be asked. Another reader of zone files knows most of what each type may hold.
	rr, err := readLine(zone, line)
	if err != nil {
		why := regexp.MustCompile(`^dns: (: )?| at line: .*$`).ReplaceAllString(err.Error(), "")
		return refuse("%q is no content of a %s record: %s cannot be in it", p.Content, p.Type, why)
	}
	return p.bound(rr)
}

// readLine reads a line of a zone file.
func readLine(zone Domain, line string) (dns.RR, error) {
	rr, err := dns.NewRR("$ORIGIN " + string(zone) + ".\n" + line)
	if err != nil {
		return nil, err
	}
	return Sent(rr)
}

// same tells whether two records of a zone are served as one, whatever their priorities.
func same(zone Domain, r, other Record) bool {
	if r.Name != other.Name || r.Type != other.Type || r.Content == other.Content {
		return r.Name == other.Name && r.Type == other.Type
	}
	var read [2]dns.RR
	for i, one := range []Record{r, other} {
		row := map[string]any{"id": 0, "name": one.Name, "type": one.Type, "content": one.Content}
		if one.Type == "MX" || one.Type == "SRV" {
			row["priority"] = 0
		}
		line, err := quote.ZoneRecord(row)
		if err != nil {
			return false
		}
		if read[i], err = readLine(zone, line); err != nil {
			return false
		}
	}
	return dns.IsDuplicate(read[0], read[1])
}

// Sent is a record as it comes over the network, where each value has one form. Some of what a record may not hold is
// found only on that way.
func Sent(rr dns.RR) (dns.RR, error) {
	wire := make([]byte, dns.MaxMsgSize)
	end, err := dns.PackRR(rr, wire, 0, nil, false)
	if err != nil {
		return nil, err
	}
	rr, _, err = dns.UnpackRR(wire[:end], 0)
	return rr, err
}

// bound refuses parameters of a service that lean on another which is not there (RFC 9460, 7.1.1 and 8; RFC 9461, 5).
func (p *Parsed) bound(rr dns.RR) error {
	var values []dns.SVCBKeyValue
	switch rr := rr.(type) {
	case *dns.HTTPS:
		values = rr.Value
	case *dns.SVCB:
		values = rr.Value
	}
	has := func(key dns.SVCBKey) bool {
		return slices.ContainsFunc(values, func(v dns.SVCBKeyValue) bool { return v.Key() == key })
	}
	for _, value := range values {
		switch value := value.(type) {
		case *dns.SVCBMandatory:
			for _, key := range value.Code {
				if key == dns.SVCB_MANDATORY || !has(key) {
					return refuse("%q: what mandatory names stands beside it, and %s does not", p.Content, key)
				}
			}
		case *dns.SVCBNoDefaultAlpn:
			if !has(dns.SVCB_ALPN) {
				return refuse("%q: no-default-alpn stands beside alpn, which is not there", p.Content)
			}
		case *dns.SVCBDoHPath:
			if !strings.Contains(value.Template, "dns") {
				return refuse("%q: a dohpath has the variable dns in it, as in /dns-query{?dns}", p.Content)
			}
		}
	}
	return nil
}
