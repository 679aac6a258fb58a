package quality

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"

	"github.com/magefile/mage/parse"
)

// graph finds which target needs which in the source of one package: a target that is named without being
// called is handed to mage as a dependency. Functions of the package that a target calls count as part of it.
type graph struct {
	targets map[string]string        // source name, "Build.Base" or "Setup" → listed name
	bodies  map[string]*ast.FuncDecl // source name → declaration, of every function
}

// newGraph reads the declarations in the files of a package with those targets. It parses them anew: mage's parser
// drops what is not exported.
func newGraph(dir string, files []string, funcs parse.Functions) (graph, error) {
	g := graph{targets: map[string]string{}, bodies: map[string]*ast.FuncDecl{}}
	for _, f := range funcs {
		g.targets[sourceName(f.Receiver, f.Name)] = listedName(f)
	}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			return graph{}, fmt.Errorf("read dependencies of targets: %w", err)
		}
		for _, d := range file.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Body != nil {
				g.bodies[sourceName(receiver(fn), fn.Name.Name)] = fn
			}
		}
	}
	return g, nil
}

// sourceName is how the source names a target in an expression.
func sourceName(receiver, name string) string {
	if receiver == "" {
		return name
	}
	return receiver + "." + name
}

// receiver returns the name of a method's type, or "".
func receiver(fn *ast.FuncDecl) string {
	if fn.Recv == nil || len(fn.Recv.List) == 0 {
		return ""
	}
	typ := fn.Recv.List[0].Type
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	if id, ok := typ.(*ast.Ident); ok {
		return id.Name
	}
	return ""
}

// needs lists what a target names without calling it, each once.
func (g graph) needs(receiver, name string) []need {
	var found []need
	g.walk(sourceName(receiver, name), map[string]bool{}, func(n need) {
		same := func(have need) bool { return have.Name == n.Name }
		if !slices.ContainsFunc(found, same) {
			found = append(found, n)
		}
	})
	return found
}

// walk reports the needs in the body of a function and of those it calls, except what seen has already.
func (g graph) walk(name string, seen map[string]bool, report func(need)) {
	fn := g.bodies[name]
	if fn == nil || seen[name] {
		return
	}
	seen[name] = true
	g.inspect(fn.Body, false, seen, report)
}

// inspect looks for needs below node. A call of own marks those in its arguments.
func (g graph) inspect(node ast.Node, own bool, seen map[string]bool, report func(need)) {
	ast.Inspect(node, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			called := exprName(call.Fun)
			if g.targets[called] == "" {
				g.walk(called, seen, report)
			}
			for _, arg := range call.Args {
				g.inspect(arg, own || called == "own", seen, report)
			}
			if _, plain := call.Fun.(*ast.Ident); !plain && g.targets[called] == "" {
				g.inspect(call.Fun, own, seen, report) // a chain of calls
			}
			return false
		}
		if pair, ok := n.(*ast.KeyValueExpr); ok {
			g.inspect(pair.Value, own, seen, report) // the key is a field's name
			return false
		}
		expr, ok := n.(ast.Expr)
		if !ok {
			return true
		}
		if listed := g.targets[exprName(expr)]; listed != "" {
			report(need{Name: listed, Own: own})
			return false
		}
		if sel, ok := expr.(*ast.SelectorExpr); ok {
			g.inspect(sel.X, own, seen, report) // the selected name belongs to something else
			return false
		}
		return true
	})
}

// exprName returns the source name of an identifier or of a method expression, else "".
func exprName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		switch x := e.X.(type) {
		case *ast.Ident:
			return x.Name + "." + e.Sel.Name
		case *ast.CompositeLit: // Build{}.Base
			return exprName(x.Type) + "." + e.Sel.Name
		}
	}
	return ""
}

// mermaid draws the needs of the targets, an arrow from each target to what it needs.
func mermaid(targets []target) string {
	var text strings.Builder
	text.WriteString("flowchart LR\n")
	for _, t := range targets {
		for _, n := range t.Needs {
			arrow := "-->"
			if n.Own {
				arrow = "-.->|own database|"
			}
			fmt.Fprintf(&text, "    %s[%q] %s %s[%q]\n", nodeID(t.Name), t.Name, arrow, nodeID(n.Name), n.Name)
		}
	}
	return text.String()
}

// nodeID is a name for the node of a target that means nothing else to mermaid.
func nodeID(name string) string { return "t_" + strings.ReplaceAll(name, ":", "_") }
