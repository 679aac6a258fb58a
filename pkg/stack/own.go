package stack

import (
	"cmp"
	"context"
	"errors"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/database"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/image"
	"github.com/poststack/poststack/pkg/secret"
	"github.com/poststack/poststack/pkg/service"
)

// declaredDatabase is where the own database is in its container, as its image.yaml declares it.
type declaredDatabase struct {
	port     image.ServicePort
	password image.ServiceSecret
	data     image.ServiceVolume
}

// declaredDatabase reads it.
func (s *Stack) declaredDatabase() (declaredDatabase, error) {
	d, err := s.definition(postgresImage)
	if err != nil {
		return declaredDatabase{}, err
	}
	if len(d.Service.Ports) != 1 || len(d.Service.Secrets) != 1 || len(d.Service.Volumes) != 1 {
		return declaredDatabase{}, badUsage("containers/%s/image.yaml: "+
			"the database has one port, one secret, its password, and one volume", postgresImage)
	}
	return declaredDatabase{d.Service.Ports[0], d.Service.Secrets[0], d.Service.Volumes[0]}, nil
}

// services is the stack as its services know it.
func (s *Stack) services() service.Stack {
	return service.Stack{Name: s.Config.Stack, Setting: s.setting}
}

// containerName and networkName are those of the own database.
func (s *Stack) containerName() string { return s.services().Container(postgresImage) }
func (s *Stack) networkName() string   { return s.services().Network() }

// errNotSetUp is a request for the own database before there is one.
var errNotSetUp = errors.New("this stack has no database yet: run mage setup, or set DATABASE_URL")

// Target is the database in use: the server that DATABASE_URL names, or Poststack's own as it was last
// started. It starts nothing. A URL that cannot be read is a [UsageError].
func (s *Stack) Target(ctx context.Context) (database.Target, error) {
	if s.External() {
		target, _, err := s.externalTarget()
		return target, err
	}
	port, err := s.rememberedPort(ctx)
	if err != nil {
		return database.Target{}, err
	}
	password, err := s.password(false)
	if err != nil {
		return database.Target{}, err
	}
	return s.ownTarget(port, password)
}

// ownTarget is the own database at port of this machine.
func (s *Stack) ownTarget(port uint16, password secret.Value) (database.Target, error) {
	target := database.Target{
		Host: "127.0.0.1", Port: port, User: s.Config.Database.User, Password: password,
		Database: s.Config.Database.Name, SSLMode: "disable",
		ConnectTimeout: max(s.Config.Timeout.Connect, database.DefaultConnectTimeout), // a shorter one ends what is asked
	}
	s.Secrets.Add(target.Secrets()...)
	return s.withTLS(target)
}

// ownService declares the own database's container, and where it will answer. The first time it makes the
// password, and chooses the port, unless there is a stack of that name which is somebody else's.
func (s *Stack) ownService(
	ctx context.Context, e Engine, r event.Reporter,
) (declared container.Service, target database.Target, err error) {
	ref, err := s.imageRef(postgresImage)
	if err != nil {
		return declared, target, err
	}
	definition, err := s.definition(postgresImage)
	if err != nil {
		return declared, target, err
	}
	place, err := s.declaredDatabase()
	if err == nil {
		err = s.judgeDirectory()
	}
	if err != nil {
		return declared, target, err
	}
	stack, password, err := s.ownMakings(ctx, e, r)
	if err != nil {
		return declared, target, err
	}
	port, err := s.choosePort(ctx, e, place.port.Host)
	if err != nil {
		return declared, target, err
	}
	built, _ := s.known(postgresImage)
	declared, err = stack.Declare(definition, service.Run{
		Known: built.ID,
		Image: ref, StopTimeout: s.Config.Timeout.Stop, KeepUp: true, Ports: map[uint16]uint16{place.port.Port: port},
		Secrets: map[string][]byte{place.password.Name: []byte(password.Reveal())},
	})
	if mount, on := s.certificateMount(); on {
		declared.Spec.Mounts = append(declared.Spec.Mounts, mount)
	}
	if err == nil {
		err = archived{s, e}.put(ctx, &declared.Spec, true)
	}
	target, withoutTLS := s.ownTarget(port, password)
	return declared, target, cmp.Or(err, withoutTLS)
}

// ownMakings are what the own database is made with. What there is none of yet is made: its password, the stack's owner
// and a certificate.
func (s *Stack) ownMakings(
	ctx context.Context, e Engine, r event.Reporter,
) (stack service.Stack, password secret.Value, err error) {
	if stack, err = s.servicesOn(e.Info().Kind); err != nil {
		return stack, password, err
	}
	password, err = s.havePassword(ctx, e)
	if err == nil {
		stack.Owner, err = s.makeOwner(e.Info().Kind)
	}
	if err == nil {
		stack.IPv6, err = s.needsIPv6(e.Info())
	}
	if err == nil {
		err = s.haveCertificate(r)
	}
	return stack, password, err
}

// definition is what image.yaml says of an image that runs a service.
func (s *Stack) definition(name string) (image.Definition, error) {
	images, err := s.catalogue()
	if err != nil {
		return image.Definition{}, err
	}
	d, err := images.Get(name)
	if err == nil && d.Service == nil {
		err = badUsage("containers/%s/image.yaml declares no service", name)
	}
	return d, err
}
