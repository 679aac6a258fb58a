package hosting

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"strings"

	"github.com/jackc/pgx/v5"
)

// ZoneOptions are what a zone is added with.
type ZoneOptions struct {
	Name       Domain
	Servers    []Domain     // its name servers, the first one first; none is ns1 in the zone
	Hostmaster string       // a mail address; "" is hostmaster in the zone
	Primaries  []netip.Addr // for a secondary zone: where it is transferred from
}

// servers are its name servers.
func (o ZoneOptions) servers() []Domain {
	if len(o.Servers) == 0 {
		return []Domain{"ns1." + o.Name}
	}
	return o.Servers
}

// Lacks says what a new zone still needs before it can be served.
func (o ZoneOptions) Lacks() (notes []string) {
	if len(o.Primaries) > 0 {
		return nil
	}
	for _, server := range o.servers() {
		notes = append(notes, targetNotes(o.Name, Record{Name: "@", Type: "NS", Content: string(server) + "."}, nil)...)
	}
	return notes
}

// AddZone adds a zone, with the NS records of its name servers.
func AddZone(ctx context.Context, conn Conn, o ZoneOptions) error {
	err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		there, err := isThere(ctx, tx, `select from dns_zones where name = $1`, string(o.Name))
		if err != nil {
			return err
		}
		if there {
			return refuse("zone %s is there already; see: mage dns:zone", o.Name)
		}
		return insertZone(ctx, tx, o)
	})
	return wrapped(err, "add zone %q", o.Name)
}

// insertZone adds a zone; it is the domain's of that name, if there is one.
func insertZone(ctx context.Context, tx pgx.Tx, o ZoneOptions) error {
	servers := o.servers()
	hostmaster := cmp.Or(o.Hostmaster, "hostmaster@"+string(o.Name))
	kind, primaries := "primary", []netip.Addr{}
	if len(o.Primaries) > 0 {
		kind, primaries = "secondary", o.Primaries
	}
	var id int64
	err := tx.QueryRow(ctx, `insert into dns_zones (domain_id, name, kind, primaries, primary_ns, hostmaster)
		values ((select id from domains where name = $1), $1, $2, $3, $4, $5) returning id`,
		string(o.Name), kind, primaries, string(servers[0]), hostmaster).Scan(&id)
	if err != nil || kind == "secondary" {
		return err
	}
	for _, server := range servers {
		if err := insertRecord(ctx, tx, id, Record{Name: "@", Type: "NS", Content: string(server) + "."}); err != nil {
			return err
		}
	}
	return nil
}

// RaiseRestoredSerials raises the serials of a database that was restored past those that it had after the backup:
// secondary servers have seen these, and take nothing that is not newer. A database without such tables stays as it
// is.
func RaiseRestoredSerials(ctx context.Context, conn Conn) error {
	var there bool
	err := conn.QueryRow(ctx, `select to_regprocedure('poststack_serial_past_signed(bigint)') is not null`).Scan(&there)
	if err == nil && there {
		_, err = conn.Exec(ctx, `update dns_zones set serial = poststack_serial_past_signed(poststack_next_serial(serial))
			where kind = 'primary'`)
	}
	return wrapped(err, "raise the serials of the zones")
}

// ParseZone reads the name of a zone. Unlike a domain it may have underscores, and in reverse zones slashes (RFC 2317).
func ParseZone(text string) (Domain, error) {
	name := strings.ToLower(strings.TrimSuffix(strings.TrimSpace(text), "."))
	slash := strings.Contains(name, "/")
	if slashed := slash && strings.HasSuffix(name, ".arpa"); !slashed && (slash || !strings.Contains(name, "_")) {
		return ParseDomain(text)
	}
	ascii, err := recordName(name, text)
	if err == nil && strings.Contains(ascii, "*") {
		err = refuse("%q has a *, which is no zone of its own; a record can have one", text)
	}
	return Domain(ascii), err
}

// ParseHostmaster reads the mail address of who looks after a zone.
func ParseHostmaster(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	address, err := ParseDestination(text)
	return address.String(), err
}

