package stack

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"html"
	"net"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/renameio/v2"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/hosting"
)

// demoTables has the domain, its records, two accounts and an alias.
func (s *Stack) demoTables(ctx context.Context, conn hosting.Conn, data *DemoData) error {
	name := hosting.Domain(demoDomain)
	domains, err := hosting.Domains(ctx, conn)
	if err == nil && !slices.ContainsFunc(domains, func(d hosting.DomainRow) bool { return d.Name == name }) {
		_, err = hosting.AddDomain(ctx, conn, name, hosting.DomainOptions{Mail: true, Web: true, DNS: true})
	}
	if err != nil {
		return err
	}
	needs, err := hosting.DomainNeeds(ctx, conn, name, []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})})
	if err == nil {
		_, err = hosting.AddNeeds(ctx, conn, needs)
	}
	if err != nil {
		return err
	}
	if err := s.demoAccounts(ctx, conn, data); err != nil {
		return err
	}
	aliases, err := hosting.Aliases(ctx, conn, name)
	if err == nil && len(aliases) == 0 {
		_, err = hosting.AddAlias(ctx, conn, hosting.Address{Local: "sales", Domain: name},
			hosting.Address{Local: "ada", Domain: name})
	}
	return err
}

// demoAccounts has two accounts, each with a new password.
func (s *Stack) demoAccounts(ctx context.Context, conn hosting.Conn, data *DemoData) error {
	there, err := hosting.Accounts(ctx, conn, demoDomain)
	if err != nil {
		return err
	}
	for _, local := range []string{"ada", "grace"} {
		of := hosting.Address{Local: local, Domain: demoDomain}
		password := hosting.GeneratePassword()
		s.Secrets.Add(password.Reveal())
		if slices.ContainsFunc(there, func(a hosting.AccountRow) bool { return a.Address == of.String() }) {
			err = hosting.SetPassword(ctx, conn, of, password)
		} else {
			err = hosting.AddAccount(ctx, conn, of, hosting.AccountOptions{Password: password})
		}
		if err != nil {
			return err
		}
		data.Accounts = append(data.Accounts, PasswordData{Address: of.String(), Password: password.Reveal()})
	}
	return nil
}

// demoPage has a page on the volume that the web servers share.
func (s *Stack) demoPage(ctx context.Context, e Engine) error {
	const sites = "/srv/www" // of the web servers
	page := fmt.Sprintf("<!doctype html>\n<title>%[1]s</title>\n<h1>%[1]s</h1>\n"+
		"<p>This page comes from stack %[2]s.</p>\n",
		demoDomain, html.EscapeString(s.Config.Stack))
	base, err := s.imageRef("base-debian")
	if err != nil {
		return err
	}
	stack, err := s.servicesOn(e.Info().Kind)
	if err != nil {
		return err
	}
	return container.FillVolume(ctx, e, base, engine.Mount{Volume: stack.Volume("www"), Target: sites}, []engine.File{
		{
			Path: path.Join(sites, demoDomain, "index.html"), Mode: 0o644, UID: certGroup, GID: certGroup, Content: []byte(page),
		},
	})
}

// demoMail has a mail delivered to those accounts that have none, to one by its alias, as another mail server would.
func (s *Stack) demoMail(ctx context.Context, e Engine) error {
	var recipients []string
	for _, to := range []struct{ account, address string }{{"ada", "sales"}, {"grace", "grace"}} {
		said, err := s.inService(ctx, e, "dovecot", "doveadm", "mailbox", "status", "-u", to.account+"@"+demoDomain,
			"messages", "INBOX")
		if err != nil {
			return fmt.Errorf("count the mail of %s: %w", to.account, err)
		}
		if strings.TrimSpace(said) == "INBOX messages=0" {
			recipients = append(recipients, to.address+"@"+demoDomain)
		}
	}
	if len(recipients) == 0 {
		return nil
	}
	script := "LHLO localhost\r\nMAIL FROM:<poststack@" + demoDomain + ">\r\n"
	for _, to := range recipients {
		script += "RCPT TO:<" + to + ">\r\n"
	}
	script += "DATA\r\nFrom: Poststack <poststack@" + demoDomain + ">\r\nTo: " + strings.Join(recipients, ", ") +
		"\r\nSubject: Welcome\r\nDate: " +
		time.Now().Format(time.RFC1123Z) + "\r\n\r\nThis mail was delivered over LMTP.\r\n.\r\nQUIT\r\n"
	said, err := s.inService(ctx, e, "dovecot", "sh", "-c", `printf %s "$1" | nc -w 10 127.0.0.1 1024`, "sh", script)
	if err == nil && strings.Count(said, "250 2.0.0") != len(recipients) {
		err = fmt.Errorf("dovecot said: %s", strings.TrimSpace(said))
	}
	if err != nil {
		return fmt.Errorf("deliver a mail: %w", err)
	}
	return nil
}

// demoCertificate has the certificate issued, and the root that clients trust in a file. The authority forgets all
// when it ends, and its root with it: a certificate that is left from before is renewed.
func (s *Stack) demoCertificate(ctx context.Context, e Engine, conn hosting.Conn, file string) (ended, error) {
	root, err := s.inService(ctx, e, demoAuthority, "curl", "-sSfk", "https://localhost:15000/roots/0")
	if err == nil {
		err = renameio.WriteFile(file, []byte(root), 0o644)
	}
	if err != nil {
		return ended{}, fmt.Errorf("keep the root of the local authority: %w", err)
	}
	name, asked, err := hosting.WantCertificate(ctx, conn, demoDomain,
		hosting.CertificateOptions{Names: []string{demoDomain, "*." + demoDomain}})
	if err != nil {
		return ended{}, err
	}
	if !asked {
		trusted, err := s.demoTrusted(ctx, e, root)
		switch {
		case err != nil:
			return ended{}, err
		case trusted:
			return ended{Outcome: event.Done, Text: demoDomain + " is served, its certificate trusted"}, nil
		}
		if _, _, err = hosting.RenewCertificates(ctx, conn, name); err != nil {
			return ended{}, err
		}
	}
	how, _, err := s.awaitCertificates(ctx, conn, "demo", []string{name})
	how.Data = nil
	return how, err
}

// demoTrusted tells whether the web server shows a certificate that this root leads to.
func (s *Stack) demoTrusted(ctx context.Context, e Engine, root string) (bool, error) {
	c, err := container.Find(ctx, e, s.services().Container("nginx"))
	if err != nil {
		return false, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(root))
	dialer := tls.Dialer{Config: &tls.Config{RootCAs: roots, ServerName: demoDomain}}
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(int(publishedPort(c, 8443)))))
	if err != nil {
		return false, nil //nolint:nilerr // whatever is wrong with it, another one is due
	}
	return true, conn.Close()
}

// inService runs a command in a service's container, and gives what it printed.
func (s *Stack) inService(ctx context.Context, e Engine, name string, command ...string) (string, error) {
	c, err := container.Find(ctx, e, s.services().Container(name))
	if err != nil {
		return "", err
	}
	out, err := e.ContainerExec(ctx, c.ID, engine.ExecSpec{Command: command})
	if err == nil && out.Code != 0 {
		err = fmt.Errorf("%s in %s ended with status %d: %s", command[0], name, out.Code, strings.TrimSpace(out.Stderr))
	}
	return out.Stdout, err
}
