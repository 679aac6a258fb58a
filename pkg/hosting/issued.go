package hosting

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
)

// HaveCertificate records a certificate of a domain that was issued and is in the directory of the domain's name.
func HaveCertificate(ctx context.Context, conn Conn, of Domain, c *x509.Certificate) error {
	fingerprint := sha256.Sum256(c.Raw)
	_, err := conn.Exec(ctx, `
		insert into certificates (domain_id, names, status, challenge, directory, issuer, serial_number, fingerprint_sha256, not_before, not_after)
		select id, $2, 'issued', 'dns-01', $1, $3, $4, $5, $6, $7 from domains where name = $1
		on conflict (directory) do update set
			names = excluded.names, status = excluded.status, issuer = excluded.issuer, serial_number = excluded.serial_number,
			fingerprint_sha256 = excluded.fingerprint_sha256, not_before = excluded.not_before, not_after = excluded.not_after, last_error = null`,
		string(of), c.DNSNames, c.Issuer.String(), fmt.Sprintf("%x", c.SerialNumber), hex.EncodeToString(fingerprint[:]), c.NotBefore, c.NotAfter)
	return wrapped(err, "record a certificate of %q", of)
}
