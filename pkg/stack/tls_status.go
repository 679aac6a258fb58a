package stack

import (
	"context"
	"fmt"
	"time"

	"github.com/poststack/poststack/pkg/certificate"
	"github.com/poststack/poststack/pkg/config"
	"github.com/poststack/poststack/pkg/database"
	"github.com/poststack/poststack/pkg/doctor"
)

// CertificateStatus is the certificate that the own database serves.
type CertificateStatus struct {
	Serial   string    `json:"serial"`
	Ends     time.Time `json:"ends"`
	DaysLeft int       `json:"days_left"`
	From     string    `json:"from"`              // the directory that it is from
	Problem  string    `json:"problem,omitempty"` // why it is not the one that it is to be
}

// certificateStatus asks the own database for its certificate; nil if it is to have none. An error is a server that
// does not answer.
func (s *Stack) certificateStatus(ctx context.Context, target database.Target) (*CertificateStatus, error) {
	if s.External() || s.tlsDir() == "" {
		return nil, nil //nolint:nilnil // no TLS is no error
	}
	served, err := target.Served(ctx)
	if err != nil {
		return nil, err
	}
	status := &CertificateStatus{From: s.tlsDir()}
	if served != nil {
		status.Serial, status.Ends = certificate.Serial(served), served.NotAfter
		status.DaysLeft = certificate.DaysLeft(served, time.Now())
	}
	if err := s.checkServed(ctx, target); err != nil {
		status.Problem = err.Error()
	}
	return status, nil
}

// String is the status in a few words.
func (c CertificateStatus) String() string {
	switch {
	case c.Serial == "":
		return "none"
	case c.DaysLeft < 0:
		return "it ended on " + c.Ends.UTC().Format(time.DateOnly)
	default:
		return fmt.Sprintf("%s left", count(c.DaysLeft, "day"))
	}
}

// checkCertificate looks for a certificate of the own database that is about to end, cannot be used, or is not the one
// that is served.
func (s *Stack) checkCertificate(ctx context.Context) []doctor.Finding {
	if s.External() || s.tlsDir() == "" {
		return nil
	}
	const start = "mage db:start"
	renew := fmt.Sprintf("renew it in %s, then run %s", s.tlsDir(), start)
	if s.Config.Database.TLS == config.TLSOwn {
		renew = start + ", which renews it"
	}
	want, err := s.certificate()
	if err != nil {
		return []doctor.Finding{finding(doctor.Problem, renew, "%v", err)}
	}
	if port, unknown := s.rememberedPort(ctx); unknown == nil {
		status, err := s.certificateStatus(ctx, database.Target{Host: "127.0.0.1", Port: port})
		if err == nil && status.Problem != "" { // where it does not answer, the database's own check tells why
			return []doctor.Finding{finding(doctor.Problem, start, "%s", status.Problem)}
		}
	}
	if time.Until(want.Leaf.NotAfter) < certificate.RenewBefore {
		return []doctor.Finding{finding(doctor.Warning, renew, "the database's: %s left", days(*want))}
	}
	return []doctor.Finding{finding(doctor.OK, "", "the database's: %s left", days(*want))}
}
