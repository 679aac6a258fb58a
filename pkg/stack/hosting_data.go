package stack

import (
	"strconv"
	"strings"

	"github.com/poststack/poststack/pkg/hosting"
)

// DomainData is a domain as a value for machines.
type DomainData struct {
	Name         string `json:"name"`    // in its ASCII form
	Unicode      string `json:"unicode"` // as people read it
	Mail         bool   `json:"mail"`
	Web          bool   `json:"web"`
	Zone         string `json:"zone"` // that has its names; "" if none here has
	Enabled      bool   `json:"enabled"`
	WebRoot      string `json:"web_root"` // "" for the default place
	Accounts     int    `json:"accounts"`
	Aliases      int    `json:"aliases"`
	Certificates int    `json:"certificates"`
}

// domainData is a domain of the tables.
func domainData(d hosting.DomainRow) DomainData {
	return DomainData{
		Name: string(d.Name), Unicode: d.Name.Unicode(), Mail: d.Mail, Web: d.Web, Zone: d.Zone, Enabled: d.Enabled,
		WebRoot:  d.WebRoot,
		Accounts: d.Accounts, Aliases: d.Aliases, Certificates: d.Certificates,
	}
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
	if d.Zone == d.Name {
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

// AliasData is one destination of an alias.
type AliasData struct {
	Address     string `json:"address"`
	Destination string `json:"destination"`
	Enabled     bool   `json:"enabled"`
}

// ZoneData is a zone as a value for machines.
type ZoneData struct {
	Name       string `json:"name"`
	Kind       string `json:"kind"`
	PrimaryNS  string `json:"primary_ns"`
	Hostmaster string `json:"hostmaster"`
	Serial     int64  `json:"serial"`
	Records    int    `json:"records"`
	Enabled    bool   `json:"enabled"`
}

// RecordData is a record as a value for machines.
type RecordData struct {
	Zone     string `json:"zone"`
	Name     string `json:"name"` // relative to the zone
	Type     string `json:"type"`
	Priority *int   `json:"priority"` // null where the type has none
	Content  string `json:"content"`
	TTL      *int   `json:"ttl"` // null for the zone's
	Enabled  bool   `json:"enabled"`
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
	Server   *NameServerData `json:"server"` // null if none was asked
	Zones    []ZoneCheckData `json:"zones"`  // that it was asked for
	Problems []ProblemData   `json:"problems"`
}

// NameServerData is a name server that was asked.
type NameServerData struct {
	Service string `json:"service"` // "" for one that was named
	UDP     string `json:"udp"`
	TCP     string `json:"tcp"`
}

// ZoneCheckData is how a name server answers for a zone.
type ZoneCheckData struct {
	Name         string `json:"name"`
	Kind         string `json:"kind"`
	Serial       uint32 `json:"serial"`
	ServedSerial uint32 `json:"served_serial"` // 0 if it is not served
	Signed       bool   `json:"signed"`        // its answers are
	Records      int    `json:"records"`       // that were asked for
	Problems     int    `json:"problems"`
}

// ProblemData is what is wrong with a zone.
type ProblemData struct {
	Zone    string `json:"zone"`
	Record  string `json:"record"` // "" for the zone itself, or what it lacks
	State   string `json:"state"`  // tables, missing, differs, left out, stale, unsigned
	Problem string `json:"problem"`
}

// RemovedData is what was removed.
type RemovedData struct {
	Removed string   `json:"removed"`
	With    []string `json:"with"`
}

// number is a number in a table.
func number(n int) string { return strconv.Itoa(n) }
