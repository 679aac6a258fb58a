package image

import (
	"regexp"
	"slices"
	"strings"
)

// baseArg is the build argument that names the image to stand on. Every Dockerfile begins
//
//	ARG BASE_IMAGE
//	FROM ${BASE_IMAGE}
//
// or, when it takes files from other images of the catalogue, with an ARG for each of them between the two.
const baseArg = "BASE_IMAGE"

// instruction is one instruction of a Dockerfile, its continued lines joined.
type instruction struct {
	line    int // where it begins, from 1
	keyword string
	rest    string
}

// instructions splits a Dockerfile. Comments and empty lines, also those inside a continued instruction, are
// left out.
func instructions(text []byte) []instruction {
	var out []instruction
	var open *instruction
	for i, raw := range strings.Split(string(text), "\n") {
		line := strings.TrimSpace(raw)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		body, continued := strings.CutSuffix(line, `\`)
		if open == nil {
			keyword, rest, _ := strings.Cut(strings.TrimSpace(body), " ")
			open = &instruction{line: i + 1, keyword: strings.ToUpper(keyword), rest: strings.TrimSpace(rest)}
		} else {
			open.rest = strings.TrimSpace(open.rest + " " + strings.TrimSpace(body))
		}
		if !continued {
			out, open = append(out, *open), nil
		}
	}
	if open != nil {
		out = append(out, *open)
	}
	return out
}

// checkDockerfile notes what the classic docker builder, BuildKit and buildah do not all understand, and
// stages that do not begin from the image's parent or from one of the images that the arguments others name.
func checkDockerfile(text []byte, others []string, p *problems) {
	for i, raw := range strings.Split(string(text), "\n") {
		directive := regexp.MustCompile(`(?i)^#\s*(syntax|escape|check)\s*=`).FindStringSubmatch(strings.TrimSpace(raw))
		if directive != nil {
			p.add(i+1, "parser directive %q is not portable", directive[1])
		}
		if !strings.HasPrefix(strings.TrimSpace(raw), "#") {
			break
		}
	}
	list := instructions(text)
	names, stages := append([]string{baseArg}, others...), map[string]bool{}
	ok := len(list) > len(names) && list[0].rest == baseArg && list[len(names)].keyword == "FROM"
	for i, name := range names {
		ok = ok && list[i].keyword == "ARG" && slices.Contains(names, list[i].rest)
		stages["${"+name+"}"] = true
	}
	if !ok {
		p.add(1, "must begin with ARG %s and FROM ${%s}", strings.Join(names, ", ARG "), baseArg)
	}
	for _, in := range list {
		checkInstruction(in, stages, p)
	}
}

// checkInstruction checks one instruction; stages are the names that FROM may use, and grow.
func checkInstruction(in instruction, stages map[string]bool, p *problems) {
	switch in.keyword {
	case "FROM":
		words := strings.Fields(in.rest)
		if len(words) == 0 || !stages[words[0]] {
			p.add(in.line, "FROM %s: a stage stands on ${%s}, an argument of stages in %s, or an earlier stage", in.rest, baseArg, definitionName)
		}
		if len(words) == 3 && strings.EqualFold(words[1], "as") {
			stages[words[2]] = true
		}
	case "RUN":
		if strings.HasPrefix(in.rest, "--") {
			p.add(in.line, "RUN %s is not portable: no options", firstWord(in.rest))
		}
	case "COPY", "ADD":
		for _, word := range strings.Fields(in.rest) {
			option, _, _ := strings.Cut(word, "=")
			if strings.HasPrefix(option, "--") && option != "--from" && option != "--chown" {
				p.add(in.line, "%s %s is not portable: only --from and --chown are", in.keyword, option)
			}
		}
	case "ARG":
		if len(strings.Fields(in.rest)) != 1 {
			p.add(in.line, "ARG %s: one name in each ARG", in.rest)
		}
	}
	if regexp.MustCompile(`<<-?\s*["']?[A-Za-z_]+["']?(\s|$)`).MatchString(in.rest) {
		p.add(in.line, "%s with a heredoc is not portable", in.keyword)
	}
}

func firstWord(s string) string { return strings.Fields(s + " ")[0] }
