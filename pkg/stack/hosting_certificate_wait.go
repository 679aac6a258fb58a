package stack

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/hosting"
)

// CertificateError is a certificate that was not issued, renewed or revoked, or is not served.
type CertificateError struct{ Err error }

func (e *CertificateError) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *CertificateError) Unwrap() error { return e.Err }

// awaitCertificates waits until somebody has had those certificates issued, renewed or revoked. What will be in the
// way is told before. One that fails is an error that says why, and what to do.
func (s *Stack) awaitCertificates(
	ctx context.Context, conn hosting.Conn, target string, names []string,
) (ended, []string, error) {
	obstacles, err := hosting.ChallengeObstacles(ctx, conn, names)
	if err != nil {
		return ended{}, nil, err
	}
	for _, obstacle := range obstacles {
		s.Sink.For(target).Warn(obstacle)
	}
	there, err := hosting.HasIssuer(ctx, conn)
	if err != nil {
		return ended{}, nil, err
	}
	if !there {
		return ended{Outcome: event.Done, Text: "asked for " + strings.Join(names, ", ")}, []string{s.noIssuer()}, nil
	}
	s.Sink.For(target).Step("waiting for the authority")
	const each = 4 * time.Minute // longer than an order may take
	limit := time.Duration(len(names)) * each
	ctx, cancel := context.WithTimeoutCause(ctx, limit,
		fmt.Errorf("there is no answer after %s; it goes on: see mage certificates:status", limit))
	defer cancel()
	list, err := s.settled(ctx, conn, target, names)
	if err != nil {
		return ended{}, nil, err
	}
	how, err := outcome(list)
	if data, ok := how.Data.([]CertificateData); ok && err == nil {
		err = s.awaitServed(ctx, data)
	}
	if err != nil {
		err = &CertificateError{err}
	}
	return how, nil, err
}

// settled waits until nothing is under way any more.
func (s *Stack) settled(
	ctx context.Context, conn hosting.Conn, target string, names []string,
) ([]hosting.CertificateRow, error) {
	const look = 200 * time.Millisecond
	told := map[string]bool{}
	for {
		all, err := hosting.Certificates(ctx, conn, "")
		if err != nil {
			return nil, err
		}
		all = slices.DeleteFunc(all, func(c hosting.CertificateRow) bool { return !slices.Contains(names, c.Directory) })
		open := 0
		for _, c := range all {
			switch {
			case !c.Settled():
				open++
			case !told[c.Directory] && len(names) > 1:
				told[c.Directory] = true
				s.Sink.For(target).Step(c.Directory + " " + c.Status)
			}
		}
		if open == 0 {
			return all, nil
		}
		select {
		case <-ctx.Done():
			return nil, &CertificateError{context.Cause(ctx)}
		case <-time.After(look):
		}
	}
}

// outcome is what has come of certificates.
func outcome(list []hosting.CertificateRow) (ended, error) {
	now, data, done := time.Now(), []CertificateData{}, []string{}
	var failed []error
	for _, c := range list {
		d := certificateData(c, now)
		data = append(data, d)
		switch {
		case c.LastError != "":
			failed = append(failed, errors.New(c.Directory+": "+d.trouble()))
		case c.Status == hosting.CertificateRevoked:
			done = append(done, c.Directory+" is revoked")
		default:
			done = append(done,
				fmt.Sprintf("%s, serial %s, until %s", c.Directory, c.Serial, c.NotAfter.Local().Format(time.DateTime)))
		}
	}
	how := ended{Outcome: event.Done, Text: strings.Join(done, "; "), Data: data}
	if len(failed) > 0 && len(done) > 0 {
		return how, fmt.Errorf("%w; done are: %s", errors.Join(failed...), how.Text)
	}
	return how, errors.Join(failed...)
}

// trouble says what went wrong, and what to do.
func (d CertificateData) trouble() string {
	text := d.LastError
	if d.Remedy != "" {
		text += "; " + d.Remedy
	}
	if d.NextTry != nil {
		text += "; it is tried again at " + d.NextTry.Local().Format("15:04")
	}
	return text
}

// more is what else there is to say of it.
func (d CertificateData) more() string {
	var parts []string
	switch {
	case d.Disabled:
		parts = append(parts, fmt.Sprintf("domain %s is disabled: its certificate is not renewed", d.Domain))
	case d.LastError != "":
		parts = append(parts, d.trouble())
	}
	if strings.Contains(d.Issuer, "(STAGING)") {
		parts = append(parts, "of Let's Encrypt's staging, which nobody trusts: set le_email for a real one")
	}
	if d.Status == hosting.CertificateRevoked && d.RevokedAt == nil {
		parts = append(parts, "the authority has not confirmed it yet")
	}
	if d.ended() {
		parts = append(parts, "it has ended")
	}
	return strings.Join(parts, "; ")
}

// servedText says who shows it.
func (d CertificateData) servedText() string {
	var parts []string
	for _, served := range d.Served {
		switch {
		case served.Problem != "":
			parts = append(parts, served.Service+" does not answer: "+served.Problem)
		case served.Current:
			parts = append(parts, served.Service)
		default:
			parts = append(parts, served.Service+" shows another")
		}
	}
	return strings.Join(slices.Compact(parts), ", ")
}
