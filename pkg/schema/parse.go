package schema

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// parser follows a changelog from its root. It knows formatted SQL, YAML and JSON; what else Liquibase can read
// is left to Liquibase.
type parser struct {
	changelog *Changelog
	seen      map[string]bool
}

// reference is where a file is included.
type reference struct {
	path string
	from string // including file; "" for the root
	line int
	text string // path as it is written there
}

func (p *parser) problem(severity Severity, file string, line int, format string, args ...any) {
	p.changelog.problems = append(p.changelog.problems,
		Problem{Severity: severity, File: file, Line: line, Text: fmt.Sprintf(format, args...)})
}

// include reads one changelog file.
func (p *parser) include(ref reference) {
	content, found := p.changelog.byPath[ref.path]
	if !found {
		p.problem(Refuse, ref.from, ref.line, "included file %q does not exist (looked for %s)", ref.text, p.changelog.Display(ref.path))
		return
	}
	if p.seen[ref.path] {
		p.problem(Warn, ref.from, ref.line, "%s is included a second time", ref.path)
		return
	}
	p.seen[ref.path] = true
	switch path.Ext(ref.path) {
	case ".sql":
		p.sql(ref.path, string(content))
	case ".yaml", ".yml", ".json":
		p.yaml(ref.path, content)
	}
}

// yaml reads a changelog in YAML, of which JSON is a part. Errors of form are Liquibase's to report, but for
// those that keep the file from being read at all: these are said before anything runs.
func (p *parser) yaml(file string, content []byte) {
	var root yaml.Node
	if err := yaml.Unmarshal(content, &root); err != nil {
		p.problem(Refuse, file, 0, "%s", strings.TrimPrefix(err.Error(), "yaml: "))
		return
	}
	list := child(document(&root), "databaseChangeLog")
	if list == nil {
		p.problem(Refuse, file, 1, "there is no databaseChangeLog at the top")
		return
	}
	logical := ""
	for _, item := range list.Content {
		if item.Kind != yaml.MappingNode || len(item.Content) < 2 {
			continue
		}
		value := item.Content[1]
		switch item.Content[0].Value {
		case "logicalFilePath":
			logical = value.Value
		case "property":
			p.changelog.Properties = append(p.changelog.Properties, text(value, "name"))
		case "include":
			p.includeFile(file, value)
		case "includeAll":
			p.includeAll(file, value)
		case "changeSet":
			p.yamlChangeset(file, logical, value)
		}
	}
}

func (p *parser) includeFile(file string, node *yaml.Node) {
	name := text(node, "file")
	p.include(reference{path: resolve(file, name, text(node, "relativeToChangelogFile")), from: file, line: node.Line, text: name})
}

// includeAll includes a directory and those below it, in byte order of the paths, as Liquibase does.
func (p *parser) includeAll(file string, node *yaml.Node) {
	name := text(node, "path")
	dir := resolve(file, name, text(node, "relativeToChangelogFile"))
	suffix := text(node, "endsWithFilter")
	var files []string
	for _, f := range p.changelog.Files {
		if strings.HasPrefix(f.Path, dir+"/") && strings.HasSuffix(strings.ToLower(f.Path), strings.ToLower(suffix)) {
			files = append(files, f.Path)
		}
	}
	if len(files) == 0 && text(node, "errorIfMissingOrEmpty") != "false" {
		p.problem(Refuse, file, node.Line, "included directory %q holds no file (looked in %s)", name, p.changelog.Display(dir))
	}
	p.order(file, node.Line, files)
	for _, f := range files {
		p.include(reference{path: f, from: file, line: node.Line, text: f})
	}
}

// order warns when files do not run in the order that their names suggest to people.
func (p *parser) order(file string, line int, files []string) {
	if slices.IsSortedFunc(files, natural) {
		return
	}
	names := make([]string, len(files))
	for i, f := range files {
		names[i] = path.Base(f)
	}
	p.problem(Warn, file, line, "the files run in the order of their bytes, which is not that of their numbers: %s; pad the numbers (001, 002 …)",
		strings.Join(names, ", "))
}

func (p *parser) yamlChangeset(file, logical string, node *yaml.Node) {
	c := Changeset{
		File: first(text(node, "logicalFilePath"), logical, file), ID: text(node, "id"), Author: text(node, "author"),
		Context: first(text(node, "context"), text(node, "contextFilter")), Labels: text(node, "labels"),
		RunAlways: text(node, "runAlways") == "true", OutOfTransaction: text(node, "runInTransaction") == "false",
		IgnoreFailure: text(node, "failOnError") == "false", Rollback: child(node, "rollback") != nil, Line: node.Line, path: file,
	}
	needs := false
	if changes := child(node, "changes"); changes != nil {
		for _, change := range changes.Content {
			if change.Kind != yaml.MappingNode || len(change.Content) < 2 {
				continue
			}
			switch change.Content[0].Value {
			case "createTable":
				c.creates = append(c.creates, strings.ToLower(text(change.Content[1], "tableName")))
			case "sql", "sqlFile", "insert", "update", "delete", "loadData", "dropTable", "dropColumn", "createProcedure":
				needs = true // Liquibase cannot work out how to undo these
			}
		}
	}
	c.Rollback = c.Rollback || !needs
	p.changelog.Changesets = append(p.changelog.Changesets, c)
}

// resolve is the path of an included name, relative to the changelog's directory.
func resolve(file, name, relative string) string {
	if relative == "true" {
		return path.Join(path.Dir(file), name)
	}
	return strings.TrimPrefix(path.Clean(name), "/")
}

func document(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.DocumentNode && len(node.Content) == 1 {
		return node.Content[0]
	}
	return node
}

// child is the value of a key of a mapping, or nil.
func child(node *yaml.Node, name string) *yaml.Node {
	if node == nil || node.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == name {
			return node.Content[i+1]
		}
	}
	return nil
}

// text is the scalar of a key, or "".
func text(node *yaml.Node, name string) string {
	if v := child(node, name); v != nil && v.Kind == yaml.ScalarNode {
		return v.Value
	}
	return ""
}

// first is the first of values that is not empty.
func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
