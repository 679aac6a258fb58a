package quality

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/magefile/mage/parse"

	"github.com/poststack/poststack/pkg/source"
)

// target is a mage target as its source declares it.
type target struct {
	Name     string // as mage -l lists it
	Synopsis string // likewise
	Comment  string // the whole comment
	Flags    []parse.Arg
	Needs    []need // what it runs first, in order of the source
	Program  bool   // the compiled program has it too
}

// need is a target that another one needs.
type need struct {
	Name string
	Own  bool // only with Poststack's own database
}

// folder is a package of targets.
type folder struct {
	path    string // below magefiles
	alias   string // that mage lists its targets under
	program bool   // the compiled program has them
}

// folders are those that magefiles/main.go imports.
func folders() []folder {
	return []folder{{path: "targets", program: true}, {path: "workshop"}, {path: "workshop/testing", alias: "test"}}
}

// readTargets returns the targets of the magefiles folder below root, by name. It parses and runs nothing, so
// it works on code that does not compile.
func readTargets(root string) ([]target, error) {
	var packages []targetPackage
	elsewhere := map[string]string{}
	for _, f := range folders() {
		found, err := readPackage(filepath.Join(root, "magefiles", filepath.FromSlash(f.path)), f.alias)
		if err != nil {
			return nil, err
		}
		found.program = f.program
		packages = append(packages, found)
		for source, listed := range found.graph.targets {
			elsewhere[path.Base(f.path)+"."+source] = listed
		}
	}
	var all []target
	for _, p := range packages {
		all = append(all, p.targets(elsewhere)...)
	}
	slices.SortFunc(all, func(a, b target) int { return cmp.Compare(a.Name, b.Name) })
	return all, nil
}

// targetPackage is what the source of one package of targets says.
type targetPackage struct {
	funcs   parse.Functions
	graph   graph
	program bool // the compiled program has its targets
}

// readPackage reads one package, whose targets are listed under alias.
func readPackage(dir, alias string) (targetPackage, error) {
	files, err := goFiles(dir)
	if err != nil {
		return targetPackage{}, err
	}
	info, err := parse.Package(dir, files, true)
	if err != nil {
		return targetPackage{}, fmt.Errorf("read targets of %q: %w", dir, err)
	}
	for _, f := range info.Funcs {
		f.PkgAlias = alias
	}
	g, err := newGraph(dir, files, info.Funcs)
	return targetPackage{funcs: info.Funcs, graph: g}, err
}

// targets returns the targets of the package. elsewhere has those of all packages, by the names under which others
// know them.
func (p targetPackage) targets(elsewhere map[string]string) []target {
	maps.Copy(p.graph.targets, elsewhere)
	all := make([]target, 0, len(p.funcs))
	for _, f := range p.funcs {
		all = append(all, target{
			Name: listedName(f), Synopsis: f.Synopsis, Comment: withoutName(f.Comment, f.Name),
			Flags: f.Args, Needs: p.graph.needs(f.Receiver, f.Name), Program: p.program,
		})
	}
	return all
}

// withoutName removes the name of its function from the beginning of a comment, as mage does in its list.
func withoutName(comment, name string) string {
	comment = strings.TrimSpace(comment)
	if first, rest, _ := strings.Cut(comment, " "); strings.EqualFold(first, name) {
		return rest
	}
	return comment
}

// goFiles lists the Go files of a directory, tests aside.
func goFiles(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list Go files: %w", err)
	}
	var names []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".go") && !strings.HasSuffix(e.Name(), "_test.go") {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// listedName is the name under which mage lists a target.
func listedName(f *parse.Function) string {
	return source.TargetName(strings.Split(f.TargetName(), ":"))
}

// targetLines has a line for each target: mage alone has it, or the compiled program, too; its name; the arguments that
// it takes, in order, and then its flags, each with its type.
func targetLines(targets []target) string {
	var out strings.Builder
	for _, t := range targets {
		fields := []string{"mage", t.Name}
		if t.Program {
			fields[0] = "both"
		}
		for _, arg := range t.Flags {
			name := arg.Name
			if arg.Optional {
				name = "-" + name
			}
			fields = append(fields, name+"="+arg.Type)
		}
		out.WriteString(strings.Join(fields, " ") + "\n")
	}
	return out.String()
}
