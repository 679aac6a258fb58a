package targets

import (
	"context"

	"github.com/magefile/mage/mg"

	"github.com/poststack/poststack/pkg/hosting"
	"github.com/poststack/poststack/pkg/stack"
)

// Domain is what this installation serves: names, for mail, web and DNS.
type Domain mg.Namespace

// Add adds a domain that mail, web or both are served for; without a choice it is both. Foreign letters are kept in
// their ASCII form, which is said. With -dns a zone is made for it, too, with ns1.NAME as its name server;
// -root=DIRECTORY is another place of its web site in the web server's container. Setting: DATABASE_URL. Example:
// mage domain:add example.org -mail -web -dns
func (Domain) Add(ctx context.Context, name string, mail, web, dns *bool, root *string) error {
	o := hosting.DomainOptions{Mail: orZero(mail), Web: orZero(web), DNS: orZero(dns), WebRoot: orZero(root)}
	if mail == nil && web == nil {
		o.Mail, o.Web = true, true
	}
	return phase(ctx, func(s *stack.Stack, ctx context.Context) error { return s.AddDomain(ctx, name, o) })
}

// List shows the domains, what each serves, the zone that has its names, and how much belongs to it. Setting:
// DATABASE_URL. Example: mage domain:list
func (Domain) List(ctx context.Context) error { return phase(ctx, (*stack.Stack).ListDomains) }

// Remove removes a domain with its aliases and its zone, after a question; -yes asks nothing. It refuses while there
// are accounts or certificates, and names them; with -all they go, too. Mail and files on volumes stay. Setting:
// DATABASE_URL. Example: mage domain:remove example.org -all -yes
func (Domain) Remove(ctx context.Context, name string, all, yes *bool) error {
	return phase(ctx, func(s *stack.Stack, ctx context.Context) error {
		return s.RemoveDomain(ctx, name, orZero(all), orZero(yes))
	})
}

// Disable takes the web site, the accounts and the mail of a domain out of service, and keeps what they have. Its
// zone still answers. Setting: DATABASE_URL. Example: mage domain:disable example.org
func (Domain) Disable(ctx context.Context, name string) error {
	return phase(ctx, func(s *stack.Stack, ctx context.Context) error { return s.EnableDomain(ctx, name, false) })
}

// Enable takes a domain into service again. Setting: DATABASE_URL. Example: mage domain:enable example.org
func (Domain) Enable(ctx context.Context, name string) error {
	return phase(ctx, func(s *stack.Stack, ctx context.Context) error { return s.EnableDomain(ctx, name, true) })
}

// Account is a mailbox, and its password for all services.
type Account mg.Namespace

// passwords is where a password comes from.
func passwords(file *string, generate *bool) stack.PasswordOptions {
	return stack.PasswordOptions{File: orZero(file), Generate: orZero(generate)}
}

// Add adds a mailbox of a domain, with a password that is never an argument. It is asked for twice on a terminal,
// read from -passwordFile=FILE, or else from standard input; with -generate one is made, and printed on stdout,
// alone. -quota=5GiB limits the mailbox, -name="Ada Lovelace" is shown to people. Setting: DATABASE_URL. Example:
// mage account:add ada@example.org -generate
func (Account) Add(ctx context.Context, address string, generate *bool, passwordFile, name, quota *string) error {
	o := stack.AccountOptions{Password: passwords(passwordFile, generate), Name: orZero(name), Quota: orZero(quota)}
	return phase(ctx, func(s *stack.Stack, ctx context.Context) error { return s.AddAccount(ctx, address, o) })
}

// List shows the accounts, of all domains or of one with -of=DOMAIN. Setting: DATABASE_URL. Example: mage
// account:list -of=example.org
func (Account) List(ctx context.Context, of *string) error {
	return phase(ctx, func(s *stack.Stack, ctx context.Context) error { return s.ListAccounts(ctx, orZero(of)) })
}

// Password gives an account another password, which comes from where account:add takes it. Setting: DATABASE_URL.
// Example: mage account:password ada@example.org -generate
func (Account) Password(ctx context.Context, address string, generate *bool, passwordFile *string) error {
	o := passwords(passwordFile, generate)
	return phase(ctx, func(s *stack.Stack, ctx context.Context) error { return s.SetPassword(ctx, address, o) })
}

// Disable keeps an account from signing in and from getting mail, and keeps its mail. Setting: DATABASE_URL. Example:
// mage account:disable ada@example.org
func (Account) Disable(ctx context.Context, address string) error {
	return phase(ctx, func(s *stack.Stack, ctx context.Context) error { return s.EnableAccount(ctx, address, false) })
}

// Enable lets an account sign in and get mail again. Setting: DATABASE_URL. Example: mage account:enable
// ada@example.org
func (Account) Enable(ctx context.Context, address string) error {
	return phase(ctx, func(s *stack.Stack, ctx context.Context) error { return s.EnableAccount(ctx, address, true) })
}

// Remove removes an account after a question; -yes asks nothing. It refuses while aliases pass mail to it, and names
// them; with -all they go, too. Its mail stays on the volume. Setting: DATABASE_URL. Example: mage account:remove
// ada@example.org -yes
func (Account) Remove(ctx context.Context, address string, all, yes *bool) error {
	return phase(ctx, func(s *stack.Stack, ctx context.Context) error {
		return s.RemoveAccount(ctx, address, orZero(all), orZero(yes))
	})
}

// Alias is an address that passes mail on.
type Alias mg.Namespace

// Add passes mail for an address on to another, here or elsewhere. The address *@DOMAIN stands for all of a domain
// that are neither accounts nor aliases. A way that would end where it began is refused. Setting: DATABASE_URL.
// Example: mage alias:add sales@example.org ada@example.org
func (Alias) Add(ctx context.Context, address, destination string) error {
	return phase(ctx, func(s *stack.Stack, ctx context.Context) error { return s.AddAlias(ctx, address, destination) })
}

// List shows the aliases and where each passes mail to, of all domains or of one with -of=DOMAIN. Setting:
// DATABASE_URL. Example: mage alias:list
func (Alias) List(ctx context.Context, of *string) error {
	return phase(ctx, func(s *stack.Stack, ctx context.Context) error { return s.ListAliases(ctx, orZero(of)) })
}

// Remove stops passing mail for an address on, after a question; -yes asks nothing. With -to=ADDRESS only to that
// one. Setting: DATABASE_URL. Example: mage alias:remove sales@example.org -yes
func (Alias) Remove(ctx context.Context, address string, to *string, yes *bool) error {
	return phase(ctx, func(s *stack.Stack, ctx context.Context) error {
		return s.RemoveAlias(ctx, address, orZero(to), orZero(yes))
	})
}
