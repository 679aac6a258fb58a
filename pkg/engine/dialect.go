package engine

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/poststack/poststack/pkg/secret"
)

// dialect is how a builder speaks of its progress.
type dialect string

const (
	dialectClassic  dialect = "classic"  // docker without buildx: "Step 2/9 : FROM …"
	dialectBuildKit dialect = "buildkit" // docker with buildx, --progress plain: "#5 [2/4] RUN …"
	dialectBuildah  dialect = "buildah"  // podman: "STEP 2/8: ARG …"
)

// dialect chooses the builder: BuildKit where docker has buildx, which modern clients need for it.
func (c commandLine) dialect() dialect {
	switch {
	case c.kind == Podman:
		return dialectBuildah
	case c.buildx:
		return dialectBuildKit
	default:
		return dialectClassic
	}
}

// progress follows a builder's output line by line.
type progress struct {
	dialect dialect
	report  func(Step)
	secrets *secret.Set
	now     func() time.Time
	ours    int // how many instructions of the Dockerfile are inserted by us

	steps  []Step
	begun  time.Time
	open   bool           // the last step is under way; BuildKit has its own book-keeping
	vertex map[string]int // BuildKit: vertex → index in steps
	worker string         // classic: the container of the step under way
	failed int            // BuildKit: index of the step that failed, from 1; 0 is none
	tails  map[int][]string
}

func newProgress(d dialect, report func(Step), secrets *secret.Set) *progress {
	if report == nil {
		report = func(Step) {}
	}
	return &progress{
		dialect: d, report: report, secrets: secrets, now: time.Now, vertex: map[string]int{}, tails: map[int][]string{},
	}
}

func (p *progress) line(s string) {
	if p.dialect == dialectBuildKit {
		p.buildkit(s)
		return
	}
	p.sequential(s)
}

// sequentialStep matches both builders that do one step after the other; podman puts the stage in front when
// there are several.
func sequentialStep(d dialect, s string) (total int, text string, ok bool) {
	pattern := `^Step \d+/(\d+) : (.*)$`
	if d == dialectBuildah {
		pattern = `^(?:\[\d+/\d+\] )?STEP \d+(?:/(\d+))?: (.*)$`
	}
	m := regexp.MustCompile(pattern).FindStringSubmatch(s)
	if m == nil {
		return 0, "", false
	}
	total, _ = strconv.Atoi(m[1])
	if strings.HasPrefix(s, "[") {
		total = 0 // of the stage only
	}
	return total, m[2], true
}

func (p *progress) sequential(s string) {
	if total, text, ok := sequentialStep(p.dialect, s); ok {
		p.end()
		p.begin(total, text)
		return
	}
	switch trimmed := strings.TrimSpace(s); {
	case p.open && strings.HasPrefix(trimmed, "--->") && strings.HasSuffix(trimmed, "Using cache"),
		p.open && strings.HasPrefix(trimmed, "--> Using cache"):
		p.steps[len(p.steps)-1].Cached = true
	case strings.HasPrefix(trimmed, "Successfully built"), p.dialect == dialectBuildah && isCommit(trimmed):
		p.end()
	case strings.HasPrefix(trimmed, "---> Running in "):
		p.worker = strings.TrimPrefix(trimmed, "---> Running in ")
	case strings.HasPrefix(trimmed, "-->"), strings.HasPrefix(trimmed, "--->"), trimmed == "":
	case strings.HasPrefix(trimmed, "Removing intermediate container"):
		p.worker = ""
	default:
		p.keep(len(p.steps), s)
	}
}

// isCommit matches "COMMIT", "COMMIT name" and "[2/2] COMMIT name".
func isCommit(s string) bool {
	if strings.HasPrefix(s, "[") {
		_, s, _ = strings.Cut(s, "] ")
	}
	return s == "COMMIT" || strings.HasPrefix(s, "COMMIT ")
}

