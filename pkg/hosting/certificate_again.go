package hosting

import (
	"context"
	"time"
)

// held refuses to ask for what no authority is asked for now: a certificate of a domain that is disabled, and one
// that was just refused.
func (c CertificateRow) held() error {
	if c.Disabled {
		return refuse("certificate %s is of domain %s, which is disabled; first: mage domain:enable %s",
			c.Directory, string(c.Domain), string(c.Domain))
	}
	until := c.HeldUntil(time.Now())
	if until == nil {
		return nil
	}
	return refuse("certificate %s was tried at %s, and failed (%s); the authority is asked again at %s, as it shuts out "+
		"who asks more often",
		c.Directory, clock(*c.TriedAt), c.LastError, clock(*until))
}

func clock(t time.Time) string { return t.Local().Format("15:04") }

// RenewCertificates asks for certificates to be renewed at once. It returns their names, and what there is to say of
// those that are left out.
func RenewCertificates(ctx context.Context, conn Conn, of string) (names, notes []string, err error) {
	list, err := Certificates(ctx, conn, of)
	if err != nil {
		return nil, nil, err
	}
	var last error
	for _, c := range list {
		err := c.held()
		if c.Status == CertificateRevoked {
			err = refuse("certificate %s is revoked; have it issued anew with: mage certificates:issue %s",
				c.Directory, string(c.Domain))
		}
		if err != nil {
			last = err
			notes = append(notes, err.Error())
			continue
		}
		names = append(names, c.Directory)
	}
	if len(names) == 0 && last != nil {
		return nil, nil, last
	}
	_, err = conn.Exec(ctx, `update certificates set wanted_at = coalesce(wanted_at, now()) where directory = any($1)
		and status <> 'revoked'`, names)
	return names, notes, wrapped(err, "ask for certificates to be renewed")
}

// RevokeCertificate has a certificate revoked, and no longer served.
func RevokeCertificate(ctx context.Context, conn Conn, name string) error {
	tag, err := conn.Exec(ctx, `update certificates set status = 'revoked', revoked_at = null, wanted_at = null,
		last_error = null, tried_at = null
		where directory = $1 and status <> 'revoked'`, name)
	if err == nil && tag.RowsAffected() == 0 {
		err = refuse("certificate %s is revoked already", name)
	}
	return wrapped(err, "revoke certificate %q", name)
}
