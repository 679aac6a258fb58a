package stack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/poststack/poststack/pkg/certificate"
	"github.com/poststack/poststack/pkg/config"
	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/image"
	"github.com/poststack/poststack/pkg/secret"
	"github.com/poststack/poststack/pkg/service"
)

// claim is the owner of what the stack makes. Nothing is made in a stack that is somebody else's.
func (s *Stack) claim(ctx context.Context, e Engine) (container.Owner, error) {
	s.making.Lock()
	defer s.making.Unlock()
	owner, err := s.owner(e.Info().Kind)
	if err == nil && owner.ID == "" {
		err = s.refuseForeign(ctx, e)
	}
	if err != nil {
		return owner, err
	}
	return s.makeOwner(e.Info().Kind)
}

// haveService has the container of a service running. They are made and started side by side, which takes an engine a
// second for each.
func (s *Stack) haveService(
	ctx context.Context, e Engine, r event.Reporter, d image.Definition, owner container.Owner, login *service.Login,
) (container.Service, engine.Container, container.Change, error) {
	declared, runner, err := s.declare(ctx, e, r, d, owner, login)
	if err != nil {
		return declared, engine.Container{}, "", err
	}
	found, err := container.Find(ctx, e, declared.Spec.Name)
	if err != nil {
		return declared, found, "", err
	}
	s.sayFault(ctx, r, e, declared.Owner, found)
	c, change, err := runner.Have(ctx, &declared, found)
	if err == nil {
		err = s.rememberPorts(e.Info().Kind, d.Name, declared.Spec.Ports)
	}
	return declared, c, change, err
}

// declare is a service's container, and who has it running.
func (s *Stack) declare(
	ctx context.Context, e Engine, r event.Reporter, d image.Definition, owner container.Owner, login *service.Login,
) (container.Service, service.Runner, error) {
	name := d.Name
	runner := service.Runner{
		Engine: e, Report: r, Remedy: fmt.Sprintf("choose another in poststack.yaml (services, %s, ports)", name),
	}
	run := service.Run{
		StopTimeout: s.Config.Timeout.Stop, KeepUp: d.Service.Restart != image.NeverRestart,
		Secrets: map[string][]byte{}, Listen: s.Config.Services[name].Listen,
		Login: login,
	}
	stack, err := s.servicesOn(e.Info().Kind)
	stack.Owner = owner
	if err == nil {
		stack.IPv6, err = s.needsIPv6(e.Info())
	}
	if err == nil {
		built, _ := s.known(name)
		run.Known = built.ID
		run.Image, err = s.imageRef(name)
	}
	if err != nil {
		return container.Service{}, runner, err
	}
	for _, wanted := range d.Service.Secrets {
		if run.Secrets[wanted.Name], err = s.secretContent(name, wanted); err != nil {
			return container.Service{}, runner, err
		}
	}
	if run.Ports, runner.Movable, err = s.choosePorts(ctx, e, d); err != nil {
		return container.Service{}, runner, err
	}
	runner.Moved = func(declared *container.Service) error { return stack.Moved(declared, d) }
	declared, err := stack.Declare(d, run)
	declared.Making = &s.making
	declared.Rehearsal.Limit, declared.Rehearsal.Remedy = s.Config.Timeout.Start, fmt.Sprintf(
		"mend what is named and start it again, or have it replaced all the same by mage services:stop -of=%s first", name)
	return declared, runner, err
}

// servicesDir keeps the secrets of services, and their ports on each engine.
func (s *Stack) servicesDir() string { return filepath.Join(s.Config.StateDir, "services") }

// secretContent is what a secret of a service holds.
func (s *Stack) secretContent(name string, wanted image.ServiceSecret) ([]byte, error) {
	if wanted.Certificate {
		return servicePair(serviceAuthority(s.Config, name))
	}
	value, err := s.serviceSecret(name, wanted.Name)
	return []byte(value.Reveal()), err
}

