package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/poststack/poststack/pkg/engine/dockerfile"
)

const (
	// argLabel is the label that makes podman's cache see the value of a build argument.
	argLabel = "org.poststack.build-args"
	// markArg is a build argument that no Dockerfile declares: buildah notes it with each working container.
	markArg = "POSTSTACK_BUILD"
)

func readDockerfile(file string) (dockerfile.File, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return dockerfile.File{}, fmt.Errorf("read Dockerfile: %w", err)
	}
	f, err := dockerfile.Parse(data)
	if err != nil {
		return dockerfile.File{}, fmt.Errorf("read Dockerfile: %w", err)
	}
	return f, nil
}

// bases lists the images that a build takes from the store: of FROM and of COPY --from.
func bases(f dockerfile.File, args map[string]string) (out []Ref) {
	f.Sources(args, func(name string) dockerfile.Image {
		if ref := Ref(name); ref != "" && ref != "scratch" && !slices.Contains(out, ref) {
			out = append(out, ref)
		}
		return dockerfile.Image{}
	})
	return out
}

// define adds the arguments of an ARG instruction to vars: with the value given, its default, or that of the argument
// of the same name before the first stage.
func define(vars, global dockerfile.Variables, i dockerfile.Instruction, given map[string]string) {
	for _, a := range i.Arguments() {
		value, ok := given[a.Name]
		if !ok && a.Default != "" {
			value, _, _ = vars.Expand(a.Default)
		} else if !ok {
			value = global[a.Name]
		}
		vars[a.Name] = value
	}
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
func withArgLabels(f dockerfile.File, args map[string]string) (text string, inserted int) {
	labels := map[int]string{}
	values, global := dockerfile.Variables{}, dockerfile.Variables{}
	stage, pending := false, false
	flush := func(line int) {
		if pending {
			labels[line] = fmt.Sprintf("LABEL %s=%s", argLabel, hashOf(values))
		}
		pending = false
	}
	for _, i := range f.Instructions {
		switch i.Verb {
		case "ARG":
			if !stage {
				define(global, global, i, args)
			} else {
				define(values, global, i, args)
				pending = true
			}
		case "FROM":
			flush(i.Line)
			stage, values = true, dockerfile.Variables{}
		default:
			flush(i.Line)
		}
	}
	flush(math.MaxInt)
	return f.Insert(labels), len(labels)
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
