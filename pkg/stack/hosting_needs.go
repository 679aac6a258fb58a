package stack

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/hosting"
)

// ShowNeeds reports what a domain needs in DNS beside what the tables have; with add it adds what is missing.
func (s *Stack) ShowNeeds(ctx context.Context, typed, addresses string, add bool) error {
	const target = "dns:records"
	name, wrong := hosting.ParseDomain(typed)
	at, err := hosting.ParseAddresses(addresses)
	if err = cmp.Or(wrong, err); err != nil {
		return s.refused(target, err)
	}
	for _, address := range at {
		if !address.IsGlobalUnicast() || address.IsPrivate() {
			s.Sink.For(target).Warn(fmt.Sprintf("%s is no public address: nobody outside reaches it", address))
		}
	}
	shown := s.shownFor(ctx, target, name)
	if add {
		err := s.change(ctx, target, nil, func(ctx context.Context, conn hosting.Conn) (ended, []string, error) {
			needs, err := s.needs(ctx, conn, name, at, shown)
			if err != nil {
				return ended{}, nil, err
			}
			added, err := hosting.AddNeeds(ctx, conn, needs)
			if len(added) == 0 {
				return ended{Outcome: event.Unchanged, Text: "nothing was missing"}, nil, err
			}
			notes := make([]string, len(added))
			for i, r := range added {
				notes[i] = "added " + r.String()
			}
			return ended{Outcome: event.Done, Text: fmt.Sprintf("added %s to zone %s", count(len(added), "record"), needs.Zone)},
				notes, err
		})
		if err != nil {
			return err
		}
	}
	return s.look(ctx, target, nil, func(ctx context.Context, conn hosting.Conn) error {
		needs, err := s.needs(ctx, conn, name, at, shown)
		if err != nil {
			return err
		}
		s.Sink.Result(needsReport(needs))
		s.warnOfStale(target, needs)
		return nil
	})
}

// needs are what a domain needs, without a CAA record where another authority than Let's Encrypt is set: the record
// would shut that one out, and only its documentation says how records name it.
func (s *Stack) needs(
	ctx context.Context, conn hosting.Conn, name hosting.Domain, at []netip.Addr, shown []hosting.Shown,
) (hosting.Needs, error) {
	needs, err := hosting.DomainNeeds(ctx, conn, name, at, shown...)
	if set, wrong := url.Parse(s.Config.ACME.Directory); wrong == nil && set.Host != "" &&
		!strings.HasSuffix(set.Hostname(), "."+hosting.Authority) {
		needs.List = slices.DeleteFunc(needs.List, func(n hosting.Need) bool { return n.Type == "CAA" })
	}
	return needs, err
}

// warnOfStale tells of TLSA records that do not fit what is served.
func (s *Stack) warnOfStale(target string, needs hosting.Needs) {
	for _, n := range needs.List {
		if stale := n.Stale(needs.Domain, needs.Zone); stale != "" {
			s.Sink.For(target).Warn(fmt.Sprintf("%s TLSA %s: %s", n.Name, strings.Join(n.Have, ", "), stale))
		}
	}
}

func needsReport(needs hosting.Needs) event.Report {
	report := event.Report{Header: []string{"name", "type", "content", "state", "here", "why"}}
	data := make([]NeedData, 0, len(needs.List))
	for _, n := range needs.List {
		content := n.Content
		if n.Priority != nil {
			content = optional(n.Priority) + " " + content
		}
		if n.State == hosting.Unknown || content == "" {
			content = "a public address: -address=IP"
		}
		state := string(n.State)
		if needs.Elsewhere() {
			state = "elsewhere"
		}
		report.Rows = append(report.Rows, []string{n.Name, n.Type, content, state, strings.Join(n.Have, ", "), n.Why})
		data = append(data, NeedData{
			Name: n.Name, Type: n.Type, Priority: n.Priority, Content: n.Content, State: string(n.State),
			Have: append([]string{}, n.Have...), Why: n.Why,
		})
	}
	report.Data = data
	report.Text = fmt.Sprintf("records of %s in zone %s", needs.Domain, needs.Zone)
	switch {
	case needs.Zone == "":
		report.Text = fmt.Sprintf("no zone here has the names of %s; enter these at its name server", needs.Domain)
	case needs.Elsewhere():
		report.Text = fmt.Sprintf("zone %s, with the names of %s, is a secondary one; enter these at its primary server",
			needs.Zone, needs.Domain)
	}
	return report
}
