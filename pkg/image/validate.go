package image

import (
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// validate notes what is wrong with the values of d. What other images must hold against it (its parent) is
// checked by the catalogue.
func (d *Definition) validate(root *yaml.Node, p *problems) {
	switch {
	case d.Description == "":
		p.add(root.Line, "description is missing: say in one line what the image is")
	case strings.Contains(strings.TrimSpace(d.Description), "\n"):
		p.add(lineOf(root, "description"), "description must be one line")
	}
	for _, name := range keys(d.Args) {
		d.validateArg(name, lineOf(root, "args", name), p)
	}
	for _, name := range keys(d.Stages) {
		if _, ok := d.Args[name]; ok || name == baseArg || !variableName.MatchString(name) {
			p.add(lineOf(root, "stages", name), "stages: %q is not a build argument of its own", name)
		}
	}
	for i, v := range d.Environment {
		line := lineOf(root, "environment", i)
		if !variableName.MatchString(v.Name) {
			p.add(line, "environment: name %q is not the name of a variable", v.Name)
		}
		if v.Help == "" {
			p.add(line, "environment: help of %q is missing", v.Name)
		}
	}
	if s := d.Stop.Signal; s != "" && !signalName.MatchString(s) {
		p.add(lineOf(root, "stop", "signal"), "stop.signal %q is not a signal such as SIGTERM", s)
	}
	if d.Stop.Timeout < 0 {
		p.add(lineOf(root, "stop", "timeout"), "stop.timeout %s is negative", d.Stop.Timeout)
	}
	if c := d.Stop.ExitCode; c < 0 || c > 255 {
		p.add(lineOf(root, "stop", "exit_code"), "stop.exit_code %d is not within 0 to 255", c)
	}
	if _, err := regexp.Compile(d.Stop.Log); err != nil {
		p.add(lineOf(root, "stop", "log"), "stop.log is not a regular expression: %v", err)
	}
	d.validateArtifacts(root, p)
	d.Service.validate(child(root, "service"), p)
	d.Runtime.validate(child(root, "runtime"), p)
}

// validateArg checks one build argument: its name, and that no variable but [SuiteVariable] is meant.
func (d *Definition) validateArg(name string, line int, p *problems) {
	if !variableName.MatchString(name) {
		p.add(line, "args: %q is not the name of a build argument", name)
	}
	if name == baseArg {
		p.add(line, "args: %s is set by the builder", baseArg)
	}
	value := strings.ReplaceAll(d.Args[name], SuiteVariable, "")
	if strings.Contains(value, "${") {
		p.add(line, "args: %s holds an unknown variable: only %s is known", name, SuiteVariable)
	}
	if strings.ContainsAny(value, "\n\r") {
		p.add(line, "args: %s must be one line", name)
	}
}

// validateArtifacts checks sources and files of every artifact.
func (d *Definition) validateArtifacts(root *yaml.Node, p *problems) {
	targets := map[string]bool{}
	for i, a := range d.Artifacts {
		line := lineOf(root, "artifacts", i)
		if !regexp.MustCompile(`^[a-z0-9]+([._-][a-z0-9]+)*$`).MatchString(a.Name) {
			p.add(line, "artifacts: name %q must be lower-case letters, digits, '.', '_' and '-'", a.Name)
		}
		compiled := false
		for j, s := range a.Sources {
			validateSource(s, lineOf(root, "artifacts", i, "sources", j), p)
			compiled = compiled || s.Go != ""
		}
		if compiled && (len(a.Sources) != 1 || len(a.Files) != 1 || a.Version != "") {
			p.add(line, "artifacts: %q is compiled: it has no other source, one file, and no version", a.Name)
		}
		if a.Version == "" && !compiled {
			p.add(line, "artifacts: version of %q is missing", a.Name)
		}
		if len(a.Sources) == 0 {
			p.add(line, "artifacts: %q has no sources", a.Name)
		}
		if len(a.Files) == 0 {
			p.add(line, "artifacts: %q has no files", a.Name)
		}
		for j, file := range a.Files {
			at := lineOf(root, "artifacts", i, "files", j)
			validateFile(file, compiled, at, p)
			if targets[file.To] {
				p.add(at, "artifacts: two files go to %q", file.To)
			}
			targets[file.To] = true
		}
	}
}

// validateSource checks that s is one source and well-formed.
func validateSource(s Source, line int, p *problems) {
	switch {
	case len(slices.DeleteFunc([]string{s.URL, s.NPM, s.Go}, func(v string) bool { return v == "" })) != 1:
		p.add(line, "a source has one of url, npm and go")
	case s.Go != "":
		if !goPackage.MatchString(s.Go) || path.Clean(s.Go) != strings.TrimPrefix(s.Go, "./") {
			p.add(line, "source go %q must be a package of the checkout, as ./containers/NAME", s.Go)
		}
	case s.URL != "":
		u, err := url.Parse(s.URL)
		if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") || u.User != nil {
			p.add(line, "source url %q must be an http or https address without credentials", s.URL)
		}
	case !regexp.MustCompile(`^(@[a-z0-9][a-z0-9._-]*/)?[a-z0-9][a-z0-9._-]*@[0-9][0-9A-Za-z.+-]*$`).MatchString(s.NPM):
		p.add(line, "source npm %q must be NAME@VERSION with an exact version", s.NPM)
	}
}

// validateFile checks the paths and the hash of f. One that is compiled has only a target.
func validateFile(f ArtifactFile, compiled bool, line int, p *problems) {
	if compiled && (f.Path != "" || f.SHA256 != "") {
		p.add(line, "file %q is compiled: it has neither path nor sha256", f.To)
	}
	parts := []struct{ key, value string }{{"path", f.Path}, {"to", f.To}}
	if compiled {
		parts = parts[1:]
	}
	for _, part := range parts {
		if part.value == "" || path.IsAbs(part.value) || path.Clean(part.value) != part.value ||
			part.value == "." || part.value == ".." || strings.HasPrefix(part.value, "../") {
			p.add(line, "file %s %q must be a clean relative path", part.key, part.value)
		}
	}
	if !compiled && !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(f.SHA256) {
		p.add(line, "sha256 %q of file %q must be 64 lower-case hex digits", f.SHA256, f.Path)
	}
}

// signalName is how a signal is written.
var signalName = regexp.MustCompile(`^SIG[A-Z0-9+-]+$`)

// variableName is how a variable is written, also a build argument.
var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
