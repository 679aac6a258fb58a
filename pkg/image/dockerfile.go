package image

import (
	"regexp"
	"strings"
)

// baseArg is the build argument that names the image to stand on. Every Dockerfile begins
//
//	ARG BASE_IMAGE
//	FROM ${BASE_IMAGE}
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
// stages that do not begin from the image's parent.
func checkDockerfile(text []byte, p *problems) {
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
	if len(list) < 2 || list[0].keyword != "ARG" || list[0].rest != baseArg || list[1].keyword != "FROM" {
		p.add(1, "must begin with ARG %s and FROM ${%s}", baseArg, baseArg)
	}
	stages := map[string]bool{"${" + baseArg + "}": true}
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
			p.add(in.line, "FROM %s: a stage stands on ${%s} or on an earlier stage", in.rest, baseArg)
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
