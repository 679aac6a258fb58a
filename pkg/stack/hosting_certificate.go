package stack

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/hosting"
)

// CertificatesStatus reports the certificates, or those of a domain or with that name: what the table has, and what the
// services that run show to a client. It fails when one needs somebody to look after it.
func (s *Stack) CertificatesStatus(ctx context.Context, of string) error {
	const target = "certificates:status"
	list, issuer, err := s.certificates(ctx, target, of)
	if err != nil {
		return err
	}
	data, err := s.certificatesServed(ctx, list)
	if err != nil {
		s.Sink.For(target).Warn(err.Error())
	}
	report := event.Report{Header: []string{"certificate", "names", "status", "days left", "served", "more"}, Data: data}
	wrong := 0
	for _, c := range data {
		report.Rows = append(report.Rows,
			[]string{c.Directory, strings.Join(c.Names, " "), c.Status, optional(c.DaysLeft), c.servedText(), c.more()})
		if c.wrong() {
			wrong++
		}
	}
	if len(list) == 0 {
		report.Text = "there is none"
	}
	s.Sink.Result(report)
	if len(list) > 0 && !issuer {
		s.Sink.For(target).Warn(s.noIssuer())
	}
	if found, err := s.issuingAuthority(ctx); err != nil {
		s.Sink.For(target).Warn(err.Error())
	} else if found != nil && !found.Well {
		s.Sink.For(target).Warn(found.String())
	}
	if wrong > 0 {
		return s.failure(target, Unexpected,
			fmt.Errorf("%s to look after; the column more says why", count(wrong, "certificate")))
	}
	return nil
}

// certificates are the rows, and whether somebody is there who has certificates issued.
func (s *Stack) certificates(
	ctx context.Context, target, of string,
) (list []hosting.CertificateRow, issuer bool, err error) {
	name, err := certificateName(of)
	err = s.look(ctx, target, err, func(ctx context.Context, conn hosting.Conn) (err error) {
		if list, err = hosting.Certificates(ctx, conn, name); err == nil {
			issuer, err = hosting.HasIssuer(ctx, conn)
		}
		return err
	})
	return list, issuer, err
}

// certificateName is a name of a certificate, which mostly is a domain's; "" for all.
func certificateName(typed string) (string, error) {
	if name, err := some(typed, hosting.ParseDomain); err == nil {
		return string(name), nil
	}
	if strings.ContainsAny(typed, " /*@:") {
		_, err := hosting.ParseDomain(typed)
		return "", err
	}
	return strings.ToLower(typed), nil // one that somebody has chosen
}

// noIssuer says how to have somebody there who has certificates issued.
func (s *Stack) noIssuer() string {
	text := "nobody is connected who has certificates issued"
	services, _ := s.servicesHere() // without a catalogue there is nobody to start
	for _, d := range services {
		if signsInAs(d, hosting.IssuerRole) {
			return text + "; start who does with: mage services:start -of=" + d.Name
		}
	}
	return text
}

// IssueCertificate asks for a certificate of a domain, and waits for what comes of it.
func (s *Stack) IssueCertificate(ctx context.Context, typed, names string, o hosting.CertificateOptions) error {
	const target = "certificates:issue"
	domain, err := hosting.ParseDomain(typed)
	if err == nil && names != "" {
		o.Names, err = hosting.ParseNames(names)
	}
	if err == nil && o.Directory != "" {
		o.Directory, err = certificateName(o.Directory)
	}
	if err != nil {
		return s.refused(target, err)
	}
	if err := s.reachable(ctx, target, slices.Concat([]string{string(domain)}, o.Names)...); err != nil {
		return err
	}
	return s.change(ctx, target, nil, func(ctx context.Context, conn hosting.Conn) (ended, []string, error) {
		name, asked, err := hosting.WantCertificate(ctx, conn, domain, o)
		switch {
		case err != nil:
			return ended{}, nil, err
		case !asked:
			return ended{
				Outcome: event.Unchanged,
				Text:    name + " is issued already; have it renewed with: mage certificates:renew -of=" + name,
			}, nil, nil
		}
		return s.awaitCertificates(ctx, conn, target, []string{name})
	})
}

// RenewCertificates asks for all certificates to be renewed at once, or for those of a domain or with that name, and
// waits for what comes of it.
func (s *Stack) RenewCertificates(ctx context.Context, of string) error {
	const target = "certificates:renew"
	name, err := certificateName(of)
	if err != nil {
		return s.refused(target, err)
	}
	if err := s.reachable(ctx, target); err != nil {
		return err
	}
	return s.change(ctx, target, nil, func(ctx context.Context, conn hosting.Conn) (ended, []string, error) {
		names, notes, err := hosting.RenewCertificates(ctx, conn, name)
		if err != nil {
			return ended{}, nil, err
		}
		if len(names) == 0 {
			return ended{Outcome: event.Unchanged, Text: "there is none"}, notes, nil
		}
		for _, note := range notes {
			s.Sink.For(target).Warn(note)
		}
		how, notes, err := s.awaitCertificates(ctx, conn, target, names)
		return how, notes, err
	})
}

// RevokeCertificate has a certificate revoked, after a question, and waits until it is.
func (s *Stack) RevokeCertificate(ctx context.Context, typed string, yes bool) error {
	const target = "certificates:revoke"
	list, _, err := s.certificates(ctx, target, typed)
	if err != nil {
		return err
	}
	if len(list) != 1 {
		var names []string
		for _, c := range list {
			names = append(names, c.Directory)
		}
		return s.refused(target, &UsageError{Reason: hosting.Lines("give the name of one certificate", names)})
	}
	c := list[0]
	r := s.Sink.For(target)
	r.Warn(fmt.Sprintf("will revoke certificate %s, which is for %s: services show none for these names then",
		c.Directory, strings.Join(c.Names, ", ")))
	err = s.question(ctx, target, yes, "this cannot be undone; type yes to go on:", "nothing was revoked")
	if err != nil {
		return err
	}
	return s.change(ctx, target, nil, func(ctx context.Context, conn hosting.Conn) (ended, []string, error) {
		if err := hosting.RevokeCertificate(ctx, conn, c.Directory); err != nil {
			return ended{}, nil, err
		}
		return s.awaitCertificates(ctx, conn, target, []string{c.Directory})
	})
}
