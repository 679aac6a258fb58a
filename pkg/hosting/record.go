package hosting

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Record is a record as the tables keep it.
type Record struct {
	Name     string `json:"name"` // relative to the zone; @ is the zone itself
	Type     string `json:"type"`
	Priority *int   `json:"priority"` // nil where the type has none
	Content  string `json:"content"`
	TTL      *int   `json:"ttl"` // nil for the zone's
}

// String is the record as in a zone file.
func (r Record) String() string {
	text := r.Name + " " + r.Type + " "
	if r.Priority != nil {
		text += fmt.Sprintf("%d ", *r.Priority)
	}
	return text + r.Content
}

// RecordRow is a record of a zone.
type RecordRow struct {
	Zone string `json:"zone"`
	Record
	Enabled bool `json:"enabled"`
}

// Records are the records of a zone, or of all for "", the zone's own names first.
func Records(ctx context.Context, conn Conn, zone Domain) ([]RecordRow, error) {
	if zone != "" {
		if there, err := isThere(ctx, conn, `select from dns_zones where name = $1`, string(zone)); err != nil || !there {
			if err == nil {
				_, err = zoneID(ctx, conn, zone)
			}
			return nil, wrapped(err, "list records")
		}
	}
	list, err := collect[RecordRow](ctx, conn, `select z.name, r.name, r.type, r.priority, r.content, r.ttl, r.enabled
		from dns_records r join dns_zones z on z.id = r.zone_id
		where $1 in ('', z.name) order by z.name, r.name <> '@', r.name, r.type, r.priority, r.content`, string(zone))
	return list, wrapped(err, "list records")
}

// AddRecord adds a record to a zone. It returns what there is to say about it.
func AddRecord(ctx context.Context, conn Conn, zone Domain, r Record) (notes []string, err error) {
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		id, err := zoneID(ctx, tx, zone)
		if err != nil {
			return err
		}
		all, err := Records(ctx, tx, zone)
		if err != nil {
			return err
		}
		if err := beside(zone, r, all); err != nil {
			return err
		}
		if err := belongs(ctx, tx, zone, r, all); err != nil {
			return err
		}
		notes = append(targetNotes(zone, r, all), hiddenNotes(zone, r, all)...)
		return insertRecord(ctx, tx, id, r)
	})
	return notes, wrapped(err, "add record %q to zone %q", r, zone)
}

func insertRecord(ctx context.Context, tx pgx.Tx, zone int64, r Record) error {
	_, err := tx.Exec(ctx, `insert into dns_records (zone_id, name, type, priority, content, ttl)
		values ($1, $2, $3, $4, $5, $6)`,
		zone, r.Name, r.Type, r.Priority, r.Content, r.TTL)
	return err
}

// absolute is a name of a zone in full, without the last dot.
func absolute(zone Domain, name string) string {
	switch {
	case name == "@":
		return string(zone)
	case strings.HasSuffix(name, "."):
		return strings.TrimSuffix(name, ".")
	default:
		return name + "." + string(zone)
	}
}

// relativeTo is a name as records of a zone have it; "" if it is in another.
func relativeTo(zone Domain, name string) string {
	full := absolute(zone, name)
	if full == string(zone) {
		return "@"
	}
	if relative, found := strings.CutSuffix(full, "."+string(zone)); found {
		return relative
	}
	return ""
}

// target is the name that a record points to.
func (r Record) target() string {
	if r.Type == "HTTPS" || r.Type == "SVCB" {
		_, rest, _ := strings.Cut(r.Content, " ")
		target, _, _ := strings.Cut(rest, " ")
		return target
	}
	return r.Content[strings.LastIndexByte(r.Content, ' ')+1:]
}

// pointsToHost tells whether records of this type point to a name with an address.
func pointsToHost(kind string) bool { return kind == "MX" || kind == "NS" || kind == "SRV" }

