package stack

import (
	"context"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/poststack/poststack/pkg/certificate"
	"github.com/poststack/poststack/pkg/database"
	"github.com/poststack/poststack/pkg/doctor"
	"github.com/poststack/poststack/pkg/hosting"
)

// CertificatesStatus is how the certificates of the domains are.
type CertificatesStatus struct {
	Issued   int    `json:"issued"`
	Waiting  int    `json:"waiting"`
	Failed   int    `json:"failed"`
	Ended    int    `json:"ended"`     // of those that were issued
	DaysLeft *int   `json:"days_left"` // of the one that ends first; null if none was issued
	Next     string `json:"next"`      // its name
	Trouble  string `json:"trouble"`   // the first that somebody has to look after, and why
}

// certificatesStatus asks the tables; nil if there is no certificate of an enabled domain, or no table.
func (s *Stack) certificatesStatus(ctx context.Context, target database.Target) *CertificatesStatus {
	limited, cancel := context.WithTimeout(ctx, s.Config.Timeout.Connect)
	defer cancel()
	var out *CertificatesStatus
	_ = s.sessions.Use(limited, target, func(ctx context.Context, conn *pgx.Conn) error { // another row tells of errors
		out = certificatesIn(ctx, conn)
		return nil
	})
	return out
}

func certificatesIn(ctx context.Context, conn hosting.Conn) *CertificatesStatus {
	list, err := hosting.Certificates(ctx, conn, "")
	if err != nil || !slices.ContainsFunc(list, func(c hosting.CertificateRow) bool { return !c.Disabled }) {
		return nil
	}
	return summed(list, time.Now())
}

func summed(list []hosting.CertificateRow, now time.Time) *CertificatesStatus {
	out := &CertificatesStatus{}
	for _, c := range list {
		if c.Disabled { // no authority is asked for it, whoever asks
			continue
		}
		d := certificateData(c, now)
		switch c.Status {
		case hosting.CertificateIssued:
			out.Issued++
			if out.DaysLeft == nil || *d.DaysLeft < *out.DaysLeft {
				out.DaysLeft, out.Next = d.DaysLeft, d.Directory
			}
		case hosting.CertificateFailed:
			out.Failed++
		case hosting.CertificateWanted:
			out.Waiting++
		}
		if d.ended() {
			out.Ended++
		}
		if more := d.more(); out.Trouble == "" && (d.LastError != "" || d.ended()) {
			out.Trouble = d.Directory + ": " + more
		}
	}
	return out
}

// String is it in a few words.
func (c CertificatesStatus) String() string {
	var parts []string
	for _, part := range []struct {
		n    int
		what string
	}{{c.Issued, "issued"}, {c.Waiting, "waiting"}, {c.Failed, "failed"}, {c.Ended, "ended"}} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.what))
		}
	}
	return strings.Join(parts, ", ")
}

// more is what else there is to say.
func (c CertificatesStatus) more() string {
	switch {
	case c.Trouble != "":
		return c.Trouble
	case c.DaysLeft != nil:
		return fmt.Sprintf("%s ends first, in %s", c.Next, count(*c.DaysLeft, "day"))
	default:
		return ""
	}
}

// checkDatabaseAndTables asks one after the other: a session of ours could hold the lock that is looked at, as far as
// the server knows, so none is open beside.
func (s *Stack) checkDatabaseAndTables(ctx context.Context) []doctor.Finding {
	return append(s.checkDatabase(ctx), s.checkCertificates(ctx)...)
}

// checkCertificates looks for certificates of domains that have ended, or that an authority refuses.
func (s *Stack) checkCertificates(ctx context.Context) []doctor.Finding {
	target, err := s.Target(ctx)
	if err != nil {
		return nil // another check tells of it
	}
	conn, closeConn, err := connectFor(ctx, target)
	if err != nil {
		return nil // likewise
	}
	defer closeConn()
	status := certificatesIn(ctx, conn)
	if status == nil {
		return nil
	}
	found := doctor.Finding{State: doctor.OK, Seen: status.String() + "; " + status.more()}
	switch {
	case status.Ended > 0:
		found.State, found.Remedy = doctor.Problem, "mage certificates:renew"
	case status.Trouble != "":
		found.State, found.Remedy = doctor.Warning, "mage certificates:status"
	}
	return []doctor.Finding{found}
}

// CertificateData is a certificate as a value for machines.
type CertificateData struct {
	hosting.CertificateRow
	DaysLeft *int         `json:"days_left"` // null until it is issued
	NextTry  *time.Time   `json:"next_try"`  // null unless it is left alone for now
	Remedy   string       `json:"remedy"`
	Served   []ServedData `json:"served"` // by services that run
}

// ServedData is what a TLS client is shown for a certificate's first name.
type ServedData struct {
	Service string `json:"service"`
	Address string `json:"address"`
	Serial  string `json:"serial"`
	Current bool   `json:"current"` // it is the one that the table has, or one that ends later
	Problem string `json:"problem"` // why there was no answer
}

// certificateData is it without what is served.
func certificateData(c hosting.CertificateRow, now time.Time) CertificateData {
	data := CertificateData{CertificateRow: c, NextTry: c.HeldUntil(now), Remedy: c.Remedy(), Served: []ServedData{}}
	if c.NotAfter != nil && c.Status != hosting.CertificateRevoked {
		days := certificate.DaysLeft(&x509.Certificate{NotAfter: *c.NotAfter}, now)
		data.DaysLeft = &days
	}
	return data
}

// ended tells whether no client believes it any more.
func (d CertificateData) ended() bool { return d.DaysLeft != nil && *d.DaysLeft < 0 }

// wrong tells whether somebody has to look after it.
func (d CertificateData) wrong() bool {
	if d.Disabled {
		return false
	}
	stale := slices.ContainsFunc(d.Served, func(s ServedData) bool { return !s.Current })
	return d.ended() || d.Status == hosting.CertificateFailed || d.Status == hosting.CertificateIssued && stale
}
