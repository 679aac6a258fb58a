package stack

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/poststack/poststack/pkg/certificate"
	"github.com/poststack/poststack/pkg/config"
	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/hosting"
)

// The example: no name server of the world has a name below .test. Source: RFC 6761, section 6.2.
const (
	demoDomain = "example.test"
	certGroup  = 9999 // of base-debian: certuser and certgroup, who own certificates and what the web server serves
)

// demoAuthority is the service that issues the example's certificate, and where it is asked.
const (
	demoAuthority = "pebble"
	demoDirectory = "https://" + demoAuthority + ":14000/dir"
)

// DemoConfig is the configuration of the checkout's example: a stack of its own beside the real one, on this machine's
// loopback address, with a local authority. What is set about a database or about services does not concern it.
func DemoConfig(cfg config.Config) (config.Config, error) {
	cfg.Stack = demoStack(cfg.Stack)
	cfg.StateDir = filepath.Join(filepath.Dir(cfg.StateDir), cfg.Stack)
	cfg.Database.URL, cfg.Database.EmptyURL, cfg.Database.PasswordFile, cfg.Database.TLS = "", false, "", config.TLSOwn
	cfg.Services = map[string]config.Service{}
	for _, name := range []string{"bind", "certbot", "dovecot", "nginx", demoAuthority} {
		cfg.Services[name] = config.Service{}
	}
	trusted := serviceAuthority(cfg, demoAuthority)
	if _, err := trusted.Renew(time.Now()); err != nil {
		return cfg, err
	}
	root, err := os.ReadFile(filepath.Join(trusted.Dir, certificate.RootFile))
	if err != nil {
		return cfg, fmt.Errorf("read the root of the local authority: %w", err)
	}
	cfg.ACME = config.ACME{Directory: demoDirectory, RootPEM: string(root)}
	return cfg, nil
}

// demoStack is the name of the example beside a stack. Names have 40 characters at most.
func demoStack(name string) string {
	const suffix, most = "-demo", 40
	if len(name)+len(suffix) > most {
		name = fmt.Sprintf("%s-%.6x", name[:most-len(suffix)-7], sha256.Sum256([]byte(name)))
	}
	return name + suffix
}

// DemoData is the example as a value for machines.
type DemoData struct {
	Domain    string         `json:"domain"`
	Authority string         `json:"authority"` // the file with the root that clients trust
	Accounts  []PasswordData `json:"accounts"`
	Commands  []DemoCommand  `json:"commands"`
}

// DemoCommand is something to try.
type DemoCommand struct {
	What    string `json:"what"`
	Command string `json:"command"`
}

// Demo fills the tables of a stack that runs with an example, has its certificate issued and a mail delivered, and
// shows what to try. What is there already stays; the accounts get new passwords, since nobody keeps the old ones.
func (s *Stack) Demo(ctx context.Context) error {
	data := DemoData{Domain: demoDomain, Authority: filepath.Join(s.authorityDir(), "demo-root.pem")}
	err := s.run(ctx, "demo", Database, func(ctx context.Context, _ event.Reporter) (how ended, err error) {
		e, err := s.engine(ctx)
		if err != nil {
			return ended{}, err
		}
		if err := s.demoPage(ctx, e); err != nil {
			return ended{}, err
		}
		err = s.onTables(ctx, func(ctx context.Context, conn hosting.Conn) error {
			err := s.demoTables(ctx, conn, &data)
			if err == nil {
				err = s.demoMail(ctx, e)
			}
			if err == nil {
				how, err = s.demoCertificate(ctx, e, conn, data.Authority)
			}
			return err
		})
		if err == nil {
			data.Commands, err = s.demoCommands(ctx, data)
		}
		return how, err
	})
	if err == nil {
		s.Sink.Result(demoReport(data))
	}
	return err
}

// demoReport is what people see of the example.
func demoReport(data DemoData) event.Report {
	var text strings.Builder
	for _, a := range data.Accounts {
		fmt.Fprintf(&text, "%s has the password %s\n", a.Address, a.Password)
	}
	for _, c := range data.Commands {
		fmt.Fprintf(&text, "\n# %s\n%s\n", c.What, c.Command)
	}
	text.WriteString("\n# remove all of it\nmage demo -remove")
	return event.Report{Text: text.String(), Data: data}
}

// demoCommands are what to try of the services that run.
func (s *Stack) demoCommands(ctx context.Context, data DemoData) ([]DemoCommand, error) {
	e, err := s.engine(ctx)
	if err != nil {
		return nil, err
	}
	var out []DemoCommand
	add := func(what, format string, args ...any) {
		out = append(out, DemoCommand{What: what, Command: fmt.Sprintf(format, args...)})
	}
	port := func(service string, of uint16) uint16 {
		c, findErr := container.Find(ctx, e, s.services().Container(service))
		if findErr != nil {
			err = findErr
			return 0
		}
		return publishedPort(c, of)
	}
	const mailHost = "mail." + demoDomain
	if p := port("nginx", 8443); p != 0 {
		add("a page over HTTPS, its certificate verified",
			"curl --cacert '%s' --resolve %s:%d:127.0.0.1 https://%[2]s:%[3]d/", data.Authority, demoDomain, p)
	}
	if p := port("bind", 5353); p != 0 {
		add("where mail for the domain goes, from its own name server", "dig @127.0.0.1 -p %d +short %s MX", p, demoDomain)
	}
	if p := port("dovecot", 1993); p != 0 {
		add("the mailbox over IMAPS; curl asks for the password",
			"curl --cacert '%s' --resolve %s:%d:127.0.0.1 -u %s 'imaps://%[2]s:%[3]d/INBOX?ALL'",
			data.Authority, mailHost, p, data.Accounts[0].Address)
		add("the mail in it", "curl --cacert '%s' --resolve %s:%d:127.0.0.1 -u %s 'imaps://%[2]s:%[3]d/INBOX;MAILINDEX=1'",
			data.Authority, mailHost, p, data.Accounts[0].Address)
	}
	add("the tables", "POSTSTACK_STACK=%s POSTSTACK_DATABASE_TLS=own mage psql", s.Config.Stack)
	return out, err
}

// publishedPort is the port of this machine that leads to one of a container; 0 if none does.
func publishedPort(c engine.Container, of uint16) uint16 {
	for _, p := range c.Ports {
		if p.Container == of && p.Protocol == "" {
			return p.Host
		}
	}
	return 0
}
