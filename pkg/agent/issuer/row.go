package issuer

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/poststack/poststack/pkg/agent/feed"
	"github.com/poststack/poststack/pkg/agent/rows"
)

// What a row of the table certificates can be, see changelogs/schema/007_certificates.sql.
const (
	statusIssued  = "issued"
	statusRevoked = "revoked"
)

const challengeDNS = "dns-01"

// row is one row of the table certificates.
type row struct {
	ID          int64      `json:"id"`
	Names       []string   `json:"names"`
	Status      string     `json:"status"`
	Challenge   string     `json:"challenge"`
	Directory   string     `json:"directory"`
	Fingerprint string     `json:"fingerprint_sha256"` // of what the table says is deployed; "" if nothing is
	LastError   string     `json:"last_error"`
	WantedAt    *time.Time `json:"wanted_at"`
	TriedAt     *time.Time `json:"tried_at"`
	RevokedAt   *time.Time `json:"revoked_at"`
	Enabled     bool       `json:"enabled"` // its domain
}

// settings are what the table settings says of the service.
type settings struct {
	propagation int  // seconds that a record of a challenge is given to reach all name servers
	newKeys     bool // a renewed certificate gets a key of its own
	rsa         bool // keys are RSA
	nameServer  string
}

// table is what was read of the database at one moment.
type table struct {
	rows     []row
	settings settings
}

// Queries are what is read.
func Queries() []feed.Query {
	return []feed.Query{
		{Name: "certificates", Key: "directory", SQL: `select c.id, c.names, c.status, c.challenge, c.directory,
			coalesce(c.fingerprint_sha256, '') as fingerprint_sha256, coalesce(c.last_error, '') as last_error,
			c.wanted_at, c.tried_at, c.revoked_at, d.enabled
			from certificates c join domains d on d.id = c.domain_id order by c.directory`},
		{Name: "settings", Key: "key", SQL: `select distinct on (key) key, value, service from settings
			where service = 'certbot' or service is null order by key, service nulls last`},
		// The name server takes the records of challenges.
		{Name: "services", Key: "name", SQL: `select name, coalesce(host, name) as host from services where name = 'bind'`},
	}
}

const (
	defaultPropagation = 5
	ownNameServer      = "bind" // of this stack
)

// read makes sense of what the database gave. What is wrong with a setting is told, and it counts as unset.
func read(set rows.Set) (t table, wrong []string, err error) {
	t.settings = settings{propagation: defaultPropagation, nameServer: ownNameServer}
	for _, raw := range set["certificates"] {
		var r row
		if err := json.Unmarshal(raw.Raw, &r); err != nil {
			return t, nil, fmt.Errorf("read certificate %q: %w", raw.Key, err)
		}
		t.rows = append(t.rows, r)
	}
	for _, raw := range set["services"] {
		var s struct{ Host string }
		if err := json.Unmarshal(raw.Raw, &s); err != nil {
			return t, nil, fmt.Errorf("read service %q: %w", raw.Key, err)
		}
		t.settings.nameServer = s.Host
	}
	for _, raw := range set["settings"] {
		if err := t.settings.take(raw); err != nil {
			wrong = append(wrong, fmt.Sprintf("setting %s: %v", raw.Key, err))
		}
	}
	return t, wrong, nil
}

// take reads one setting; one that it does not know is for others.
func (s *settings) take(raw rows.Row) error {
	var r struct {
		Value   json.RawMessage
		Service string
	}
	if err := json.Unmarshal(raw.Raw, &r); err != nil {
		return err
	}
	switch raw.Key {
	case "dns_propagation":
		const most = 3600
		var n int
		if err := json.Unmarshal(r.Value, &n); err != nil || n < 0 || n > most {
			return fmt.Errorf("%s is no number of seconds from 0 to %d", r.Value, most)
		}
		s.propagation = n
	case "new_keys":
		if err := json.Unmarshal(r.Value, &s.newKeys); err != nil {
			return fmt.Errorf("%s is neither true nor false", r.Value)
		}
	case "key_type":
		var kind string
		if err := json.Unmarshal(r.Value, &kind); err != nil || kind != "rsa" && kind != "ecdsa" {
			return fmt.Errorf("%s is neither \"rsa\" nor \"ecdsa\"", r.Value)
		}
		s.rsa = kind == "rsa"
	default:
		_, err := rows.KnownSetting(r.Service, raw.Key, "dns_propagation", "new_keys", "key_type")
		return err
	}
	return nil
}

// hostName is what a certificate can be for: a name that DNS knows, or a wildcard of one.
var hostName = regexp.MustCompile(
	`^(\*\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])$`,
)

// usable tells what is wrong with a row that no authority needs to be asked for.
func (r row) usable() error {
	for _, name := range r.Names {
		if !hostName.MatchString(name) || len(name) > 253 {
			return fmt.Errorf("%q is no name that a certificate can be for", name)
		}
	}
	if r.Challenge != challengeDNS &&
		slices.ContainsFunc(r.Names, func(n string) bool { return strings.HasPrefix(n, "*.") }) {
		return fmt.Errorf("a wildcard needs the challenge %s", challengeDNS)
	}
	return nil
}

// covers tells whether a certificate for those names is one for all names of the row, and no others.
func (r row) covers(names []string) bool {
	return slices.Equal(needed(r.Names), needed(names))
}

// needed are the names that a certificate must have to be one for all of these. A wildcard stands for the names that it
// covers: Let's Encrypt refuses an order with both ("redundant with a wildcard domain in the same request").
func needed(names []string) []string {
	all := distinct(names)
	return slices.DeleteFunc(slices.Clone(all), func(name string) bool {
		first, rest, _ := strings.Cut(name, ".")
		return first != "*" && slices.Contains(all, "*."+rest)
	})
}

// distinct are the names in lower case, in order, each once.
func distinct(names []string) []string {
	var out []string
	for _, n := range names {
		out = append(out, strings.ToLower(n))
	}
	slices.Sort(out)
	return slices.Compact(out)
}