// serviceAuthority is the local authority of a service's certificate.
func serviceAuthority(cfg config.Config, name string) certificate.Authority {
	return certificate.Authority{
		Dir: filepath.Join(cfg.StateDir, "tls", name), Name: "poststack " + cfg.Stack + " " + name,
		Server: certificate.Names{DNS: []string{name, "localhost"}, IPs: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}},
	}
}

// servicePair has a key and a certificate that are valid, in one file.
func servicePair(a certificate.Authority) ([]byte, error) {
	if _, err := a.Renew(time.Now()); err != nil {
		return nil, err
	}
	key, err := os.ReadFile(filepath.Join(a.Dir, certificate.KeyFile))
	if err != nil {
		return nil, fmt.Errorf("read the key of a service: %w", err)
	}
	chain, err := os.ReadFile(filepath.Join(a.Dir, certificate.ChainFile))
	if err != nil {
		return nil, fmt.Errorf("read the certificate of a service: %w", err)
	}
	return slices.Concat(key, chain), nil
}

// secretPath is where a secret of a service is kept.
func (s *Stack) secretPath(name, wanted string) string {
	return filepath.Join(s.servicesDir(), "secret."+name+"."+wanted)
}

// serviceSecret is a random word: made once, and kept.
func (s *Stack) serviceSecret(name, wanted string) (secret.Value, error) {
	path := s.secretPath(name, wanted)
	word, err := readWord(path)
	value := secret.Value(word)
	if err == nil && word == "" {
		if err = os.MkdirAll(s.servicesDir(), 0o700); err == nil {
			value, err = generatePassword(path)
		}
	}
	s.Secrets.Add(value.Reveal())
	return value, err
}

// portPath is where a port of this machine is kept that a service has.
func (s *Stack) portPath(kind engine.Kind, name string, port uint16) string {
	return filepath.Join(s.servicesDir(), string(kind), fmt.Sprintf("port.%s.%d", name, port))
}

// choosePorts are the ports of this machine that a service has: those that are set, that it had at its last start, or
// else free ones. fresh are the ports in the container for which one was only looked for, so that nobody knows it yet.
func (s *Stack) choosePorts(
	ctx context.Context, e Engine, d image.Definition,
) (found map[uint16]uint16, fresh []uint16, err error) {
	s.making.Lock()
	defer s.making.Unlock()
	found = map[uint16]uint16{}
	set := s.Config.Services[d.Name]
	for inside := range set.Ports {
		if !slices.ContainsFunc(d.Service.Ports, func(p image.ServicePort) bool { return p.Port == inside }) {
			return nil, nil, badUsage("services.%s.ports: %d is no port of the service; it has %s",
				d.Name, inside, portList(d.Service.Ports))
		}
	}
	for _, p := range d.Service.Ports {
		host, err := set.Ports[p.Port], error(nil)
		if host == 0 {
			host, err = readPort(s.portPath(e.Info().Kind, d.Name, p.Port))
		}
		if errors.Is(err, errNotSetUp) {
			if p.Host == 0 {
				continue
			}
			fresh = append(fresh, p.Port)
			if host, err = s.offset(p.Host); err == nil {
				all := service.Ports([]image.ServicePort{p}, set.Listen, map[uint16]uint16{p.Port: host})
				host, err = service.NextPort(ctx, e, s.promised, all...)
				s.promised = append(s.promised, host)
			}
		}
		if err != nil {
			return nil, nil, err
		}
		found[p.Port] = host
	}
	return found, fresh, nil
}

// portList names the ports of a service.
func portList(ports []image.ServicePort) string {
	var list []string
	for _, p := range ports {
		list = append(list, strconv.Itoa(int(p.Port)))
	}
	return strings.Join(list, ", ")
}

// rememberPorts keeps the ports that a service has got.
func (s *Stack) rememberPorts(kind engine.Kind, name string, ports []engine.Port) error {
	for _, p := range ports {
		path := s.portPath(kind, name, p.Container)
		if had, err := readPort(path); err == nil && had == p.Host {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return fmt.Errorf("remember port: %w", err)
		}
		if err := keep("port", path, fmt.Sprint(p.Host)); err != nil {
			return err
		}
	}
	return nil
}