// host is the name of the zone whose records answer for the host that a record points to; "" if it points to none, or
// to one of another zone.
func (r Record) host(zone Domain, all []RecordRow) string {
	if !pointsToHost(r.Type) {
		return ""
	}
	name := relativeTo(zone, r.target())
	if name == "" {
		return ""
	}
	return Answering(name, all)
}

// targetNotes says that what a record points to, or vouches for, is not there yet.
func targetNotes(zone Domain, r Record, all []RecordRow) []string {
	if r.Type == "DS" && !slices.ContainsFunc(all, func(other RecordRow) bool {
		return other.Enabled && other.Name == r.Name && other.Type == "NS"
	}) {
		return []string{fmt.Sprintf("%s is handed over to no name server, whose keys the record would vouch for; add that "+
			"with: mage dns:add %s %s NS SERVER", absolute(zone, r.Name), string(zone), r.Name)}
	}
	if !pointsToHost(r.Type) && r.Type != "CNAME" || r.target() == "." {
		return nil
	}
	name := relativeTo(zone, r.target())
	if name == "" {
		return nil
	}
	source := Answering(name, all)
	for _, other := range all {
		switch {
		case !other.Enabled:
		case r.Type != "NS" && hides(other.Record, Record{Name: name, Type: r.Type}): // others know
			return nil
		case other.Name == source && (r.Type == "CNAME" || holdsAddress(other.Type) || other.Type == "CNAME"):
			return nil
		}
	}
	return []string{fmt.Sprintf("%s has no address yet; add one with: mage dns:add %s %s A ADDRESS",
		absolute(zone, name), string(zone), name)}
}

// Matching are the records of that name and type, and of that content unless it is "". There is at least one, or a
// refusal.
func Matching(ctx context.Context, conn Conn, zone Domain, name, kind, content string) ([]Record, error) {
	if _, err := zoneID(ctx, conn, zone); err != nil {
		return nil, wrapped(err, "look up records of zone %q", zone)
	}
	all, err := Records(ctx, conn, zone)
	if err != nil {
		return nil, err
	}
	var found []Record
	near := []string{}
	name = ownerOf(zone, name)
	for _, r := range all {
		if r.Name != name {
			continue
		}
		near = append(near, r.Record.String())
		if r.Type == kind && (content == "" || sameContent(zone, r.Record, content)) {
			found = append(found, r.Record)
		}
	}
	if len(found) == 0 && len(near) > 0 {
		return nil, &RefusedError{Lines(fmt.Sprintf("zone %s has no such record; of this name it has", zone), near)}
	}
	if len(found) == 0 {
		return nil, refuse("zone %s has no record of the name %s; see: mage dns:list -of=%s", zone, name, string(zone))
	}
	return found, nil
}

// ownerOf is a name that somebody typed as records have it, such as an address in a reverse zone.
func ownerOf(zone Domain, typed string) string {
	if name, err := new(Parsed).owner(zone, typed); err == nil {
		return name
	}
	return typed // that no record has
}

// sameContent tells whether a record holds what somebody typed: also with the priority in front, with or without the
// last dot, or in quotes.
func sameContent(zone Domain, r Record, typed string) bool {
	if r.Content == typed {
		return true
	}
	parsed, err := ParseRecord(zone, Input{Name: r.Name, Type: r.Type, Content: typed, Priority: r.Priority})
	return err == nil && parsed.Content == r.Content
}

// RemoveRecords removes records of a zone.
func RemoveRecords(ctx context.Context, conn Conn, zone Domain, records []Record) error {
	err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		for _, r := range records {
			tag, err := tx.Exec(ctx, `delete from dns_records r using dns_zones z where z.id = r.zone_id and z.name = $1
				and r.name = $2 and r.type = $3 and r.content = $4`, string(zone), r.Name, r.Type, r.Content)
			if err == nil && tag.RowsAffected() == 0 {
				err = refuse("record %q is not there any more", r)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	return wrapped(err, "remove records of zone %q", zone)
}
