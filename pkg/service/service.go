// Package service runs what image.yaml declares as a service: it makes a container's declaration out of that and of
// what only a stack knows. No service is known by name in this package.
package service

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
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
	Volumes map[string]string               // those that stand for others, by what a service calls these
	IPv6    bool                            // whether its network has to have addresses of IPv6
}

// Run is what one run of a service is told.
type Run struct {
	Image  engine.Ref
	Known  engine.ImageID // of the image, where it has been looked up already
	Listen []string       // addresses of this machine that ports are published on; none is [Loopback]
	// port in the container → port of this machine; those that are not in it are not published
	Ports       map[uint16]uint16
	Secrets     map[string][]byte // by name
	Login       *Login            // nil for a service that needs no database
	KeepUp      bool              // podman starts it again when its program fails
	StopTimeout time.Duration
}

// Container is the name of a service's container.
func (s Stack) Container(service string) string { return "poststack-" + s.Name + "-" + service }

// Network is the one that all services of the stack are in; each is found there by its own name.
func (s Stack) Network() string { return "poststack-" + s.Name }

// Volume is the engine's name of a volume, by what services call it.
func (s Stack) Volume(name string) string {
	return "poststack-" + s.Name + "-" + cmp.Or(s.Volumes[name], name)
}

// Declare is the container of the service that an image declares.
func (s Stack) Declare(of image.Definition, run Run) (container.Service, error) {
	d := of.Service
	spec := engine.ContainerSpec{
		Name: s.Container(of.Name), Image: run.Image, Network: s.Network(), Aliases: []string{of.Name},
		StopTimeout: run.StopTimeout, KeepUp: run.KeepUp, Env: map[string]string{}, Confinement: d.Confinement(),
		Ports: Ports(d.Ports, run.Listen, run.Ports), ReadOnly: d.ReadOnly, Groups: d.Groups,
	}
	for _, v := range d.Volumes {
		spec.Mounts = append(spec.Mounts, engine.Mount{Volume: s.Volume(v.Name), Target: v.Path, ReadOnly: v.ReadOnly})
	}
	for _, t := range d.Tmpfs {
		spec.Tmpfs = append(spec.Tmpfs, t.Spec())
	}
	if d.SharedMemory == image.HalfOfMemory {
		spec.ShmBytes = halfOfMemory()
	}
	var err error
	if spec.Files, err = s.Files(of, run.Secrets); err != nil {
		return container.Service{}, fmt.Errorf("declare service %q: %w", of.Name, err)
	}
	if err := s.environment(&spec, of); err != nil {
		return container.Service{}, err
	}
	run.Login.put(&spec, d.Database)
	return container.Service{
		Owner: s.Owner, Role: of.Name, Unhashed: d.Lenient, Spec: spec, Image: run.Known, IPv6: s.IPv6,
		Rehearsal: container.Rehearsal{Command: d.Rehearse},
	}, nil
}

// environment puts the variables that a service declares into its container. What names ports names those that the
// container has.
func (s Stack) environment(spec *engine.ContainerSpec, of image.Definition) (err error) {
	for variable, text := range of.Service.Environment {
		if spec.Env[variable], err = s.expand(image.ExpandPorts(text, hostPorts(spec.Ports))); err != nil {
			return fmt.Errorf("declare service %q: %s: %w", of.Name, variable, err)
		}
	}
	return nil
}

// hostPorts are the ports of this machine by those in the container.
func hostPorts(ports []engine.Port) map[uint16]uint16 {
	hosts := map[uint16]uint16{}
	for _, p := range ports {
		hosts[p.Container] = p.Host
	}
	return hosts
}

// Moved puts the ports that a container has got instead of those that it was declared with into its variables.
func (s Stack) Moved(declared *container.Service, of image.Definition) error {
	declared.Spec.Env = maps.Clone(declared.Spec.Env)
	return s.environment(&declared.Spec, of)
}

// Files are what the container gets before it starts: secrets, whose contents are given by name, and files of the
// image's folder.
func (s Stack) Files(of image.Definition, secrets map[string][]byte) ([]engine.File, error) {
	var files []engine.File
	for _, f := range of.Service.Secrets {
		content, known := secrets[f.Name]
		if !known {
			return nil, fmt.Errorf("its secret %q has no value", f.Name)
		}
		uid, gid := f.IDs()
		files = append(files, engine.File{Path: f.Path, Mode: 0o400, UID: uid, GID: gid, Content: content})
	}
	for _, f := range of.Service.Files {
		text, err := os.ReadFile(filepath.Join(of.Dir, f.Source))
		if err != nil {
			return nil, err
		}
		if f.Expand {
			expanded, err := s.expand(string(text))
			if err != nil {
				return nil, fmt.Errorf("%s: %w", f.Source, err)
			}
			text = []byte(expanded)
		}
		uid, gid := f.IDs()
		files = append(files, engine.File{Path: f.Path, Mode: f.Bits(), UID: uid, GID: gid, Content: text})
	}
	return files, nil
}

// reference is where a setting's value goes.
var reference = regexp.MustCompile(`\$\{([^}]*)\}`)

// Refers tells whether text names a setting.
func Refers(text string) bool { return reference.MatchString(text) }

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
