package targets

import (
	_ "embed"
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/poststack/poststack/pkg/stack"
)

// lines are the targets and what each takes, one a line, as mage docs has written them: Go's reflection knows no names
// of parameters.
//
//go:embed lines.txt
var lines string

// takes is what a target takes: the types of its arguments, in order, and those of its flags by their names.
type takes struct {
	arguments []string
	flags     map[string]string
}

// refuseLine refuses a command line of which a later part cannot be run, before the first part does anything: mage
// itself reads the arguments of a target when its turn comes. compiled leaves out the targets that mage alone has.
func refuseLine(args []string, compiled bool) error {
	line, ok := words(args)
	known := targetsTake(compiled)
	var target string
	for ok && len(line) > 0 {
		has, is := known[strings.ToLower(line[0])]
		switch {
		case !is && target != "" && strings.HasPrefix(line[0], "-"):
			return refused("target %s has no option %s; its help is mage -h %s", target, line[0], target)
		case !is:
			return refused("there is no target %q; mage -l lists them", line[0])
		}
		target, line = line[0], line[1:]
		if len(line) < len(has.arguments) {
			return refused("target %s lacks an argument, it takes %d; its help is mage -h %s",
				target, len(has.arguments), target)
		}
		for _, kind := range has.arguments {
			if err := readable(kind, line[0]); err != nil {
				return refused("target %s: %q %v", target, line[0], err)
			}
			line = line[1:]
		}
		for len(has.flags) > 0 && len(line) > 0 && strings.HasPrefix(line[0], "-") {
			if err := has.refuseFlag(target, line[0]); err != nil {
				return err
			}
			line = line[1:]
		}
	}
	return nil
}

// refuseFlag refuses what mage does not take for a flag of the target.
func (t takes) refuseFlag(target, word string) error {
	name, value, given := strings.Cut(word[1:], "=")
	kind, is := t.flags[strings.ToLower(name)]
	switch {
	case !is:
		return refused("target %s has no option %s; its help is mage -h %s", target, word, target)
	case !given && kind != "bool":
		return refused("target %s: option -%s is written with its value, -%s=…", target, name, name)
	case !given:
		return nil
	}
	if err := readable(kind, value); err != nil {
		return refused("target %s: option -%s: %q %v", target, name, value, err)
	}
	return nil
}

func refused(format string, args ...any) error {
	return &stack.UsageError{Reason: fmt.Sprintf(format, args...) + "; nothing was done"}
}

// readable tells whether mage can make a value of a type from text. It has more types, which no target uses.
func readable(kind, text string) (err error) {
	switch kind {
	case "int":
		_, err = strconv.Atoi(text)
	case "bool":
		_, err = strconv.ParseBool(text)
	}
	if err != nil {
		return fmt.Errorf("is no %s", map[string]string{"int": "number", "bool": "true or false"}[kind])
	}
	return nil
}

// words are the arguments without the options of mage's own, which the compiled program has in front of its targets.
// They are not ok if they are of another program, such as a test.
func words(args []string) (line []string, ok bool) {
	own := flag.NewFlagSet("", flag.ContinueOnError)
	own.SetOutput(io.Discard)
	for _, name := range []string{"v", "l", "h"} {
		own.Bool(name, false, "")
	}
	own.Duration("t", 0, "")
	err := own.Parse(args)
	return own.Args(), err == nil
}

// targetsTake reads lines.
func targetsTake(compiled bool) map[string]takes {
	all := map[string]takes{}
	for line := range strings.Lines(lines) {
		fields := strings.Fields(line)
		if len(fields) == 0 || compiled && fields[0] == "mage" {
			continue
		}
		one := takes{flags: map[string]string{}}
		for _, field := range fields[2:] {
			name, kind, _ := strings.Cut(field, "=")
			if flag, is := strings.CutPrefix(name, "-"); is {
				one.flags[strings.ToLower(flag)] = kind
			} else {
				one.arguments = append(one.arguments, kind)
			}
		}
		all[strings.ToLower(fields[1])] = one
	}
	return all
}
