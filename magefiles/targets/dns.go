package targets

import (
	"context"

	"github.com/magefile/mage/mg"

	"github.com/poststack/poststack/pkg/hosting"
	"github.com/poststack/poststack/pkg/stack"
)

// DNS is the zones that the name server answers for, and their records.
type DNS mg.Namespace

// Zone shows the zones, adds one with -add=NAME, or removes one with -remove=NAME after a question. A new zone has
// the name servers of -ns=NAME,NAME (ns1 in the zone) and the hostmaster of -hostmaster=ADDRESS (hostmaster in the
// zone); with -primaries=IP,IP it is a secondary one that is transferred from there. -yes asks nothing. Setting:
// DATABASE_URL. Example: mage dns:zone -add=example.org -ns=ns1.example.org,ns2.example.net
func (DNS) Zone(ctx context.Context, add, remove, ns, hostmaster, primaries *string, yes *bool) error {
	return phase(ctx, func(s *stack.Stack, ctx context.Context) error {
		switch {
		case add != nil && remove != nil:
			return &stack.UsageError{Reason: "dns:zone adds a zone or removes one: give -add or -remove"}
		case add != nil:
			return s.AddZone(ctx,
				stack.ZoneOptions{Name: *add, Servers: orZero(ns), Hostmaster: orZero(hostmaster), Primaries: orZero(primaries)})
		case remove != nil:
			return s.RemoveZone(ctx, *remove, orZero(yes))
		case ns != nil || hostmaster != nil || primaries != nil:
			return &stack.UsageError{
				Reason: "-ns, -hostmaster and -primaries are for a zone that is added: give its name as -add=NAME",
			}
		default:
			return s.ListZones(ctx)
		}
	})
}

// List shows the records of all zones, or of one with -of=ZONE. Setting: DATABASE_URL. Example: mage dns:list
// -of=example.org
func (DNS) List(ctx context.Context, of *string) error {
	return phase(ctx, func(s *stack.Stack, ctx context.Context) error { return s.ListRecords(ctx, orZero(of)) })
}

// Records shows what a domain needs in DNS (MX, SPF, DMARC, CAA, TLSA, addresses) beside what the tables have. With
// -add it adds what is missing; nothing that is there is changed. TLSA records are of the certificates that the
// services which run show. -address=IP,IP are the public addresses under which the domain is reached. Setting:
// DATABASE_URL. Example: mage dns:records example.org -address=192.0.2.1 -add
func (DNS) Records(ctx context.Context, domain string, address *string, add *bool) error {
	return phase(ctx, func(s *stack.Stack, ctx context.Context) error {
		return s.ShowNeeds(ctx, domain, orZero(address), orZero(add))
	})
}

// Add adds a record to a zone: its name (@ is the zone itself), its type and what it holds. A whole name that it
// points to gets its dot at the end, which is said; a name that repeats the zone is asked about, unless -yes is given.
// -priority=10 can also stand in front of the content, -ttl=300 is in seconds. Setting: DATABASE_URL. Example: mage
// dns:add example.org @ MX "10 mail.example.org"
func (DNS) Add(ctx context.Context, zone, name, kind, content string, priority, ttl *int, yes *bool) error {
	in := hosting.Input{Name: name, Type: kind, Content: content, Priority: priority, TTL: ttl}
	return phase(ctx, func(s *stack.Stack, ctx context.Context) error { return s.AddRecord(ctx, zone, in, orZero(yes)) })
}

// Remove removes the records of a name and type from a zone, after a question; -yes asks nothing. With -content=TEXT
// only the one that holds that. Setting: DATABASE_URL. Example: mage dns:remove example.org www A -yes
func (DNS) Remove(ctx context.Context, zone, name, kind string, content *string, yes *bool) error {
	return phase(ctx, func(s *stack.Stack, ctx context.Context) error {
		return s.RemoveRecord(ctx, zone, name, kind, orZero(content), orZero(yes))
	})
}

// Check looks for what is wrong in the zones, or in one with -of=ZONE, and fails if anything is. In the tables it
// finds names without their dot at the end, names that repeat the zone, and records that a domain lacks. The name
// server that runs here is asked for each row over UDP and TCP, for the serial, and for signatures where there are to
// be some; what it lacks, has otherwise or leaves out is named, with the reason. -server=ADDRESS asks another one,
// such as a secondary. Setting: DATABASE_URL. Example: mage dns:check -of=example.org
func (DNS) Check(ctx context.Context, of, server *string) error {
	return phase(ctx, func(s *stack.Stack, ctx context.Context) error {
		return s.CheckDNS(ctx, orZero(of), orZero(server))
	})
}
