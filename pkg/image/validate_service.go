package image

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/poststack/poststack/pkg/engine"
)

// validate notes what is wrong with the values of s, whose node is n; nil if there is none.
func (s *Service) validate(n *yaml.Node, p *problems) {
	if s == nil {
		return
	}
	at := p.below(n, "service")
	s.validatePorts(at)
	for i, volume := range s.Volumes {
		v := at("volumes", i)
		v.fields("", volume)
		volume.validateBackup(v)
		s.Volumes[i].Line = v.line
	}
	for i, file := range s.Secrets {
		at("secrets", i).fields("", file)
	}
	for _, name := range keys(s.Environment) {
		v := at("environment", name)
		v.shape("variable", "", name)
		for _, port := range portsIn(s.Environment[name]) {
			if !slices.ContainsFunc(s.Ports,
				func(p ServicePort) bool { return strconv.Itoa(int(p.Port)) == port && p.Host != 0 }) {
				v.add("%s: ${port.%s} is no port of service.ports with a host", name, port)
			}
		}
	}
	for i, name := range s.Lenient {
		if _, set := s.Environment[name]; !set {
			at("lenient", i).add("%q is not in service.environment", name)
		}
	}
	s.validateFiles(at)
	s.validateLimits(at)
	s.validateHealth(n, at)
}

// validateBackup notes what is wrong with how it is backed up.
func (s ServiceVolume) validateBackup(v checkValidator) {
	if !s.Backup && (len(s.Snapshot) > 0 || s.Rows != nil) {
		v.add("snapshot and rows are for a volume with backup: true")
	}
	if s.Backup && s.ReadOnly {
		v.add("backup is for the service that writes to the volume")
	}
	if s.Rows != nil {
		v.fields("rows.", *s.Rows)
	}
}

// validatePorts notes what is wrong with what it listens on.
func (s *Service) validatePorts(at func(...any) checkValidator) {
	seen := map[uint16]bool{}
	for i, port := range s.Ports {
		v := at("ports", i)
		if port.Port == 0 {
			v.add("port is a number from 1 to 65535")
		}
		if seen[port.Port] {
			v.add("port %d is there twice: one entry has all its protocols", port.Port)
		}
		seen[port.Port] = true
		for _, protocol := range port.Protocols {
			if protocol != "tcp" && protocol != engine.UDP {
				v.add("protocol %q is unknown: it is tcp or udp", protocol)
			}
		}
	}
}

// validateFiles notes what is wrong with what its containers get, and with the directories in memory.
func (s *Service) validateFiles(at func(...any) checkValidator) {
	for i, file := range s.Files {
		v := at("files", i)
		if !filepath.IsLocal(file.Source) {
			v.add("source %q must be a file of the image's folder", file.Source)
		}
		v.fields("", file)
	}
	if s.Database != nil {
		at("database").fields("", *s.Database)
	}
	for i, dir := range s.Tmpfs {
		at("tmpfs", i).fields("", dir)
	}
}

// checkSources notes which files that containers get are not in the image's folder. A link may lead out of it.
func (s *Service) checkSources(folder string, n *yaml.Node, p *problems) {
	if s == nil {
		return
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		p.add(0, "cannot be read: %w", err)
		return
	}
	defer root.Close()
	for i, file := range s.Files {
		info, err := root.Stat(file.Source)
		if err == nil && !info.Mode().IsRegular() {
			err = errors.New("it is not a file")
		}
		if err != nil {
			p.add(lineOf(n, "service", "files", i), "service.files: read source %q: %w", file.Source, err)
		}
	}
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
	for i, gid := range s.Groups {
		if gid < 0 {
			at("groups", i).add("%d is not a group's number", gid)
		}
	}
	if s.Restart != "" && s.Restart != NeverRestart {
		at("restart").add("%q is unknown: it is %q or left out", s.Restart, NeverRestart)
	}
	if m := s.SharedMemory; m != "" && m != HalfOfMemory {
		at("shared_memory").add("%q is unknown: it is %q or left out", m, HalfOfMemory)
	}
}

// publishes tells whether a port of the container is published over the protocol.
func (s *Service) publishes(port uint16, protocol string) bool {
	return slices.ContainsFunc(s.Ports,
		func(p ServicePort) bool { return p.Port == port && p.Host != 0 && p.Speaks(protocol) })
}

// validateHealth notes what is wrong with how the service is asked and told.
func (s *Service) validateHealth(n *yaml.Node, at func(...any) checkValidator) {
	for i, c := range s.Health {
		v := at("health", i)
		v.check(c, child(child(n, "health"), i))
		switch {
		case !c.Health():
			v.add("only tcp, http, dns and exec tell whether a service is healthy")
		case c.SQL != nil || c.HTTP != nil && c.HTTP.TLS:
			v.add("it needs a password or a certificate that was made for a check: use exec")
		case c.DNS != nil && (!s.publishes(c.Port(), "tcp") || !s.publishes(c.Port(), "udp")):
			v.add("port %d is not published by service.ports over tcp and udp", c.Port())
		case c.Exec == nil && !s.publishes(c.Port(), "tcp"):
			v.add("port %d is not published by service.ports", c.Port())
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
