package stack

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/poststack/poststack/pkg/certificate"
	"github.com/poststack/poststack/pkg/config"
	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/database"
	"github.com/poststack/poststack/pkg/doctor"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/health"
	"github.com/poststack/poststack/pkg/service"
)

// deliverCertificate puts the own database's certificate where its container finds it, unless the one that runs as
// declared serves it already.
func (s *Stack) deliverCertificate(
	ctx context.Context, e Engine, declared container.Service, found engine.Container,
) (served bool, err error) {
	into, on := s.certificateMount()
	if !on {
		return false, nil
	}
	want, err := s.certificate()
	if err != nil {
		return false, err
	}
	if found.State == engine.Running && declared.Declares(found) {
		here := database.Target{Host: "127.0.0.1", Port: declared.Spec.Ports[0].Host}
		if shown, err := here.Served(ctx); err == nil && want.Leaf.Equal(shown) {
			return true, nil
		}
	}
	return false, container.Fill(ctx, e, declared, into, s.certificateFiles(*want))
}

// readyWith waits until the server answers, with the certificate that it is to have. One that ran already takes a new
// one into use without a restart; what clients are shown tells whether it did.
func (s *Stack) readyWith(
	ctx context.Context, e Engine, c engine.Container, target database.Target, change container.Change, served bool,
) (renewed bool, err error) {
	want, err := s.certificate()
	if err == nil && want != nil && change == container.Kept && !served {
		renewed, err = s.renewServed(ctx, e, c, target, *want)
	}
	if err == nil {
		err = s.ready(ctx, e, c, target)
	}
	if err != nil || change == container.Kept {
		return renewed, err
	}
	if want == nil {
		return false, s.dropCertificate(ctx, e)
	}
	return false, serves(ctx, target, *want)
}

// renewServed has a server that runs take the certificate into use, if it serves another.
func (s *Stack) renewServed(
	ctx context.Context, e Engine, c engine.Container, target database.Target, want certificate.Server,
) (renewed bool, err error) {
	ctx, cancel := within(ctx, s.Config.Timeout.Start, "take the certificate into use", "POSTSTACK_TIMEOUT_START")
	defer cancel()
	wait := health.Options{Interval: probeInterval, Alive: service.Alive(e, c.ID)}
	var served *x509.Certificate
	asked := health.Exec("certificate of "+target.Address(), func(ctx context.Context) (err error) {
		served, err = target.Served(ctx)
		return err
	})
	if err := health.Wait(ctx, asked, wait); err != nil || want.Leaf.Equal(served) {
		return false, err
	}
	d, err := s.definition(postgresImage)
	if err != nil {
		return false, err
	}
	if d.Service.Reload == nil {
		return false,
			badUsage("containers/%s/image.yaml declares no reload, by which a renewed certificate is taken into use",
				postgresImage)
	}
	if err := (service.Runner{Engine: e}).Reload(ctx, *d.Service.Reload, c.ID); err != nil {
		return false, err
	}
	return true, health.Wait(ctx, health.Exec("certificate of "+target.Address(), func(ctx context.Context) error {
		return serves(ctx, target, want)
	}), wait)
}

// checkServed asks the own database whether it serves the certificate that it is to have.
func (s *Stack) checkServed(ctx context.Context, target database.Target) error {
	if s.External() {
		return nil
	}
	want, err := s.certificate()
	if err != nil || want == nil {
		return err
	}
	return serves(ctx, target, *want)
}

// serves is an error unless the server at target serves the certificate.
func serves(ctx context.Context, target database.Target, want certificate.Server) error {
	served, err := target.Served(ctx)
	switch {
	case err != nil:
		return err
	case served == nil:
		return errors.New("the database serves no certificate: mage db:start has it take one")
	case !want.Leaf.Equal(served):
		return fmt.Errorf("the database serves the certificate with serial %s, and %s holds the one with serial %s: mage "+
			"db:start has it take that",
			certificate.Serial(served), want.Dir, certificate.Serial(want.Leaf))
	}
	return nil
}

// dropCertificate deletes the certificate that the own database had before TLS was switched off. The authority stays.
func (s *Stack) dropCertificate(ctx context.Context, e Engine) error {
	mount, _ := s.certificateMount()
	v, err := e.VolumeInspect(ctx, mount.Volume)
	if errors.Is(err, engine.ErrNotFound) {
		return nil
	}
	if err == nil {
		err = s.check(e, "volume", v.Name, v.Labels)
	}
	if err == nil {
		err = e.VolumeRemove(ctx, v.Name)
	}
	return err
}

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
