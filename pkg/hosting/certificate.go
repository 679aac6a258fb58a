package hosting

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// IssuerRole is the role of the schema that may tell what came of a certificate. Whoever signs in with its rights has
// certificates issued.
const IssuerRole = "poststack_certbot"

// BetweenTries is how long an authority is left alone after it has refused.
const BetweenTries = time.Hour

// The states of a certificate.
const (
	CertificateWanted  = "wanted"
	CertificateIssued  = "issued"
	CertificateFailed  = "failed"
	CertificateRevoked = "revoked"
)

// CertificateRow is a certificate that is wanted or was issued.
type CertificateRow struct {
	Directory string     `json:"name"` // its name, and the directory that services find it in
	Domain    Domain     `json:"domain"`
	Disabled  bool       `json:"-"`     // its domain
	Names     []string   `json:"names"` // that it is for
	Status    string     `json:"status"`
	Challenge string     `json:"challenge"`
	Issuer    string     `json:"issuer"` // these are empty until it is issued
	Serial    string     `json:"serial"`
	NotBefore *time.Time `json:"not_before"`
	NotAfter  *time.Time `json:"not_after"`
	LastError string     `json:"last_error"` // why the last try failed; "" after a success
	TriedAt   *time.Time `json:"tried_at"`   // when the authority was last asked
	WantedAt  *time.Time `json:"-"`          // when somebody asked for it at once, and has no answer yet
	RevokedAt *time.Time `json:"revoked_at"` // when it was
}

// HeldUntil is when the authority may be asked again; nil if it may now.
func (c CertificateRow) HeldUntil(now time.Time) *time.Time {
	if c.LastError == "" || c.TriedAt == nil {
		return nil
	}
	until := c.TriedAt.Add(BetweenTries)
	if !until.After(now) {
		return nil
	}
	return &until
}

// Settled tells whether what was asked for has come to an end, good or bad.
func (c CertificateRow) Settled() bool {
	if c.Status == CertificateRevoked {
		return c.RevokedAt != nil || c.LastError != ""
	}
	return c.WantedAt == nil
}

const certificateColumns = `select c.directory, d.name, not d.enabled, c.names, c.status, c.challenge,
	coalesce(c.issuer, ''), coalesce(c.serial_number, ''),
	c.not_before, c.not_after, coalesce(c.last_error, ''), c.tried_at, c.wanted_at, c.revoked_at
	from certificates c join domains d on d.id = c.domain_id `

// Certificates are all certificates, or those of a domain or with that name; of is "" for all. There is none of a
// name that nobody has, which is refused.
func Certificates(ctx context.Context, conn Conn, of string) ([]CertificateRow, error) {
	list, err := collect[CertificateRow](ctx, conn,
		certificateColumns+`where $1 in ('', c.directory, d.name) order by d.name, c.directory`, of)
	if err == nil && of != "" && len(list) == 0 {
		return nil, refuse(
			"there is no certificate %s; see: mage certificates:status, or have one issued with: mage certificates:issue %s",
			of, of,
		)
	}
	return list, wrapped(err, "list certificates")
}

// HasIssuer tells whether somebody is connected who has certificates issued.
func HasIssuer(ctx context.Context, conn Conn) (bool, error) {
	there, err := isThere(ctx, conn, `select from pg_stat_activity a join pg_auth_members m on m.member = a.usesysid
		join pg_roles r on r.oid = m.roleid where r.rolname = $1 and a.datname = current_database()`, IssuerRole)
	return there, wrapped(err, "look for who issues certificates")
}

// CertificateOptions are what a certificate is asked for with.
type CertificateOptions struct {
	Names     []string // without any, what it had before, or the domain's own
	Challenge string   // "" is the one that the names need
	Directory string   // "" is the domain's name
}

// ParseNames reads names of a certificate, with commas between them. A wildcard is one for all names one step below.
func ParseNames(text string) ([]string, error) {
	var out []string
	for typed := range strings.SplitSeq(text, ",") {
		rest, wild := strings.CutPrefix(strings.TrimSpace(typed), "*.")
		name, err := ParseDomain(rest)
		if err != nil {
			return nil, err
		}
		full := string(name)
		if wild {
			full = "*." + full
		}
		if !slices.Contains(out, full) {
			out = append(out, full)
		}
	}
	const most = 100
	if len(out) > most {
		return nil, refuse("a certificate is for at most %d names, not %d", most, len(out))
	}
	return out, nil
}

