// Package dockerfile reads Dockerfiles: with docker's own parser, so that what Poststack thinks of one is what the
// builders make of it. How a line goes on, what is a comment, quotes, JSON and variables are decided there.
package dockerfile

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
)

// File is a Dockerfile.
type File struct {
	Instructions []Instruction
	text         string
}

// Instruction is one instruction of a Dockerfile.
type Instruction struct {
	Line    int      // where it begins, from 1
	Verb    string   // COPY, in capitals
	Flags   []string // --from=build
	Words   []string // the rest as its verb splits it, variables and quotes as they stand; RUN and CMD have one
	Text    string   // all that follows the verb, its lines joined
	Heredoc bool
	Trigger *Instruction // what an ONBUILD has others do
}

// SyntaxError is a text that is no Dockerfile.
type SyntaxError struct {
	Line int // 0 when it concerns the whole file
	Err  error
}

// Error gives the parser's words. The file is for the caller to name.
func (e *SyntaxError) Error() string {
	if e.Line == 0 {
		return e.Err.Error()
	}
	return fmt.Sprintf("line %d: %v", e.Line, e.Err)
}

// Unwrap gives the parser's error.
func (e *SyntaxError) Unwrap() error { return e.Err }

// Parse reads a Dockerfile; the error is a [*SyntaxError].
func Parse(text []byte) (File, error) {
	result, err := parser.Parse(bytes.NewReader(text))
	if err != nil {
		return File{}, syntaxError(err)
	}
	f := File{text: strings.ReplaceAll(string(text), "\r\n", "\n")}
	for _, node := range result.AST.Children {
		f.Instructions = append(f.Instructions, newInstruction(node))
	}
	return f, nil
}

func syntaxError(err error) *SyntaxError {
	out := &SyntaxError{Err: err}
	var at *parser.LocationError
	if errors.As(err, &at) && len(at.Locations) > 0 && len(at.Locations[0]) > 0 {
		out.Line, out.Err = at.Locations[0][0].Start.Line, at.Unwrap()
	}
	return out
}

func newInstruction(node *parser.Node) Instruction {
	in := Instruction{
		Line: node.StartLine, Verb: strings.ToUpper(node.Value), Flags: node.Flags, Heredoc: len(node.Heredocs) > 0,
	}
	in.Text = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(node.Original), node.Value))
	if in.Verb == "ONBUILD" && node.Next != nil && len(node.Next.Children) > 0 {
		trigger := newInstruction(node.Next.Children[0])
		trigger.Line, in.Trigger = in.Line, &trigger
		return in
	}
	for n := node.Next; n != nil; n = n.Next {
		in.Words = append(in.Words, n.Value)
	}
	return in
}

// Flag gives the value of a flag such as --from.
func (i Instruction) Flag(name string) (value string, ok bool) {
	for _, flag := range i.Flags {
		if key, value, _ := strings.Cut(flag, "="); key == name {
			return value, true
		}
	}
	return "", false
}

// Argument is what an ARG declares.
type Argument struct {
	Name    string
	Default string // as it stands
	Given   bool   // there is a default, if only an empty one
}

// Arguments gives what an ARG declares.
func (i Instruction) Arguments() []Argument {
	var out []Argument
	for _, word := range i.Words {
		var a Argument
		a.Name, a.Default, a.Given = strings.Cut(word, "=")
		out = append(out, a)
	}
	return out
}

// Insert gives the text with each of lines, by number, before that line; those behind the end come last. Line ends are
// those of Unix.
func (f File) Insert(lines map[int]string) string {
	old := strings.Split(f.text, "\n")
	var out []string
	for i, line := range old {
		if text, ok := lines[i+1]; ok {
			out = append(out, text)
		}
		out = append(out, line)
	}
	for n, text := range lines {
		if n > len(old) {
			out = append(out, text)
		}
	}
	return strings.Join(out, "\n")
}

// Variables are the values that an instruction can use.
type Variables map[string]string

// Get gives the value of a variable, and whether it is set.
func (v Variables) Get(name string) (string, bool) {
	value, ok := v[name]
	return value, ok
}

// Keys lists the variables.
func (v Variables) Keys() []string { return slices.Collect(maps.Keys(v)) }

// Expand gives a word without its quotes, and with the values of its variables; used are their names. A variable that
// is not set is empty.
func (v Variables) Expand(word string) (text string, used []string, err error) {
	result, err := shell.NewLex('\\').ProcessWordWithMatches(word, v)
	used = slices.AppendSeq(slices.Collect(maps.Keys(result.Matched)), maps.Keys(result.Unmatched))
	return result.Result, used, err
}