// begin opens a step. What we have inserted ourselves is no step of the caller's.
func (p *progress) begin(total int, text string) {
	if strings.Contains(text, argLabel) {
		return
	}
	p.steps = append(p.steps, Step{Number: len(p.steps) + 1, Total: max(0, total-p.ours), Text: text})
	p.begun, p.open = p.now(), true
	p.report(p.steps[len(p.steps)-1])
}

// end closes the step that is under way.
func (p *progress) end() {
	if !p.open {
		return
	}
	p.open = false
	last := &p.steps[len(p.steps)-1]
	last.Duration = max(p.now().Sub(p.begun), time.Nanosecond)
	p.report(*last)
}

// buildkit reads the plain format of buildkit's progress UI: every line begins with its vertex.
func (p *progress) buildkit(s string) {
	m := regexp.MustCompile(`^#(\d+) (.*)$`).FindStringSubmatch(s)
	if m == nil {
		if p.failed == 0 { // afterwards the builder repeats itself
			p.keep(0, s)
		}
		return
	}
	id, rest := m[1], m[2]
	i, known := p.vertex[id]
	if !known {
		p.vertexBegin(id, rest)
		return
	}
	step := &p.steps[i]
	switch {
	case rest == "CACHED":
		step.Cached, step.Duration = true, time.Nanosecond
		p.report(*step)
	case strings.HasPrefix(rest, "DONE "):
		if d, err := time.ParseDuration(strings.TrimPrefix(rest, "DONE ")); err == nil && step.Duration == 0 {
			step.Duration = max(d, time.Nanosecond)
			p.report(*step)
		}
	case strings.HasPrefix(rest, "ERROR"):
		p.failed = i + 1
		p.keep(p.failed, rest)
	default:
		// "0.123 text" is output; "[2/4] RUN …" opens the vertex again after another one's lines.
		if out := regexp.MustCompile(`^\d+\.\d+ ?(.*)$`).FindStringSubmatch(rest); out != nil {
			p.keep(i+1, out[1])
		}
	}
}

// vertexBegin opens a step for "[stage 2/4] RUN …"; "[internal] …", exports and the like are none.
func (p *progress) vertexBegin(id, rest string) {
	m := regexp.MustCompile(`^\[(?:(\S+) +)?(\d+)/(\d+)\] (.*)$`).FindStringSubmatch(rest)
	if m == nil {
		return
	}
	total, _ := strconv.Atoi(m[3])
	if m[1] != "" {
		total = 0 // of the stage only
	}
	p.vertex[id] = len(p.steps)
	p.steps = append(p.steps, Step{Number: len(p.steps) + 1, Total: total, Text: m[4]})
	p.report(p.steps[len(p.steps)-1])
}

// keep remembers the last lines of a step; step 0 is what stands outside of all.
func (p *progress) keep(step int, s string) {
	t := append(p.tails[step], p.secrets.Redact(s))
	if over := len(t) - maxTailLines; over > 0 {
		t = slices.Delete(t, 0, over)
	}
	p.tails[step] = t
}

// finish returns the steps of a build that has succeeded.
func (p *progress) finish() []Step {
	p.end()
	return p.steps
}

// failure returns the step that failed with its last lines.
func (p *progress) failure(err error) error {
	out := &BuildError{Err: err}
	at := p.failed
	if p.dialect != dialectBuildKit {
		at = len(p.steps)
	}
	if at > 0 {
		out.Step = p.steps[at-1]
		if p.open {
			out.Step.Duration = p.now().Sub(p.begun)
		}
	}
	out.Tail = withoutVerdict(p.tails[at])
	if len(out.Tail) == 0 {
		out.Tail = p.tails[0]
	}
	return out
}

// withoutVerdict drops the builder's own last word on a failed RUN when the program has said something: that
// the step failed is known. Each builder has its own.
func withoutVerdict(lines []string) []string {
	verdict := regexp.MustCompile(`^(Error: building at STEP |The command '.*' returned a non-zero code|ERROR: process )`)
	rest := slices.DeleteFunc(slices.Clone(lines), verdict.MatchString)
	rest = slices.DeleteFunc(rest, func(l string) bool { return strings.TrimSpace(l) == "" })
	if len(rest) == 0 {
		return lines
	}
	return rest
}
