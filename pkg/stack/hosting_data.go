package stack

import (
	"strings"

	"github.com/poststack/poststack/pkg/hosting"
	"github.com/poststack/poststack/pkg/nameserver"
)

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
