package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// portable finds what the classic docker builder or buildah does not understand: heredocs, flags of RUN,
// COPY and ADD beyond the old ones, and a syntax directive, which also makes BuildKit fetch an image.
func portable(name string, data []byte) []Finding {
	var found []Finding
	add := func(line int, format string, args ...any) {
		found = append(found, Finding{File: name, Line: line, Rule: "Portable", Text: fmt.Sprintf(format, args...)})
	}
	if _, _, where, ok := parser.DetectSyntax(data); ok {
		first := 1
		if len(where) > 0 {
			first = where[0].Start.Line
		}
		add(first, "a syntax directive needs BuildKit and a registry")
	}
	file, err := parser.Parse(bytes.NewReader(data))
	if err != nil {
		return found // official reports it with its line
	}
	for _, n := range file.AST.Children {
		command := strings.ToUpper(n.Value)
		if len(n.Heredocs) > 0 {
			add(n.StartLine, "%s with a heredoc needs BuildKit; put the text in a file and COPY it", command)
		}
		for _, flag := range n.Flags {
			if option, _, _ := strings.Cut(flag, "="); !slices.Contains(allowed(command), option) {
				add(n.StartLine, "%s %s is not understood by every builder", command, option)
			}
		}
	}
	return found
}

// allowed lists the options of a command that every builder knows.
func allowed(command string) []string {
	switch command {
	case "FROM":
		return []string{"--platform"}
	case "COPY":
		return []string{"--from", "--chown"}
	case "ADD":
		return []string{"--chown"}
	case "HEALTHCHECK":
		return []string{"--interval", "--timeout", "--start-period", "--retries"}
	default:
		return nil
	}
}
