package image

import (
	"fmt"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// validate notes what is wrong with the values of r, whose node is n; nil if there is none.
func (r *Runtime) validate(n *yaml.Node, p *problems) {
	if n == nil {
		return
	}
	if len(r.Checks) == 0 {
		p.add(n.Line, "runtime.checks is missing: say what must hold when the image runs")
	}
	if r.Ready < 0 {
		p.add(lineOf(n, "ready"), "runtime.ready %s is negative", r.Ready)
	}
	r.Start.validate(n, p)
	values := map[string]string{}
	for i, c := range r.Checks {
		v := checkValidator{problems: p, line: lineOf(n, "checks", i), list: "runtime.checks"}
		v.check(c, child(child(n, "checks"), i))
		if r.Start.Certificate == nil && (c.HTTP != nil && c.HTTP.TLS || c.SQL != nil && c.SQL.TLS) {
			v.add("tls needs runtime.start.certificate")
		}
		if c.Variable == nil {
			continue
		}
		if before, ok := values[c.Variable.Name]; ok && before != c.Variable.Value {
			v.add("%s has two values: all variables are set at once", c.Variable.Name)
		}
		values[c.Variable.Name] = c.Variable.Value
	}
}

// validate notes what is wrong with how the container is started.
func (s *Start) validate(n *yaml.Node, p *problems) {
	at := func(key string) checkValidator {
		return checkValidator{problems: p, line: lineOf(n, "start", key), name: "runtime.start." + key}
	}
	for _, name := range keys(s.Environment) {
		v := at("environment")
		v.line = lineOf(n, "start", "environment", name)
		v.variable(name)
	}
	for i, target := range s.Tmpfs {
		v := at("tmpfs")
		v.line = lineOf(n, "start", "tmpfs", i)
		v.path("a path", target)
	}
	for i, target := range s.Volumes {
		v := at("volumes")
		v.line = lineOf(n, "start", "volumes", i)
		v.path("a path", target)
	}
	if c := s.Certificate; c != nil {
		v := at("certificate")
		v.path("path", c.Path)
		v.ids(c.Owner)
		v.mode(c.Mode)
	}
}

// checkValidator notes problems of one check.
type checkValidator struct {
	*problems
	line int
	name string // of the check, such as "runtime.checks: http"
	list string // that the check stands in
}

func (v checkValidator) add(format string, args ...any) {
	if v.name != "" {
		format = v.name + ": " + format
	}
	v.problems.add(v.line, format, args...)
}

// check notes what is wrong with c, whose node is n.
func (v *checkValidator) check(c Check, n *yaml.Node) {
	var set []string
	value := reflect.ValueOf(c)
	for f, one := range value.Fields() {
		if f.Type.Kind() == reflect.Pointer && !one.IsNil() {
			set = append(set, f.Tag.Get("yaml"))
		}
	}
	if len(set) != 1 || n == nil || len(n.Content) != 2 {
		v.name = v.list
		v.add("a check is one kind and its values, such as { tcp: { port: 80 } }")
		return
	}
	v.name = v.list + ": " + set[0]
	switch {
	case c.Health():
		v.health(c)
	case c.Variable != nil:
		v.variable(c.Variable.Name)
		v.required("run", c.Variable.Run)
		if c.Variable.Default == c.Variable.Output {
			v.add("default and output are the same: the variable would change nothing")
		}
	case c.Restart != nil:
		v.required("write", c.Restart.Write)
		v.required("read", c.Restart.Read)
		v.text("output", c.Restart.Output)
	case c.Once != nil:
		for _, name := range keys(c.Once.Environment) {
			v.variable(name)
		}
		v.exit(c.Once.ExitCode)
		v.pattern("output", c.Once.Output)
	default:
		v.sideEffect(c)
	}
}

func (v checkValidator) health(c Check) {
	switch {
	case c.Exec != nil:
		v.required("run", c.Exec.Run)
		return
	case c.Port() == 0:
		v.add("port is missing")
	}
	if c.TCP != nil {
		v.pattern("greeting", c.TCP.Greeting)
	}
	if c.HTTP != nil && !strings.HasPrefix(c.HTTP.Path, "/") {
		v.add("path %q must begin with /", c.HTTP.Path)
	}
	if c.DNS != nil {
		v.text("zone", c.DNS.Zone)
	}
	if c.SQL != nil {
		v.text("user", c.SQL.User)
		v.text("database", c.SQL.Database)
	}
}

func (v checkValidator) sideEffect(c Check) {
	switch {
	case c.Listening != nil:
		if c.Listening.Port == 0 {
			v.add("port is missing")
		}
	case c.File != nil:
		v.path("path", c.File.Path)
		if kinds := []string{"file", "directory", "link", "socket"}; !slices.Contains(kinds, c.File.Type) {
			v.add("type %q must be one of %s", c.File.Type, strings.Join(kinds, ", "))
		}
		if !regexp.MustCompile(`^[^\s:]+:[^\s:]+$`).MatchString(c.File.Owner) {
			v.add("owner %q must be USER:GROUP", c.File.Owner)
		}
		v.mode(c.File.Mode)
	case c.Process != nil:
		v.text("name", c.Process.Name)
		v.text("user", c.Process.User)
		const kernelLimit = 15 // proc(5), comm
		if len(c.Process.Name) > kernelLimit {
			v.add("name %q is longer than the %d letters that the kernel keeps", c.Process.Name, kernelLimit)
		}
	case c.Access != nil:
		v.path("path", c.Access.Path)
		v.text("user", c.Access.User)
	case c.Command != nil:
		v.required("run", c.Command.Run)
		v.exit(c.Command.ExitCode)
		v.pattern("output", c.Command.Output)
	}
}

func (v checkValidator) required(key string, command []string) {
	if len(command) == 0 || command[0] == "" {
		v.add("%s is missing: a list of a program and its arguments", key)
	}
}

func (v checkValidator) text(key, value string) {
	if value == "" {
		v.add("%s is missing", key)
	}
}

func (v checkValidator) path(key, value string) {
	if !path.IsAbs(value) || path.Clean(value) != value || value == "/" || strings.Contains(value, ":") {
		v.add("%s %q must be an absolute clean path without a colon", key, value)
	}
}

func (v checkValidator) variable(name string) {
	if !regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`).MatchString(name) {
		v.add("%q is not the name of a variable", name)
	}
}

func (v checkValidator) mode(value string) {
	if !regexp.MustCompile(`^0?[0-7]{3,4}$`).MatchString(value) {
		v.add(`mode %q must be permission bits in octal, such as "0640"`, value)
	}
}

func (v checkValidator) ids(value string) {
	if !regexp.MustCompile(`^[0-9]{1,9}:[0-9]{1,9}$`).MatchString(value) {
		v.add(`owner %q must be UID:GID in digits, such as "9999:9999"`, value)
	}
}

func (v checkValidator) exit(code int) {
	if code < 0 || code > 255 {
		v.add("exit_code %d is not within 0 to 255", code)
	}
}

func (v checkValidator) pattern(key, value string) {
	if _, err := regexp.Compile(value); err != nil {
		v.add("%s %q is not a regular expression: %s", key, value,
			strings.TrimPrefix(fmt.Sprint(err), "error parsing regexp: "))
	}
}
