package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const (
	// argLabel is the label that makes podman's cache see the value of a build argument.
	argLabel = "org.poststack.build-args"
	// markArg is a build argument that no Dockerfile declares: buildah notes it with each working container.
	markArg = "POSTSTACK_BUILD"
)

// instruction is one instruction of a Dockerfile: its lines as they stand, and joined without comments.
type instruction struct {
	lines []string
	verb  string // upper case; "" is a comment or an empty line
	rest  string
}

// dockerfile is a Dockerfile of the portable subset: no heredoc, and \ continues a line.
type dockerfile []instruction

func readDockerfile(file string) (dockerfile, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read Dockerfile: %w", err)
	}
	return parseDockerfile(string(data)), nil
}

func parseDockerfile(text string) dockerfile {
	var out dockerfile
	var current instruction
	var joined strings.Builder
	for _, line := range strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n") {
		current.lines = append(current.lines, line)
		body := strings.TrimSpace(line)
		comment := strings.HasPrefix(body, "#")
		if joined.Len() > 0 && (comment || body == "") {
			continue // inside a continued instruction
		}
		if rest, continued := strings.CutSuffix(body, `\`); continued && !comment {
			joined.WriteString(rest + " ")
			continue
		}
		if !comment {
			joined.WriteString(body)
		}
		out = append(out, current.named(joined.String()))
		current = instruction{}
		joined.Reset()
	}
	if len(current.lines) > 0 {
		out = append(out, current.named(joined.String()))
	}
	return out
}

func (i instruction) named(text string) instruction {
	verb, rest, _ := strings.Cut(strings.TrimSpace(text), " ")
	i.verb, i.rest = strings.ToUpper(verb), strings.TrimSpace(rest)
	return i
}

// bases lists the images that a build takes from the store: of FROM and of COPY --from.
func (d dockerfile) bases(args map[string]string) []Ref {
	global, stages, seen := map[string]string{}, map[string]bool{"scratch": true}, map[string]bool{}
	var out []Ref
	add := func(name string) {
		if _, err := strconv.Atoi(name); err == nil || name == "" || stages[strings.ToLower(name)] || seen[name] {
			return
		}
		seen[name] = true
		out = append(out, Ref(name))
	}
	from := 0
	for _, i := range d {
		switch i.verb {
		case "ARG":
			if from == 0 {
				define(global, i.rest, args)
			}
		case "FROM":
			from++
			words := slices.DeleteFunc(strings.Fields(i.rest), func(w string) bool { return strings.HasPrefix(w, "--") })
			if len(words) > 0 {
				add(expand(words[0], global))
			}
			if len(words) == 3 && strings.EqualFold(words[1], "AS") {
				stages[strings.ToLower(words[2])] = true
			}
		case "COPY":
			if m := regexp.MustCompile(`(?:^|\s)--from=(\S+)`).FindStringSubmatch(i.rest); m != nil {
				add(expand(m[1], global))
			}
		}
	}
	return out
}

// define adds the arguments of an ARG instruction to vars, with the values given instead of the defaults.
func define(vars map[string]string, rest string, given map[string]string) {
	for name, value := range argsOf(rest) {
		vars[name] = expand(value, vars)
		if v, ok := given[name]; ok {
			vars[name] = v
		}
	}
}

// argsOf reads `NAME`, `NAME=value` and several of them.
func argsOf(rest string) map[string]string {
	out := map[string]string{}
	for _, word := range regexp.MustCompile(`(?:[^\s"']|"(?:[^"\\]|\\.)*"|'[^']*')+`).FindAllString(rest, -1) {
		name, value, _ := strings.Cut(word, "=")
		out[name] = strings.Trim(value, `"'`)
	}
	return out
}

// expand replaces $NAME, ${NAME} and ${NAME:-default}.
func expand(s string, vars map[string]string) string {
	return regexp.MustCompile(`\$(?:\{(\w+)(?::-([^}]*))?\}|(\w+))`).ReplaceAllStringFunc(strings.Trim(s, `"'`), func(m string) string {
		p := regexp.MustCompile(`\$(?:\{(\w+)(?::-([^}]*))?\}|(\w+))`).FindStringSubmatch(m)
		if v := vars[p[1]+p[3]]; v != "" {
			return v
		}
		return p[2]
	})
}

// withArgLabels returns the text with a label after each run of ARG instructions that carries a hash of
// their values. Buildah 1.28 looks at the names only, so that with
//
//	ARG RELEASE=0
//	ENV RELEASE=$RELEASE
//
// a build with another RELEASE reuses the layer with the old value (buildah#5501). The label comes as late
// as the argument itself, so what stands before keeps its cache.
//
// Inserted is how many labels there are.
func (d dockerfile) withArgLabels(args map[string]string) (text string, inserted int) {
	var out []string
	values, global := map[string]string{}, map[string]string{}
	stage, pending := false, false
	flush := func() {
		if pending {
			out = append(out, fmt.Sprintf("LABEL %s=%s", argLabel, hashOf(values)))
			inserted++
		}
		pending = false
	}
	for _, i := range d {
		if i.verb != "ARG" && i.verb != "" {
			flush()
		}
		if i.verb == "FROM" {
			stage, values = true, map[string]string{}
		}
		if i.verb == "ARG" {
			for name, value := range argsOf(i.rest) {
				if value == "" {
					value = global[name]
				}
				if given, ok := args[name]; ok {
					value = given
				}
				if !stage {
					global[name] = value
				}
				values[name] = value
			}
			pending = stage
		}
		out = append(out, i.lines...)
	}
	flush()
	return strings.Join(out, "\n"), inserted
}

// String is the text that it was read from.
func (d dockerfile) String() string {
	var lines []string
	for _, i := range d {
		lines = append(lines, i.lines...)
	}
	return strings.Join(lines, "\n")
}

// labelLine is an instruction that sets labels, or "" without any. A value of several lines loses its line ends, which
// no Dockerfile can hold.
func labelLine(labels map[string]string) string {
	if len(labels) == 0 {
		return ""
	}
	var words []string
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		words = append(words, word(k)+"="+word(labels[k]))
	}
	return "\nLABEL " + strings.Join(words, " ") + "\n"
}

// word makes a word of a Dockerfile of s, in which nothing is expanded.
func word(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`, "\n", " ", "\r", " ").Replace(s) + `"`
}

func hashOf(values map[string]string) string {
	h := sha256.New()
	for _, k := range slices.Sorted(maps.Keys(values)) {
		fmt.Fprintf(h, "%q=%q\n", k, values[k])
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}
