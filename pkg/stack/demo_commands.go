package stack

import (
	"context"
	"fmt"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/engine"
)

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