// ParseServers reads the names of name servers, with commas between them.
func ParseServers(text string) (servers []Domain, err error) {
	for _, part := range parts(text) {
		if isAddress(part) {
			return nil, refuse("%q is an address; a name server is named by its name, such as ns1.example.org", part)
		}
		name, err := ParseDomain(part)
		if err != nil {
			return nil, err
		}
		servers = append(servers, name)
	}
	return servers, nil
}

// ParseAddresses reads IP addresses, with commas between them.
func ParseAddresses(text string) (list []netip.Addr, err error) {
	for _, part := range parts(text) {
		address, err := netip.ParseAddr(strings.Trim(part, "[]"))
		if err != nil || address.Zone() != "" {
			return nil, refuse("%q is no IP address; write one such as 192.0.2.1 or 2001:db8::1", part)
		}
		list = append(list, address.Unmap())
	}
	return list, nil
}

// parts are what stands between commas.
func parts(text string) (list []string) {
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list
}

// ZoneRow is a zone, and how many records it has.
type ZoneRow struct {
	Name       string `json:"name"`
	Kind       string `json:"kind"`
	PrimaryNS  string `json:"primary_ns"`
	Hostmaster string `json:"hostmaster"`
	Serial     int64  `json:"serial"`
	Records    int    `json:"records"`
	Enabled    bool   `json:"enabled"`
}

// Zones are all zones by name.
func Zones(ctx context.Context, conn Conn) ([]ZoneRow, error) {
	list, err := collect[ZoneRow](ctx, conn, `select z.name, z.kind, z.primary_ns, z.hostmaster, z.serial,
		(select count(*) from dns_records r where r.zone_id = z.id), z.enabled from dns_zones z order by z.name`)
	return list, wrapped(err, "list zones")
}

// zoneAbove is the zone that has the names of a domain: its own, or the nearest one above; "" for none.
func zoneAbove(ctx context.Context, conn Conn, name Domain) (zone string, err error) {
	err = conn.QueryRow(ctx, `select coalesce((select name from dns_zones where name = $1
		or right($1, length(name) + 1) = '.' || name order by length(name) desc limit 1), '')`, string(name)).Scan(&zone)
	return zone, err
}

// zoneID is the key of a zone whose records are kept here, or a refusal.
func zoneID(ctx context.Context, conn Conn, name Domain) (int64, error) {
	var (
		id   int64
		kind string
	)
	err := conn.QueryRow(ctx, `select id, kind from dns_zones where name = $1`, string(name)).Scan(&id, &kind)
	if errors.Is(err, pgx.ErrNoRows) {
		above, err := zoneAbove(ctx, conn, name)
		if err != nil {
			return 0, err
		}
		if above != "" {
			return 0, refuse("there is no zone %s: its names are in zone %s; name that one, and write the name as %s",
				name, above, strings.TrimSuffix(string(name), "."+above))
		}
		return 0, refuse("there is no zone %s; add it with: mage dns:zone -add=%s, or see: mage dns:zone", name, string(name))
	}
	if err == nil && kind == "secondary" {
		return 0, refuse("zone %s is a secondary one: its records are transferred from its primary server; change them there",
			name)
	}
	return id, err
}

// ZoneDependents are the records that go with a zone.
func ZoneDependents(ctx context.Context, conn Conn, name Domain) (Dependents, error) {
	there, err := isThere(ctx, conn, `select from dns_zones where name = $1`, string(name))
	if err == nil && !there {
		err = refuse("there is no zone %s; see: mage dns:zone", name)
	}
	if err != nil {
		return Dependents{}, wrapped(err, "look up zone %q", name)
	}
	records, err := Records(ctx, conn, name)
	var d Dependents
	for _, r := range records {
		d.Go = append(d.Go, "record "+r.Record.String())
	}
	return d, err
}

// RemoveZone removes a zone with its records.
func RemoveZone(ctx context.Context, conn Conn, name Domain) error {
	tag, err := conn.Exec(ctx, `delete from dns_zones where name = $1`, string(name))
	if err == nil && tag.RowsAffected() == 0 {
		err = refuse("there is no zone %s; see: mage dns:zone", name)
	}
	return wrapped(err, "remove zone %q", name)
}
