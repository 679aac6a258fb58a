package hosting

import (
	"context"
	"crypto/x509"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// State is what there is of a record that a domain needs.
type State string

// The states.
const (
	Present State = "present" // it is there, or another that does the same
	Differs State = "differs" // there is another, which does not do it
	Missing State = "missing"
	Unknown State = "unknown" // it holds an address that nobody has told
)

// Need is a record that a domain needs.
type Need struct {
	Record        // its name is relative to the zone, or whole with a dot at its end where there is no zone
	Why    string // in a few words
	State  State
	Have   []string // the contents that answer for this name, of its type and kind

	chain []*x509.Certificate // of a TLSA record: what it has to fit
}

// Needs are the records that a domain needs.
type Needs struct {
	Domain Domain
	Zone   Domain // that has its names; "" if none here has: they are for another's name server
	List   []Need

	there []RecordRow // what the zone has
}

// Authority is whose certificates a domain gets, as CAA records name it.
const Authority = "letsencrypt.org"

// DomainNeeds compares what a domain needs in DNS with the tables. Addresses are those under which it is reached;
// shown is what services show for its [Hosts].
func DomainNeeds(ctx context.Context, conn Conn, name Domain, addresses []netip.Addr, shown ...Shown) (Needs, error) {
	n := Needs{Domain: name}
	var mail, web bool
	const query = `select serves_mail, serves_web from domains where name = $1`
	if err := conn.QueryRow(ctx, query, string(name)).Scan(&mail, &web); err != nil {
		if _, unknown := domainID(ctx, conn, name); unknown != nil {
			err = unknown
		}
		return n, wrapped(err, "look up domain %q", name)
	}
	zone, err := zoneAbove(ctx, conn, name)
	if err != nil {
		return n, wrapped(err, "look up the zone of domain %q", name)
	}
	n.Zone = Domain(zone)
	if zone != "" {
		if n.there, err = Records(ctx, conn, n.Zone); err != nil {
			return n, err
		}
		servers, err := column(ctx, conn, `select primary_ns from dns_zones where name = $1 and kind = 'primary'`, zone)
		if err != nil {
			return n, wrapped(err, "look up zone %q", zone)
		}
		for _, server := range servers {
			n.want(string(n.Zone), Record{Type: "NS", Content: server + "."}, "names a server of the zone")
			if relativeTo(n.Zone, server+".") != "" {
				n.wantAddresses(server, addresses, "where that server is")
			}
		}
	}
	n.wantServices(mail, web, addresses)
	listens, err := listening(ctx, conn)
	if err != nil {
		return n, wrapped(err, "look up the services")
	}
	if web {
		n.wantKeys(string(name), shown, listens, httpsPort)
	}
	if mail {
		n.wantKeys(mailHost(name), shown, listens, smtpPort, imapsPort)
	}
	n.compare()
	return n, nil
}

// compare looks for all of them in the records of the zone.
func (n *Needs) compare() {
	for i := range n.List {
		n.List[i].compare(n.Zone, n.there)
	}
}

func (n *Needs) wantServices(mail, web bool, addresses []netip.Addr) {
	if web {
		n.wantAddresses(string(n.Domain), addresses, "where the web server is")
	}
	if mail {
		host, priority := mailHost(n.Domain), usualPriority
		n.want(string(n.Domain), Record{Type: "MX", Priority: &priority, Content: host + "."}, "where mail is delivered")
		n.wantAddresses(host, addresses, "where the mail server is")
		n.want(string(n.Domain), Record{Type: "TXT", Content: "v=spf1 mx -all"}, "SPF: who may send mail of this domain")
		n.want("_dmarc."+string(n.Domain), Record{Type: "TXT", Content: "v=DMARC1; p=quarantine"},
			"DMARC: what others do with forged mail")
	}
	if mail || web {
		n.want(string(n.Domain), Record{Type: "CAA", Content: "0 issue " + Authority}, "who may issue certificates")
	}
}

func (n *Needs) wantAddresses(name string, addresses []netip.Addr, why string) {
	if len(addresses) == 0 {
		n.want(name, Record{Type: "A"}, why)
	}
	for _, address := range addresses {
		kind := "AAAA"
		if address.Is4() {
			kind = "A"
		}
		n.want(name, Record{Type: kind, Content: address.String()}, why)
	}
}

// want adds a need, with its name as records have it.
func (n *Needs) want(name string, r Record, why string) {
	if r.Name = name + "."; n.Zone != "" {
		r.Name = relativeTo(n.Zone, name+".")
	}
	n.List = append(n.List, Need{Record: r, Why: why})
}

// answeredBy tells whether a record is what somebody reads who asks for the need. A CNAME leads to another name, which
// has it or not. Of CAA records only those with issue say who may issue certificates of a name (RFC 8659, 4.2).
func (n *Need) answeredBy(r Record) bool {
	switch {
	case r.Type == "CNAME", n.Content == "" && n.Type == "A" && r.Type == "AAAA":
		return true
	case r.Type != n.Type:
		return false
	case r.Type == "CAA":
		_, issues := issuer(r.Content)
		return issues
	}
	return policy(r.Type, r.Content) == policy(n.Type, n.Content)
}

// issuer is the authority that a CAA record lets issue certificates; "" if it lets none.
func issuer(content string) (authority string, issues bool) {
	fields := strings.SplitN(content, " ", 3)
	if len(fields) < 3 || !strings.EqualFold(fields[1], "issue") {
		return "", false
	}
	authority, _, _ = strings.Cut(strings.Trim(fields[2], `"`), ";")
	return strings.ToLower(strings.TrimSpace(authority)), true
}

// compare looks for the need in the records of its zone.
func (n *Need) compare(zone Domain, there []RecordRow) {
	n.State, n.Have = Missing, nil
	exact := false
	source := n.source(there)
	for _, r := range there {
		if !r.Enabled || r.Name != source || !n.answeredBy(r.Record) {
			continue
		}
		n.Have = append(n.Have, r.Content)
		authority, _ := issuer(r.Content)
		exact = exact || absoluteContent(zone, r.Record) == n.Content || r.Type == "CNAME" ||
			n.Type == "TLSA" && fits(r.Content, n.chain) || n.Type == "CAA" && authority == Authority
	}
	switch {
	case len(n.Have) == 0 && n.Content == "":
		n.State = Unknown
	case len(n.Have) == 0:
	// whoever wrote another one has a reason
	case exact, n.Content == "", n.Type == "MX", n.Type == "TXT", n.Type == "NS":
		n.State = Present
	case n.Type == "CAA", n.Type == "A", n.Type == "AAAA", n.Type == "TLSA":
		n.State = Differs
	}
}

// absoluteContent is the content with the name that it points to in full.
func absoluteContent(zone Domain, r Record) string {
	switch r.Type {
	case "MX", "NS", "CNAME", "PTR":
		return absolute(zone, r.Content) + "."
	}
	return r.Content
}

// AddNeeds adds the records that are missing to their zone, and returns them.
func AddNeeds(ctx context.Context, conn Conn, n Needs) (added []Record, err error) {
	if n.Zone == "" {
		return nil, refuse(
			"no zone here has the names of %s: enter the records at its name server, or add a zone with: mage dns:zone -add=%s",
			n.Domain, string(n.Domain),
		)
	}
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		id, err := zoneID(ctx, tx, n.Zone)
		if err != nil {
			return err
		}
		if added, err = n.lacking(); err != nil {
			return err
		}
		for _, r := range added {
			if err := insertRecord(ctx, tx, id, r); err != nil {
				return fmt.Errorf("%s: %w", r, err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, wrapped(err, "add records to zone %q", n.Zone)
	}
	return added, nil
}

// lacking are the records to add. One that is added takes its name from the wildcard that has answered for it: what
// that has met is looked for again.
func (n Needs) lacking() (added []Record, err error) {
	for before := -1; len(added) != before; n.compare() {
		before = len(added)
		for _, need := range n.List {
			if need.State == Unknown {
				return nil, refuse("the address of %s is not known; give it as -address=IP", absolute(n.Zone, need.Name))
			}
			if need.State == Missing && !contains(added, need.Record) {
				added = append(added, need.Record)
				n.there = append(n.there, RecordRow{Record: need.Record, Enabled: true})
			}
		}
	}
	return added, nil
}

func contains(list []Record, r Record) bool {
	return slices.ContainsFunc(list, func(other Record) bool {
		return other.Name == r.Name && other.Type == r.Type && other.Content == r.Content
	})
}
