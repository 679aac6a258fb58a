package stack

import (
	"context"
	"crypto/sha256"
	"fmt"
	"html"
	"net/netip"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/poststack/poststack/pkg/certificate"
	"github.com/poststack/poststack/pkg/config"
	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/hosting"
	"github.com/poststack/poststack/pkg/image"
	"github.com/poststack/poststack/pkg/secret"
)

// The example: no name server of the world has a name below .test. Source: RFC 6761, section 6.2.
const (
	demoDomain = "example.test"
	certGroup  = 9999 // of base-debian: certuser and certgroup, who own certificates and what the web server serves
)

// demoServices are those that the example shows, of which a checkout may lack some.
func demoServices() []string { return []string{"nginx", "bind", "dovecot"} }

// DemoConfig is the configuration of the checkout's example: a stack of its own beside the real one, on this machine's
// loopback address, with a local authority. What is set about a database or about services does not concern it.
func DemoConfig(cfg config.Config) (config.Config, error) {
	images, err := image.LoadCatalogue(filepath.Join(cfg.Root, "containers"))
	if err != nil {
		return cfg, &UsageError{Reason: err.Error()}
	}
	cfg.Stack = demoStack(cfg.Stack)
	cfg.StateDir = filepath.Join(filepath.Dir(cfg.StateDir), cfg.Stack)
	cfg.Database.URL, cfg.Database.EmptyURL, cfg.Database.PasswordFile, cfg.Database.TLS = "", false, "", config.TLSOwn
	cfg.Services = map[string]config.Service{}
	for _, name := range demoServices() {
		if slices.Contains(images.Services(), name) {
			cfg.Services[name] = config.Service{}
		}
	}
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

// Demo fills the tables of a stack that runs with an example, and shows what to try. What is there already stays; the
// accounts get new passwords, since nobody keeps the old ones.
func (s *Stack) Demo(ctx context.Context) error {
	data := DemoData{Domain: demoDomain, Authority: filepath.Join(s.demoAuthority().Dir, certificate.RootFile)}
	err := s.run(ctx, "demo", Database, func(ctx context.Context, _ event.Reporter) (ended, error) {
		err := s.onTables(ctx, func(ctx context.Context, conn hosting.Conn) (err error) {
			data.Accounts, err = s.demoTables(ctx, conn)
			return err
		})
		if err == nil {
			err = s.demoFiles(ctx)
		}
		if err == nil {
			data.Commands, err = s.demoCommands(ctx, data)
		}
		return ended{Outcome: event.Done, Text: demoDomain + " is in the tables, its page and certificate on the volumes"}, err
	})
	if err == nil {
		s.Sink.Result(demoReport(data))
	}
	return err
}

// demoTables has the domain, its records, two accounts and an alias.
func (s *Stack) demoTables(ctx context.Context, conn hosting.Conn) (accounts []PasswordData, err error) {
	name, err := hosting.ParseDomain(demoDomain)
	if err != nil {
		return nil, err
	}
	there, err := hosting.Domains(ctx, conn)
	if err != nil {
		return nil, err
	}
	fresh := !slices.ContainsFunc(there, func(d hosting.DomainRow) bool { return d.Name == name })
	if fresh {
		if _, err := hosting.AddDomain(ctx, conn, name, hosting.DomainOptions{Mail: true, Web: true, DNS: true}); err != nil {
			return nil, err
		}
	}
	needs, err := hosting.DomainNeeds(ctx, conn, name, []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})})
	if err == nil {
		_, err = hosting.AddNeeds(ctx, conn, needs)
	}
	if err != nil {
		return nil, err
	}
	for _, local := range []string{"ada", "grace"} {
		of := hosting.Address{Local: local, Domain: name}
		password := hosting.GeneratePassword()
		s.Secrets.Add(password.Reveal())
		if err := demoAccount(ctx, conn, of, password); err != nil {
			return nil, err
		}
		accounts = append(accounts, PasswordData{Address: of.String(), Password: password.Reveal()})
	}
	if fresh {
		_, err = hosting.AddAlias(ctx, conn, hosting.Address{Local: "sales", Domain: name}, hosting.Address{Local: "ada", Domain: name})
	}
	return accounts, err
}

// demoAccount has an account with that password.
func demoAccount(ctx context.Context, conn hosting.Conn, of hosting.Address, password secret.Value) error {
	accounts, err := hosting.Accounts(ctx, conn, of.Domain)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(accounts, func(a hosting.AccountRow) bool { return a.Address == of.String() }) {
		return hosting.SetPassword(ctx, conn, of, password)
	}
	return hosting.AddAccount(ctx, conn, of, hosting.AccountOptions{Password: password})
}

// demoAuthority issues the example's certificate.
func (s *Stack) demoAuthority() certificate.Authority {
	return certificate.Authority{
		Dir: filepath.Join(s.authorityDir(), "demo"), Name: "poststack " + s.Config.Stack,
		Server: certificate.Names{DNS: []string{demoDomain, "*." + demoDomain}},
	}
}

// demoFiles has the certificate and a page on the volumes of the services, and the certificate's row.
func (s *Stack) demoFiles(ctx context.Context) error {
	authority := s.demoAuthority()
	if _, err := authority.Renew(time.Now()); err != nil {
		return err
	}
	pair, err := certificate.Load(authority.Dir, time.Now())
	if err != nil {
		return err
	}
	e, err := s.engine(ctx)
	if err != nil {
		return err
	}
	certificates := []engine.File{
		{Path: path.Join(s.Config.CertPath, demoDomain, certificate.KeyFile), Mode: 0o640, Content: pair.Key},
		{Path: path.Join(s.Config.CertPath, demoDomain, certificate.ChainFile), Mode: 0o644, Content: pair.Chain},
	}
	page := fmt.Sprintf("<!doctype html>\n<title>%[1]s</title>\n<h1>%[1]s</h1>\n<p>This page comes from stack %[2]s.</p>\n",
		demoDomain, html.EscapeString(s.Config.Stack))
	const sites = "/srv/www" // of the web servers
	pages := []engine.File{{Path: path.Join(sites, demoDomain, "index.html"), Mode: 0o644, Content: []byte(page)}}
	if err := s.demoFill(ctx, e, "certificates", s.Config.CertPath, certificates); err != nil {
		return err
	}
	if err := s.demoFill(ctx, e, "www", sites, pages); err != nil {
		return err
	}
	return s.onTables(ctx, func(ctx context.Context, conn hosting.Conn) error {
		return hosting.HaveCertificate(ctx, conn, demoDomain, pair.Leaf)
	})
}

// demoFill puts files into a volume that services share, if there is one: the services that have it may not be chosen.
func (s *Stack) demoFill(ctx context.Context, e Engine, volume, target string, files []engine.File) error {
	name := s.services().Volume(volume)
	there, err := e.VolumeList(ctx, map[string]string{container.LabelStack: s.Config.Stack})
	if err != nil || !slices.ContainsFunc(there, func(v engine.Volume) bool { return v.Name == name }) {
		return err
	}
	for i := range files {
		files[i].UID, files[i].GID = certGroup, certGroup
	}
	base, err := s.imageRef("base-debian")
	if err != nil {
		return err
	}
	return container.FillVolume(ctx, e, base, engine.Mount{Volume: name, Target: target}, files)
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
