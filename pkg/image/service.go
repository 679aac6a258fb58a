package image

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/poststack/poststack/pkg/engine"
)

// Service is what image.yaml says of the service that the image runs: what its container needs of the machine, beside
// what the image itself declares. An image without one is run by nobody but its checks.
type Service struct {
	DependsOn   []string          `yaml:"depends_on"` // services that must be healthy before it starts
	Ports       []ServicePort     `yaml:"ports"`
	Volumes     []ServiceVolume   `yaml:"volumes"`
	Secrets     []ServiceSecret   `yaml:"secrets"`
	Environment map[string]string `yaml:"environment"` // ${KEY} in a value is the setting of that key
	// Lenient names variables that may change without the container being made anew: nobody wants a database restarted
	// for a line more in its log. They hold from the next start.
	Lenient      []string `yaml:"lenient"`
	SharedMemory string   `yaml:"shared_memory"` // "half" of the machine's memory; "" is the engine's default
	Capabilities []string `yaml:"capabilities"`  // all that its processes have; most need none
	Processes    int64    `yaml:"processes"`     // the most at a time, threads included; 0 is [DefaultProcesses]
	Memory       int64    `yaml:"memory"`        // the most, in MiB; 0 is no limit
	// Health is asked, in order, until each check answers. Without one, a service is healthy when it runs.
	Health []Check `yaml:"health"`
	Reload *Reload `yaml:"reload"` // nil if it cannot take a changed configuration without a restart
}

// Reload is how a service takes a changed configuration; exactly one of its fields is set.
type Reload struct {
	Signal string   `yaml:"signal"` // to its first process
	Run    []string `yaml:"run"`    // in its container, as the image's user
}

// DefaultProcesses is how many processes a service may have at a time when it does not say: what the larger of the
// engines' own defaults is (podman's; docker has none).
const DefaultProcesses = 2048

// Confinement is what the service's containers may do, those of its checks too.
func (s *Service) Confinement() engine.Confinement {
	if s == nil {
		return engine.Confinement{}
	}
	return engine.Confinement{
		Confined: true, Capabilities: s.Capabilities, Processes: cmp.Or(s.Processes, DefaultProcesses), Memory: s.Memory << 20,
	}
}

// ServicePort is a port that the service listens on, and where people reach it.
type ServicePort struct {
	Port uint16 `yaml:"port"` // in the container
	Host uint16 `yaml:"host"` // on 127.0.0.1; the next that is free if another program has it at the first start
}

// ServiceVolume is a directory that outlives the container.
type ServiceVolume struct {
	Name string `yaml:"name"` // after the stack's
	Path string `yaml:"path"`
}

// ServiceSecret is a file with something that no environment, label or image may show.
type ServiceSecret struct {
	Name  string `yaml:"name"` // of what it holds, such as "password"
	Path  string `yaml:"path"`
	Owner string `yaml:"owner"` // UID:GID; its mode is 0400
}

// IDs are the user and the group that own the file; validation has seen to their being numbers.
func (s ServiceSecret) IDs() (uid, gid int) {
	user, group, _ := strings.Cut(s.Owner, ":")
	uid, _ = strconv.Atoi(user)
	gid, _ = strconv.Atoi(group)
	return uid, gid
}

// HalfOfMemory is the one value of [Service.SharedMemory].
const HalfOfMemory = "half"

// validate notes what is wrong with the values of s, whose node is n; nil if there is none.
func (s *Service) validate(n *yaml.Node, p *problems) {
	if s == nil {
		return
	}
	at := func(path ...any) checkValidator {
		return checkValidator{problems: p, line: lineOf(n, path...), name: "service." + path[0].(string)} //nolint:forcetypeassert // the first is a key
	}
	for i, port := range s.Ports {
		if port.Port == 0 || port.Host == 0 {
			at("ports", i).add("port and host are numbers from 1 to 65535")
		}
	}
	word := regexp.MustCompile(`^[a-z][a-z0-9-]*$`)
	for i, volume := range s.Volumes {
		v := at("volumes", i)
		if !word.MatchString(volume.Name) {
			v.add("name %q must be lower-case letters, digits and '-'", volume.Name)
		}
		v.path("path", volume.Path)
	}
	for i, file := range s.Secrets {
		v := at("secrets", i)
		if !word.MatchString(file.Name) {
			v.add("name %q must be lower-case letters, digits and '-'", file.Name)
		}
		v.path("path", file.Path)
		v.ids("owner", file.Owner)
	}
	for _, name := range keys(s.Environment) {
		at("environment", name).variable(name)
	}
	for i, name := range s.Lenient {
		if _, set := s.Environment[name]; !set {
			at("lenient", i).add("%q is not in service.environment", name)
		}
	}
	s.validateLimits(at)
	s.validateHealth(n, at)
}

// validateLimits notes what is wrong with what the container may use.
func (s *Service) validateLimits(at func(...any) checkValidator) {
	for i, name := range s.Capabilities {
		if !regexp.MustCompile(`^[A-Z][A-Z_]+$`).MatchString(name) || strings.HasPrefix(name, "CAP_") || name == "ALL" {
			at("capabilities", i).add("%q is no capability's name as in NET_BIND_SERVICE, without CAP_", name)
		}
	}
	if s.Processes < 0 {
		at("processes").add("%d is less than nothing", s.Processes)
	}
	if s.Memory < 0 {
		at("memory").add("%d is less than nothing", s.Memory)
	}
	if m := s.SharedMemory; m != "" && m != HalfOfMemory {
		at("shared_memory").add("%q is unknown: it is %q or left out", m, HalfOfMemory)
	}
}

// validateHealth notes what is wrong with how the service is asked and told.
func (s *Service) validateHealth(n *yaml.Node, at func(...any) checkValidator) {
	for i, c := range s.Health {
		v := at("health", i)
		v.list = "service.health"
		v.check(c, child(child(n, "health"), i))
		switch {
		case !c.Health():
			v.add("only tcp, http and exec tell whether a service is healthy")
		case c.SQL != nil || c.HTTP != nil && c.HTTP.TLS:
			v.add("it needs a password or a certificate that was made for a check: use exec")
		case c.Exec == nil && !slices.ContainsFunc(s.Ports, func(p ServicePort) bool { return p.Port == c.Port() }):
			v.add("port %d is not in service.ports", c.Port())
		}
	}
	if r := s.Reload; r != nil {
		v := at("reload")
		if (r.Signal == "") == (len(r.Run) == 0) {
			v.add("it is either a signal such as SIGHUP or run, a list of a program and its arguments")
		}
		if r.Signal != "" && !signalName.MatchString(r.Signal) {
			v.add("%q is not a signal such as SIGHUP", r.Signal)
		}
	}
}
