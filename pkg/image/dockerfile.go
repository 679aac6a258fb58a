package image

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/poststack/poststack/pkg/engine/dockerfile"
)

// baseArg is the build argument that names the image to stand on. Every Dockerfile begins
//
//	ARG BASE_IMAGE
//	FROM ${BASE_IMAGE}
//
// or, when it takes files from other images of the catalogue, with an ARG for each of them between the two.
const baseArg = "BASE_IMAGE"

// checkDockerfile reads a Dockerfile and notes what the classic docker builder, BuildKit and buildah do not all
// understand, and stages that do not begin from the image's parent or from one of the images that the arguments others
// name.
func checkDockerfile(text []byte, others []string, p *problems) dockerfile.File {
	checkDirectives(text, p)
	file, err := dockerfile.Parse(text)
	if wrong, ok := errors.AsType[*dockerfile.SyntaxError](err); ok {
		p.add(wrong.Line, "%w", wrong.Err)
		return file
	}
	list := file.Instructions
	names, stages := append([]string{baseArg}, others...), map[string]bool{}
	ok := len(list) > len(names) && list[0].Text == baseArg && list[len(names)].Verb == "FROM"
	for i, name := range names {
		ok = ok && list[i].Verb == "ARG" && slices.Contains(names, list[i].Text)
		stages["${"+name+"}"] = true
	}
	if !ok {
		p.add(1, "must begin with ARG %s and FROM ${%s}", strings.Join(names, ", ARG "), baseArg)
	}
	for _, in := range list {
		checkInstruction(in, stages, p)
	}
	return file
}

// checkDirectives notes the comments at the beginning that tell a parser what to do.
func checkDirectives(text []byte, p *problems) {
	directive := regexp.MustCompile(`(?i)^#\s*(syntax|escape|check)\s*=`)
	for i, raw := range strings.Split(string(text), "\n") {
		line := strings.TrimSpace(raw)
		if found := directive.FindStringSubmatch(line); found != nil {
			p.add(i+1, "parser directive %q is not portable", found[1])
		}
		if !strings.HasPrefix(line, "#") {
			break
		}
	}
}

// checkInstruction checks one instruction; stages are the names that FROM may use, and grow.
func checkInstruction(in dockerfile.Instruction, stages map[string]bool, p *problems) {
	switch in.Verb {
	case "FROM":
		if len(in.Flags) > 0 || len(in.Words) == 0 || !stages[in.Words[0]] {
			p.add(in.Line, "FROM %s: a stage stands on ${%s}, an argument of stages in %s, or an earlier stage",
				in.Text, baseArg, definitionName)
		}
		if len(in.Words) == 3 && strings.EqualFold(in.Words[1], "as") {
			stages[in.Words[2]] = true
		}
	case "RUN":
		if len(in.Flags) > 0 {
			p.add(in.Line, "RUN %s is not portable: no options", in.Flags[0])
		}
	case "COPY", "ADD":
		checkCopy(in, p)
	case "ARG":
		if len(in.Words) != 1 {
			p.add(in.Line, "ARG %s: one name in each ARG", in.Text)
		}
	}
	if in.Heredoc {
		p.add(in.Line, "%s with a heredoc is not portable", in.Verb)
	}
	if in.Trigger != nil {
		checkInstruction(*in.Trigger, stages, p)
	}
}

// checkCopy checks a COPY or an ADD. Newer versions of buildah take ** for any number of directories, the other
// builders for one.
func checkCopy(in dockerfile.Instruction, p *problems) {
	for _, flag := range in.Flags {
		if option, _, _ := strings.Cut(flag, "="); option != "--from" && option != "--chown" {
			p.add(in.Line, "%s %s is not portable: only --from and --chown are", in.Verb, option)
		}
	}
	for _, word := range in.Words {
		if strings.Contains(word, "**") {
			p.add(in.Line, "%s %s is not portable: ** means other files to each builder", in.Verb, word)
		}
	}
}
