package image

import (
	"fmt"
	"path"
	"reflect"
	"regexp"
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
		v := checkValidator{problems: p, line: lineOf(n, "checks", i), name: "runtime.checks"}
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
	at := p.below(child(n, "start"), "runtime.start")
	for _, name := range keys(s.Environment) {
		at("environment", name).shape("variable", "", name)
	}
	for i, target := range s.Tmpfs {
		at("tmpfs", i).path("a path", target)
	}
	for i, target := range s.Volumes {
		at("volumes", i).path("a path", target)
	}
	if s.Certificate != nil {
		at("certificate").fields("", *s.Certificate)
	}
}

// checkValidator notes problems of one value of image.yaml.
type checkValidator struct {
	*problems
	line int
	name string // such as "runtime.checks: http"
}

// below gives the validators of what is at a path below n, the first step of which is a key.
func (p *problems) below(n *yaml.Node, name string) func(path ...any) checkValidator {
	return func(path ...any) checkValidator {
		return checkValidator{problems: p, line: lineOf(n, path...), name: fmt.Sprint(name, ".", path[0])}
	}
}

func (v checkValidator) add(format string, args ...any) {
	v.problems.add(v.line, v.name+": "+format, args...)
}

// check notes what is wrong with c, whose node is n.
func (v *checkValidator) check(c Check, n *yaml.Node) {
	var kinds []string
	var one any
	for f, value := range reflect.ValueOf(c).Fields() {
		if f.Type.Kind() == reflect.Pointer && !value.IsNil() {
			kinds, one = append(kinds, f.Tag.Get("yaml")), value.Elem().Interface()
		}
	}
	if len(kinds) != 1 || n == nil || len(n.Content) != 2 {
		v.add("a check is one kind and its values, such as { tcp: { port: 80 } }")
		return
	}
	v.name += ": " + kinds[0]
	v.fields("", one)
	const kernelLimit = 15 // proc(5), comm
	switch {
	case c.Process != nil && len(c.Process.Name) > kernelLimit:
		v.add("name %q is longer than the %d letters that the kernel keeps", c.Process.Name, kernelLimit)
	case c.Variable != nil && c.Variable.Default == c.Variable.Output:
		v.add("default and output are the same: the variable would change nothing")
	case c.Once != nil:
		for _, name := range keys(c.Once.Environment) {
			v.shape("variable", "", name)
		}
	}
}

// fields notes what is wrong with the fields of a struct whose tag "check" names a rule; a field whose rule has a
// question mark may be left out. prefix is of their keys.
func (v checkValidator) fields(prefix string, of any) {
	for f, value := range reflect.ValueOf(of).Fields() {
		rule, optional := strings.CutSuffix(f.Tag.Get("check"), "?")
		if rule == "" || optional && value.IsZero() {
			continue
		}
		key := prefix + f.Tag.Get("yaml")
		switch rule {
		case "present":
			if value.IsZero() {
				v.add("%s is missing", key)
			}
		case "command":
			if value.Len() == 0 || value.Index(0).IsZero() {
				v.add("%s is missing: a list of a program and its arguments", key)
			}
		case "exit":
			if code := value.Int(); code < 0 || code > 255 {
				v.add("%s %d is not within 0 to 255", key, code)
			}
		case "size":
			if value.Int() < 0 {
				v.add("%s %d is less than nothing", key, value.Int())
			}
		case "pattern":
			if _, err := regexp.Compile(value.String()); err != nil {
				v.add("%s %q is not a regular expression: %s", key, value,
					strings.TrimPrefix(err.Error(), "error parsing regexp: "))
			}
		case "path":
			v.path(key, value.String())
		default:
			v.shape(rule, key, value.String())
		}
	}
}

// shape notes a value that is not written as a rule demands.
func (v checkValidator) shape(rule, key, value string) {
	shape := map[string]struct{ pattern, problem string }{
		"ids":      {`^[0-9]{1,9}:[0-9]{1,9}$`, `%[1]s %[2]q must be UID:GID in digits, such as "9999:9999"`},
		"kind":     {`^(file|directory|link|socket)$`, "%[1]s %[2]q must be one of file, directory, link, socket"},
		"mode":     {`^0?[0-7]{3,4}$`, `%[1]s %[2]q must be permission bits in octal, such as "0640"`},
		"names":    {`^[^\s:]+:[^\s:]+$`, "%[1]s %[2]q must be USER:GROUP"},
		"page":     {`^/`, "%[1]s %[2]q must begin with /"},
		"role":     {`^[a-z_][a-z0-9_]{0,62}$`, "%[1]s %[2]q must be lower-case letters, digits and '_'"},
		"stars":    {`^\*(/\*)*$`, "%[1]s %[2]q must be * or, further down, such as */*"},
		"variable": {variableName.String(), "%[2]q is not the name of a variable"},
		"word":     {`^[a-z][a-z0-9-]*$`, "%[1]s %[2]q must be lower-case letters, digits and '-'"},
	}[rule]
	if !regexp.MustCompile(shape.pattern).MatchString(value) {
		v.add(shape.problem, key, value)
	}
}

func (v checkValidator) path(key, value string) {
	if !path.IsAbs(value) || path.Clean(value) != value || value == "/" || strings.Contains(value, ":") {
		v.add("%s %q must be an absolute clean path without a colon", key, value)
	}
}
