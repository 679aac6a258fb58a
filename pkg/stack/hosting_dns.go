package stack

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/hosting"
)

// ZoneOptions are a zone as it was typed.
type ZoneOptions struct {
	Name, Servers, Hostmaster, Primaries string
}

// AddZone adds a zone.
func (s *Stack) AddZone(ctx context.Context, typed ZoneOptions) error {
	o, err := typed.read()
	return s.change(ctx, "dns:zone", err, func(ctx context.Context, conn hosting.Conn) (ended, []string, error) {
		var notes []string
		if kept := o.Name.Kept(typed.Name); kept != "" {
			notes = append(notes, kept)
		}
		err := hosting.AddZone(ctx, conn, o)
		if err == nil {
			notes = append(notes, o.Lacks()...)
		}
		return ended{Outcome: event.Done, Text: "added zone " + o.Name.String()}, notes, err
	})
}

func (o ZoneOptions) read() (z hosting.ZoneOptions, err error) {
	if z.Name, err = hosting.ParseZone(o.Name); err != nil {
		return z, err
	}
	if z.Servers, err = hosting.ParseServers(o.Servers); err != nil {
		return z, err
	}
	if z.Hostmaster, err = hosting.ParseHostmaster(o.Hostmaster); err != nil {
		return z, err
	}
	z.Primaries, err = hosting.ParseAddresses(o.Primaries)
	return z, err
}

// ListZones reports all zones.
func (s *Stack) ListZones(ctx context.Context) error {
	header := []string{"zone", "kind", "first server", "hostmaster", "serial", "records", "enabled"}
	return list(ctx, s, "dns:zone", nil, hosting.Zones, header, func(z hosting.ZoneRow) ([]string, hosting.ZoneRow) {
		return []string{
			z.Name, z.Kind, z.PrimaryNS, z.Hostmaster, strconv.FormatInt(z.Serial, 10), strconv.Itoa(z.Records),
			yesNo(z.Enabled),
		}, z
	})
}

// RemoveZone removes a zone with its records.
func (s *Stack) RemoveZone(ctx context.Context, typed string, yes bool) error {
	name, err := hosting.ParseZone(typed)
	return s.removeFrom(ctx, err, removal{
		target: "dns:zone", what: "zone " + name.String(), yes: yes, depends: about(name, hosting.ZoneDependents),
		remove: func(ctx context.Context, conn hosting.Conn) error { return hosting.RemoveZone(ctx, conn, name) },
	})
}

// ListRecords reports the records of a zone, or of all for "".
func (s *Stack) ListRecords(ctx context.Context, typed string) error {
	of, err := some(typed, hosting.ParseZone)
	header := []string{"zone", "name", "type", "priority", "content", "ttl", "enabled"}
	return list(ctx, s, "dns:list", err, about(of, hosting.Records), header,
		func(r hosting.RecordRow) ([]string, hosting.RecordRow) {
			return []string{r.Zone, r.Name, r.Type, optional(r.Priority), r.Content, optional(r.TTL), yesNo(r.Enabled)}, r
		})
}

// optional is a number that may be left out.
func optional(n *int) string {
	if n == nil {
		return ""
	}
	return strconv.Itoa(*n)
}

// AddRecord adds a record to a zone. What may be a mistake is asked about, unless yes is set.
func (s *Stack) AddRecord(ctx context.Context, zone string, in hosting.Input, yes bool) error {
	const target = "dns:add"
	of, err := hosting.ParseZone(zone)
	if err != nil {
		return s.refused(target, err)
	}
	parsed, err := hosting.ParseRecord(of, in)
	if err != nil {
		return s.refused(target, err)
	}
	if len(parsed.Doubts) > 0 && !yes {
		if !s.canAsk() {
			return s.refused(target,
				&UsageError{Reason: strings.Join(parsed.Doubts, "; ") + "; to add it as it is written give -yes"})
		}
		text := strings.Join(parsed.Doubts, "; ") + "; type yes to add it as it is written:"
		if err := s.question(ctx, target, false, text, "nothing was added"); err != nil {
			return err
		}
	}
	return s.change(ctx, target, nil, func(ctx context.Context, conn hosting.Conn) (ended, []string, error) {
		notes, err := hosting.AddRecord(ctx, conn, of, parsed.Record)
		data := hosting.RecordRow{Zone: string(of), Record: parsed.Record, Enabled: true}
		return ended{Outcome: event.Done, Text: fmt.Sprintf("added to zone %s: %s", of, parsed.Record), Data: data},
			append(parsed.Notes, notes...), err
	})
}

// RemoveRecord removes the records of a name and type, or the one with that content.
func (s *Stack) RemoveRecord(ctx context.Context, zone, name, kind, content string, yes bool) error {
	of, err := hosting.ParseZone(zone)
	var found []hosting.Record
	return s.removeFrom(ctx, err, removal{
		target: "dns:remove",
		what:   fmt.Sprintf("records %s %s of zone %s", name, strings.ToUpper(kind), of), yes: yes, rows: true,
		depends: func(ctx context.Context, conn hosting.Conn) (d hosting.Dependents, err error) {
			found, err = hosting.Matching(ctx, conn, of, strings.ToLower(name), strings.ToUpper(kind), content)
			for _, r := range found {
				d.Go = append(d.Go, "record "+r.String())
			}
			return d, err
		},
		remove: func(ctx context.Context, conn hosting.Conn) error { return hosting.RemoveRecords(ctx, conn, of, found) },
	})
}