// WantCertificate asks for a certificate of a domain. It returns its name, and false if there is one already.
func WantCertificate(
	ctx context.Context, conn Conn, domain Domain, o CertificateOptions,
) (name string, asked bool, err error) {
	name = cmp.Or(o.Directory, string(domain))
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		id, err := domainID(ctx, tx, domain)
		if err != nil {
			return err
		}
		found, err := collect[CertificateRow](ctx, tx, certificateColumns+`where c.directory = $1 for update of c`, name)
		if err != nil {
			return err
		}
		var before *CertificateRow
		if len(found) > 0 {
			before = &found[0]
			if before.Domain != domain {
				return refuse("%s is a certificate of domain %s; give another name with -directory", name, before.Domain)
			}
		}
		if err := o.complete(ctx, tx, domain, before); err != nil {
			return err
		}
		if before == nil {
			asked = true
			_, err = tx.Exec(ctx, `insert into certificates (domain_id, names, challenge, directory, wanted_at)
				values ($1, $2, $3, $4, now())`,
				id, o.Names, o.Challenge, name)
			return err
		}
		asked, err = o.again(ctx, tx, *before)
		return err
	})
	return name, asked, wrapped(err, "ask for certificate %q", name)
}

// complete fills in what was not said, and refuses what no authority needs to be asked for.
func (o *CertificateOptions) complete(ctx context.Context, tx pgx.Tx, domain Domain, before *CertificateRow) error {
	switch {
	case len(o.Names) == 0 && before != nil:
		o.Names, o.Challenge = before.Names, cmp.Or(o.Challenge, before.Challenge)
	case len(o.Names) == 0:
		o.Names = []string{string(domain)}
	}
	wild := slices.ContainsFunc(o.Names, func(n string) bool { return strings.HasPrefix(n, "*.") })
	switch {
	case o.Challenge == "" && wild:
		o.Challenge = "dns-01"
	case o.Challenge == "":
		o.Challenge = "http-01"
	case o.Challenge == "http-01" && wild:
		return refuse("a wildcard is only issued to who shows that the name server is his: leave -challenge out, or " +
			"give dns-01")
	case o.Challenge != "http-01" && o.Challenge != "dns-01":
		return refuse("there is no challenge %q here; known are http-01 and dns-01", o.Challenge)
	}
	strange, err := column(ctx, tx, `select n from unnest($1::text[]) n where not exists (
		select from domains d where d.enabled and ltrim(n, '*.') = d.name or right(n, length(d.name) + 1) = '.' || d.name)
		order by 1`, o.Names)
	if err == nil && len(strange) > 0 {
		return refuse("%s is in no domain that is served here; add it with mage domain:add, or mage domain:enable",
			join(strange))
	}
	return err
}

// again asks for a certificate that was asked for before, and tells whether there was anything to ask for.
func (o *CertificateOptions) again(ctx context.Context, tx pgx.Tx, before CertificateRow) (bool, error) {
	same := slices.Equal(o.Names, before.Names) && o.Challenge == before.Challenge
	switch {
	case before.Status == CertificateRevoked && before.RevokedAt == nil:
		return false, refuse("certificate %s is being revoked; wait until mage certificates:status says that it is",
			before.Directory)
	case same && before.Status == CertificateIssued && before.LastError == "":
		return false, nil
	}
	if err := before.held(); err != nil && same {
		return false, err
	}
	// What was refused is not what is asked for, if that has changed.
	_, err := tx.Exec(ctx, `update certificates set names = $2, challenge = $3, wanted_at = coalesce(wanted_at, now()),
		revoked_at = null, tried_at = case when $4 then tried_at end, last_error = case when $4 then last_error end,
		status = case when status = 'revoked' then 'wanted' else status end where directory = $1`,
		before.Directory, o.Names, o.Challenge, same)
	return true, err
}
