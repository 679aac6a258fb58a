package issuer

import (
	"context"
	"crypto/x509"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// change is a statement that tells the table what came of a row.
type change struct {
	sql     string
	args    []any
	trouble string // what the row's last_error becomes
}

// begin tells that the authority is asked.
const begin = `update certificates set tried_at = $2 where id = $1`

// met forgets a wish, unless a later one has come.
const met = `wanted_at = case when wanted_at > $2::timestamptz then wanted_at end`

// wish is the wish that a row had when it was read.
func (r row) wish() time.Time {
	if r.WantedAt == nil {
		return time.Time{}
	}
	return *r.WantedAt
}

// failure is a row that could not be met. A certificate that was issued before is served on.
func failure(r row, err error) change {
	if r.LastError == err.Error() && r.WantedAt == nil {
		return change{} // the table says so already
	}
	return change{`update certificates set last_error = $3, ` + failed, []any{r.ID, r.wish(), err.Error()}, err.Error()}
}

const failed = met + `, status = case when status in ('issued', 'revoked') then status else 'failed' end where id = $1`

// fault is a row that could not be met, and the authority has refused nothing.
func fault(r row, err error) change {
	if r.LastError == err.Error() && r.WantedAt == nil && r.TriedAt == nil {
		return change{}
	}
	return change{
		`update certificates set last_error = $3, tried_at = null, ` + failed,
		[]any{r.ID, r.wish(), err.Error()},
		err.Error(),
	}
}

// success is a certificate that is deployed.
func success(r row, leaf *x509.Certificate) change {
	return change{
		sql: `update certificates set status = 'issued', last_error = null, ` + met + `, issuer = $3, serial_number = $4,
		fingerprint_sha256 = $5, not_before = $6, not_after = $7, revoked_at = null where id = $1 and status <> 'revoked'`,
		args: []any{
			r.ID, r.wish(), leaf.Issuer.String(), leaf.SerialNumber.Text(16), fingerprint(leaf), leaf.NotBefore, leaf.NotAfter,
		},
	}
}

// unrevoked is a certificate that the authority did not revoke.
func unrevoked(r row, tried time.Time, err error) change {
	return change{
		`update certificates set last_error = $2, tried_at = $3 where id = $1`, []any{r.ID, err.Error(), tried}, err.Error(),
	}
}

// revoked is a certificate that is revoked and taken away.
func revoked(r row) change {
	return change{
		sql: `update certificates set last_error = null, wanted_at = null, revoked_at = coalesce(revoked_at, now())
			where id = $1 and status = 'revoked'`,
		args: []any{r.ID},
	}
}

// Exec runs one statement on the database that libpq's variables name. There is so little to tell that no connection is
// kept for it.
func Exec(ctx context.Context, sql string, args ...any) error {
	const most = 20 * time.Second
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	config, err := pgx.ParseConfig("")
	if err != nil {
		return err
	}
	config.RuntimeParams["application_name"] = "issuer of certbot"
	config.RuntimeParams["lock_timeout"] = "10000"
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.Exec(ctx, sql, args...); err != nil {
		return fmt.Errorf("tell the table: %w", err)
	}
	return nil
}
