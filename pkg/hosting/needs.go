package hosting

import (
	"context"
	"crypto/x509"
	"fmt"
	"net/netip"
	"slices"

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

	there     []RecordRow // what the zone has
	secondary bool        // the zone is: what it has is not in the tables
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
	servers, err := n.findZone(ctx, conn)
	if err != nil {
		return n, wrapped(err, "look up the zone of domain %q", name)
	}
	for _, server := range servers {
		n.want(string(n.Zone), Record{Type: "NS", Content: server + "."}, "names a server of the zone")
		if relativeTo(n.Zone, server+".") != "" {
			n.wantAddresses(server, addresses, "where that server is")
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

// Elsewhere tells whether the records are kept at another name server.
func (n *Needs) Elsewhere() bool { return n.Zone == "" || n.secondary }

// findZone looks for the zone that has the domain's names, with the first name server of a primary one.
func (n *Needs) findZone(ctx context.Context, conn Conn) (servers []string, err error) {
	zone, err := zoneAbove(ctx, conn, n.Domain)
	if err != nil || zone == "" {
		return nil, err
	}
	if n.there, err = Records(ctx, conn, Domain(zone)); err != nil {
		return nil, err
	}
	if n.place(Domain(zone)); n.Zone == "" {
		return nil, nil
	}
	servers, err = column(ctx, conn, `select primary_ns from dns_zones where name = $1 and kind = 'primary'`, zone)
	n.secondary = len(servers) == 0
	return servers, err
}

// place has the domain in a zone, unless that gives its name away to other name servers.
func (n *Needs) place(zone Domain) {
	asked := Record{Name: relativeTo(zone, string(n.Domain)+"."), Type: "TXT"}
	if slices.ContainsFunc(n.there, func(r RecordRow) bool { return r.Enabled && hides(r.Record, asked) }) {
		n.there = nil
		return
	}
	n.Zone = zone
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
