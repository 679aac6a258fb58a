package stack

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/hosting"
	"github.com/poststack/poststack/pkg/nameserver"
)

// AddDomain adds a domain. With nothing chosen it serves mail and web.
func (s *Stack) AddDomain(ctx context.Context, typed string, o hosting.DomainOptions) error {
	name, err := hosting.ParseDomain(typed)
	return s.change(ctx, "domain:add", err, func(ctx context.Context, conn hosting.Conn) (ended, []string, error) {
		zone, err := hosting.AddDomain(ctx, conn, name, o)
		row := hosting.DomainRow{Name: name, Mail: o.Mail, Web: o.Web, Zone: zone, Enabled: true, WebRoot: o.WebRoot}
		data := DomainData{row, name.Unicode()}
		var notes []string
		if kept := name.Kept(typed); kept != "" {
			notes = append(notes, kept)
		}
		switch {
		case zone == string(name):
			notes = append(notes, "what its zone needs is shown and added by: mage dns:records "+zone+" -address=IP -add")
		case zone != "":
			notes = append(notes, "its names are in zone "+zone+", which is here already")
		default:
			notes = append(notes, "what it needs at its name server is shown by: mage dns:records "+string(name)+" -address=IP")
		}
		return ended{Outcome: event.Done, Text: "added " + name.String() + ": " + data.servesText(), Data: data}, notes, err
	})
}

// ListDomains reports all domains.
func (s *Stack) ListDomains(ctx context.Context) error {
	header := []string{"domain", "serves", "enabled", "zone", "accounts", "aliases", "certificates"}
	return list(ctx, s, "domain:list", nil, hosting.Domains, header, func(d hosting.DomainRow) ([]string, DomainData) {
		data := DomainData{d, d.Name.Unicode()}
		return []string{
			d.Name.String(), data.servesText(), yesNo(d.Enabled), d.Zone, strconv.Itoa(d.Accounts), strconv.Itoa(d.Aliases),
			strconv.Itoa(d.Certificates),
		}, data
	})
}

// EnableDomain takes a domain into service, or out of it.
func (s *Stack) EnableDomain(ctx context.Context, typed string, enabled bool) error {
	target, state := "domain:disable", "disabled: its web site and its mail are out of service; what it has is kept, "+
		"and its zone still answers"
	if enabled {
		target, state = "domain:enable", "enabled"
	}
	name, err := hosting.ParseDomain(typed)
	return s.enable(ctx, target, err, "domain "+name.String(), state,
		func(ctx context.Context, conn hosting.Conn) (bool, error) {
			return hosting.EnableDomain(ctx, conn, name, enabled)
		})
}

// RemoveDomain removes a domain, with all what keeps it, too.
func (s *Stack) RemoveDomain(ctx context.Context, typed string, all, yes bool) error {
	name, err := hosting.ParseDomain(typed)
	return s.removeFrom(ctx, err, removal{
		target: "domain:remove", what: "domain " + name.String(), all: all, yes: yes,
		after:   "mail and files that it had stay on their volumes",
		depends: about(name, hosting.DomainDependents),
		remove:  func(ctx context.Context, conn hosting.Conn) error { return hosting.RemoveDomain(ctx, conn, name, all) },
	})
}

// AddAlias passes mail for an address on to another.
func (s *Stack) AddAlias(ctx context.Context, typed, destination string) error {
	from, err := hosting.ParseAlias(typed)
	to, wrong := hosting.ParseDestination(destination)
	err = cmp.Or(err, wrong)
	return s.change(ctx, "alias:add", err, func(ctx context.Context, conn hosting.Conn) (ended, []string, error) {
		notes, err := hosting.AddAlias(ctx, conn, from, to)
		if typed != from.String() {
			notes = append([]string{fmt.Sprintf("%s is kept as %s", typed, from)}, notes...)
		}
		data := hosting.AliasRow{Address: from.String(), Destination: to.String(), Enabled: true}
		return ended{Outcome: event.Done, Text: fmt.Sprintf("added alias %s → %s", from, to), Data: data}, notes, err
	})
}

// ListAliases reports the aliases of a domain, or of all for "".
func (s *Stack) ListAliases(ctx context.Context, typed string) error {
	of, err := some(typed, hosting.ParseDomain)
	return list(ctx, s, "alias:list", err, about(of, hosting.Aliases), []string{"alias", "passes mail to", "enabled"},
		func(a hosting.AliasRow) ([]string, hosting.AliasRow) {
			return []string{a.Address, a.Destination, yesNo(a.Enabled)}, a
		})
}

// RemoveAlias stops passing mail on, to one destination or to all for "".
func (s *Stack) RemoveAlias(ctx context.Context, typed, destination string, yes bool) error {
	from, err := hosting.ParseAlias(typed)
	var to []string
	return s.removeFrom(ctx, err, removal{
		target: "alias:remove", what: "alias " + from.String(), yes: yes, rows: true,
		depends: func(ctx context.Context, conn hosting.Conn) (d hosting.Dependents, err error) {
			all, err := hosting.AliasDestinations(ctx, conn, from)
			if err == nil {
				to, err = hosting.Chosen(from, all, destination)
			}
			for _, one := range to {
				d.Go = append(d.Go, "destination "+one)
			}
			return d, err
		},
		remove: func(ctx context.Context, conn hosting.Conn) error { return hosting.RemoveAlias(ctx, conn, from, to) },
	})
}

// DomainData is a domain as a value for machines.
type DomainData struct {
	hosting.DomainRow
	Unicode string `json:"unicode"` // its name as people read it
}

// servesText says in words what a domain serves.
func (d DomainData) servesText() string {
	var what []string
	if d.Mail {
		what = append(what, "mail")
	}
	if d.Web {
		what = append(what, "web")
	}
	if d.Zone == string(d.Name) {
		what = append(what, "dns")
	}
	return strings.Join(what, ", ")
}

// AccountData is an account as a value for machines.
type AccountData struct {
	Address    string `json:"address"`
	Name       string `json:"name"`
	QuotaBytes int64  `json:"quota_bytes"` // 0 for no limit
	Enabled    bool   `json:"enabled"`     // it and its domain
}

// PasswordData is a password that was made.
type PasswordData struct {
	Address  string `json:"address"`
	Password string `json:"password"`
}

// NeedData is a record that a domain needs.
type NeedData struct {
	Name     string   `json:"name"`
	Type     string   `json:"type"`
	Priority *int     `json:"priority"`
	Content  string   `json:"content"`
	State    string   `json:"state"` // present, differs, missing, unknown
	Have     []string `json:"have"`
	Why      string   `json:"why"`
}

// DNSCheckData is what was found out about the zones.
type DNSCheckData struct {
	Server   *NameServerData       `json:"server"` // null if none was asked
	Zones    []nameserver.Answered `json:"zones"`  // that it was asked for
	Problems []hosting.Problem     `json:"problems"`
}

// NameServerData is a name server that was asked.
type NameServerData struct {
	Service string `json:"service"` // "" for one that was named
	UDP     string `json:"udp"`
	TCP     string `json:"tcp"`
}

// RemovedData is what was removed.
type RemovedData struct {
	Removed string   `json:"removed"`
	With    []string `json:"with"`
}
