package dockerfile

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Image is what an image hands on to those that are built on it.
type Image struct {
	Env      Variables
	Unknown  map[string]bool // variables whose value only a builder knows
	Triggers []Instruction   // of ONBUILD
}

// Source is what a COPY or an ADD takes from the build context.
type Source struct {
	Line    int    // of the instruction
	Text    string // as it stands
	Pattern string // with the values of its variables; wildcards are those of [path.Match]
	Known   bool   // the value of each variable is known; otherwise it may be anything
}

// Sources lists what the instructions of f take from the build context when it is built with args, and what the image
// hands on. What they take of other images, or from the network, is not among it. base is asked what an image that is
// no stage of f hands on, also where only files are taken of it.
func (f File) Sources(args Variables, base func(ref string) Image) ([]Source, Image) {
	e := evaluation{given: args, global: Variables{}, stages: map[string]Image{}, base: base}
	for _, in := range f.Instructions {
		e.run(in)
	}
	return e.sources, e.image
}

// evaluation goes through the instructions as a builder does, as far as variables and sources are concerned.
type evaluation struct {
	given, global Variables
	stages        map[string]Image
	base          func(ref string) Image
	name          string // of the stage
	begun         bool   // there is a stage
	args          Variables
	image         Image
	sources       []Source
}

func (e *evaluation) run(in Instruction) {
	switch in.Verb {
	case "ARG":
		e.declare(in)
	case "FROM":
		e.from(in)
	case "ENV":
		before, unknown := e.variables(), map[string]bool{}
		for i := 0; i+1 < len(in.Words); i += 3 { // name, value, what is between them
			name := in.Words[i]
			value, known := e.expand(in.Words[i+1], before)
			e.image.Env[name], unknown[name] = value, !known
		}
		maps.Copy(e.image.Unknown, unknown)
	case "COPY", "ADD":
		e.take(in)
	case "ONBUILD":
		if in.Trigger != nil {
			e.image.Triggers = append(e.image.Triggers, *in.Trigger)
		}
	}
}

// variables are those that an instruction sees: ENV wins over ARG, as docker documents.
// https://docs.docker.com/reference/dockerfile/#using-arg-variables
func (e *evaluation) variables() Variables {
	out := Variables{}
	maps.Copy(out, e.args)
	maps.Copy(out, e.image.Env)
	return out
}

// expand gives a word with the values of its variables; known is false if one of them is not.
func (e *evaluation) expand(word string, values Variables) (text string, known bool) {
	text, used, err := values.Expand(word)
	return text, err == nil && !slices.ContainsFunc(used, func(name string) bool { return e.image.Unknown[name] })
}

func (e *evaluation) declare(in Instruction) {
	to, from := e.args, e.variables()
	if !e.begun {
		to, from = e.global, e.global
	}
	for _, a := range in.Arguments() {
		value, set := e.given.Get(a.Name)
		if !set && a.Given {
			value, set = e.expand(a.Default, from)
		} else if !set {
			value, set = e.global.Get(a.Name)
		}
		if set {
			to[a.Name] = value
		} else if e.begun { // such as TARGETARCH
			e.image.Unknown[a.Name] = true
		}
	}
}

func (e *evaluation) from(in Instruction) {
	if e.name != "" {
		e.stages[e.name] = e.image
	}
	e.begun, e.name, e.args, e.image = true, "", Variables{}, Image{Env: Variables{}, Unknown: map[string]bool{}}
	if len(in.Words) == 0 {
		return
	}
	if len(in.Words) == 3 && strings.EqualFold(in.Words[1], "AS") {
		e.name = strings.ToLower(in.Words[2])
	}
	ref, _, _ := e.global.Expand(in.Words[0])
	parent, ok := e.stages[strings.ToLower(ref)]
	if !ok {
		parent = e.base(ref)
	}
	maps.Copy(e.image.Env, parent.Env)
	maps.Copy(e.image.Unknown, parent.Unknown)
	if _, ok := parent.Env.Get("PATH"); !ok {
		e.image.Unknown["PATH"] = true // the one variable of Debian's own images
	}
	for _, trigger := range parent.Triggers {
		trigger.Line = in.Line
		e.run(trigger)
	}
}

func (e *evaluation) take(in Instruction) {
	if from, ok := in.Flag("--from"); ok {
		ref, _, _ := e.global.Expand(from)
		_, err := strconv.Atoi(ref)
		if _, stage := e.stages[strings.ToLower(ref)]; !stage && strings.ToLower(ref) != e.name && err != nil {
			e.base(ref)
		}
		return
	}
	if len(in.Words) < 2 {
		return
	}
	for _, word := range in.Words[:len(in.Words)-1] {
		pattern, known := e.expand(word, e.variables())
		if in.Verb == "ADD" && (strings.HasPrefix(pattern, "http://") || strings.HasPrefix(pattern, "https://")) {
			continue
		}
		e.sources = append(e.sources, Source{Line: in.Line, Text: in.Verb + " " + word, Pattern: pattern, Known: known})
	}
}
