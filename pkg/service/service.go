// Package service runs what image.yaml declares as a service: it makes a container's declaration out of that and of what
// only a stack knows. No service is known by name in this package.
package service

import (
	"fmt"
	"regexp"
	"time"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/image"
)

// Stack is whose service it is, and what its declaration leaves open.
type Stack struct {
	Name    string
	Owner   container.Owner
	Setting func(key string) (string, bool) // the value of a setting, by its key in poststack.yaml
}

// Run is what one run of a service is told.
type Run struct {
	Image       engine.Ref
	Ports       map[uint16]uint16 // port in the container → port of this machine
	Secrets     map[string][]byte // by name
	StopTimeout time.Duration
}

// Container is the name of a service's container.
func (s Stack) Container(service string) string { return "poststack-" + s.Name + "-" + service }

// Network is the one that all services of the stack are in; each is found there by its own name.
func (s Stack) Network() string { return "poststack-" + s.Name }

// Volume is the engine's name of a volume.
func (s Stack) Volume(name string) string { return "poststack-" + s.Name + "-" + name }

// Declare is the container of the service name.
func (s Stack) Declare(name string, d image.Service, run Run) (container.Service, error) {
	spec := engine.ContainerSpec{
		Name: s.Container(name), Image: run.Image, Network: s.Network(), Aliases: []string{name},
		StopTimeout: run.StopTimeout, Env: map[string]string{}, Confinement: d.Confinement(),
	}
	for _, v := range d.Volumes {
		spec.Mounts = append(spec.Mounts, engine.Mount{Volume: s.Volume(v.Name), Target: v.Path})
	}
	for _, p := range d.Ports {
		spec.Ports = append(spec.Ports, engine.Port{Container: p.Port, HostIP: "127.0.0.1", Host: run.Ports[p.Port]})
	}
	for _, f := range d.Secrets {
		content, known := run.Secrets[f.Name]
		if !known {
			return container.Service{}, fmt.Errorf("declare service %q: its secret %q has no value", name, f.Name)
		}
		uid, gid := f.IDs()
		spec.Files = append(spec.Files, engine.File{Path: f.Path, Mode: 0o400, UID: uid, GID: gid, Content: content})
	}
	for variable, text := range d.Environment {
		value, err := s.expand(text)
		if err != nil {
			return container.Service{}, fmt.Errorf("declare service %q: %s: %w", name, variable, err)
		}
		spec.Env[variable] = value
	}
	if d.SharedMemory == image.HalfOfMemory {
		spec.ShmBytes = halfOfMemory()
	}
	return container.Service{Owner: s.Owner, Role: name, Unhashed: d.Lenient, Spec: spec}, nil
}

// reference is where a setting's value goes.
var reference = regexp.MustCompile(`\$\{([^}]*)\}`)

// expand puts the settings that text names into it.
func (s Stack) expand(text string) (string, error) {
	var unknown error
	value := reference.ReplaceAllStringFunc(text, func(found string) string {
		setting, known := s.Setting(reference.FindStringSubmatch(found)[1])
		if !known {
			unknown = fmt.Errorf("%s is not a setting; mage config:show lists them", found)
		}
		return setting
	})
	return value, unknown
}
