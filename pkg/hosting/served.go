package hosting

import (
	"context"
	"net/netip"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// NameServerRole is the role of the schema that reads the zones. Whoever signs in with its rights serves them.
const NameServerRole = "poststack_bind"

// ServedZone is a zone with all that a name server makes it of.
type ServedZone struct {
	ID         int64
	Name       string
	Kind       string
	Primaries  []netip.Addr // of a secondary one
	PrimaryNS  string
	Hostmaster string
	Serial     uint32
	Refresh    uint32
	Retry      uint32
	Expire     uint32
	Minimum    uint32
	DefaultTTL uint32
	Enabled    bool
	Changed    time.Time // it, or one of its records

	Signed     bool           // it is to be
	Records    []ServedRecord `db:"-"`
	Challenges []Challenge    `db:"-"`
}

// ServedRecord is a record with its number, by which the name server names it.
type ServedRecord struct {
	ID int64
	Record
	Enabled bool
}

// Challenge is a name below which an authority looks for the proof of who owns a certificate's names.
type Challenge struct {
	Name     string
	Obstacle string // zone or record of somebody else that is in the way; "" if the name is a zone of its own
}

// Remedy says how to take away what is in the way in a zone, after a semicolon; "" where that is not for this stack
// to do.
func (c Challenge) Remedy(zone string) string {
	const parts = 3 // record NAME TYPE, or zone NAME
	switch fields := strings.Fields(c.Obstacle); {
	case len(fields) >= parts && fields[0] == "record":
		return "; remove it with: mage dns:remove " + zone + " " + fields[1] + " " + fields[2]
	case len(fields) > 1 && fields[0] == "zone":
		return "; remove it with: mage dns:zone -remove=" + zone
	}
	return ""
}

// ServedZones are all zones as they are at one moment. The service is the name server's, whose settings count.
func ServedZones(ctx context.Context, conn Conn, service string) (zones []ServedZone, err error) {
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `set transaction isolation level repeatable read, read only`); err != nil {
			return err
		}
		zones, err = collect[ServedZone](ctx, tx, `select id, name, kind, primaries, primary_ns, hostmaster, serial, refresh,
			retry, expire, minimum, default_ttl, enabled, updated_at,
			kind <> 'secondary' and coalesce((select poststack_signed(z.name, value) from settings
				where key = 'dnssec' and (service = $1 or service is null) order by service nulls last limit 1), false)
			from dns_zones z order by name`, service)
		if err != nil {
			return err
		}
		return servedRecords(ctx, tx, zones)
	})
	return zones, wrapped(err, "read the zones")
}

// servedRecords adds records and challenges to their zones.
func servedRecords(ctx context.Context, tx pgx.Tx, zones []ServedZone) error {
	type record struct {
		Zone int64
		ServedRecord
	}
	records, err := collect[record](ctx, tx, `select zone_id, id, name, type, priority, content, ttl, enabled
		from dns_records order by zone_id, name, type, priority, id`)
	if err != nil {
		return err
	}
	type challenge struct {
		Zone int64
		Challenge
	}
	challenges, err := collect[challenge](ctx, tx,
		`select zone_id, name, coalesce(obstacle, '') from dns_challenges order by name`)
	byID := map[int64]*ServedZone{}
	for i := range zones {
		byID[zones[i].ID] = &zones[i]
	}
	for _, r := range records {
		byID[r.Zone].Records = append(byID[r.Zone].Records, r.ServedRecord)
	}
	for _, c := range challenges {
		byID[c.Zone].Challenges = append(byID[c.Zone].Challenges, c.Challenge)
	}
	return err
}

// ChallengeObstacles says what is in the way of proving by dns-01 that the names of certificates are one's own, and
// how to take it away.
func ChallengeObstacles(ctx context.Context, conn Conn, certificates []string) ([]string, error) {
	type row struct{ Name, Zone, Obstacle string }
	rows, err := collect[row](ctx, conn, `select c.name, z.name, c.obstacle from dns_challenges c
		join dns_zones z on z.id = c.zone_id
		where c.obstacle is not null and c.name in (
			select '_acme-challenge.' || regexp_replace(covered, '^\*\.', '') from certificates, unnest(names) as covered
			where directory = any($1) and challenge = 'dns-01' and status <> 'revoked')
		order by 1`, certificates)
	if err != nil {
		return nil, wrapped(err, "look up the challenges")
	}
	var notes []string
	for _, r := range rows {
		notes = append(notes, r.Name+" cannot be shown to the authority: "+r.Obstacle+" is in the way"+
			Challenge{r.Name, r.Obstacle}.Remedy(r.Zone))
	}
	return notes, nil
}
