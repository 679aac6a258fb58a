package targets

import (
	"context"

	"github.com/magefile/mage/mg"

	"github.com/poststack/poststack/pkg/hosting"
	"github.com/poststack/poststack/pkg/stack"
)

// Certificates are those of the domains, which an authority issues.
type Certificates mg.Namespace

// Status shows the certificates, how long each lasts, and which services show it. It says what the authority has
// refused, and what to do; -of=NAME shows only those of a domain or with that name. It fails if one needs somebody to
// look after it. Setting: DATABASE_URL. Example: mage certificates:status
func (Certificates) Status(ctx context.Context, of *string) error {
	return phase(ctx, func(s *stack.Stack, ctx context.Context) error { return s.CertificatesStatus(ctx, orZero(of)) })
}

// Issue has a certificate issued for a domain, and waits for it; from then on it is renewed by itself. It is for the
// domain's own name, or for those of -names=NAME,NAME; a wildcard such as *.example.org is one of them.
// -challenge=dns-01 shows the authority a record instead of a file, as wildcards need. -directory=NAME is for a
// second one of the same domain. Setting: DATABASE_URL. Example: mage certificates:issue example.org
// -names=example.org,www.example.org
func (Certificates) Issue(ctx context.Context, domain string, names, challenge, directory *string) error {
	o := hosting.CertificateOptions{Challenge: orZero(challenge), Directory: orZero(directory)}
	return phase(ctx, func(s *stack.Stack, ctx context.Context) error {
		return s.IssueCertificate(ctx, domain, orZero(names), o)
	})
}

// Renew has all certificates renewed now, or with -of=NAME those of a domain or with that name, and waits for them.
// What the authority has refused within the last hour is left out. Setting: DATABASE_URL. Example: mage
// certificates:renew -of=example.org
func (Certificates) Renew(ctx context.Context, of *string) error {
	return phase(ctx, func(s *stack.Stack, ctx context.Context) error { return s.RenewCertificates(ctx, orZero(of)) })
}

// Revoke has the authority revoke a certificate, after a question, and takes it and its key away; -yes asks nothing.
// Setting: DATABASE_URL. Example: mage certificates:revoke example.org -yes
func (Certificates) Revoke(ctx context.Context, name string, yes *bool) error {
	return phase(ctx, func(s *stack.Stack, ctx context.Context) error {
		return s.RevokeCertificate(ctx, name, orZero(yes))
	})
}
