package image

import (
	"fmt"
	"strings"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
)

// maxStepText is how many characters of an instruction are shown.
const maxStepText = 120

// reportStep tells that a step of the Dockerfile begins, or that it was cached.
func reportStep(s engine.Step, r event.Reporter) {
	if addedByBuilder(s) || (s.Duration > 0 && !s.Cached) {
		return
	}
	text := stepName(s)
	if s.Cached {
		text += " (cached)"
	}
	r.Step(text)
}

// addedByBuilder tells steps that stand in no Dockerfile: the classic docker builder and podman make one of
// every label.
func addedByBuilder(s engine.Step) bool {
	label, ok := strings.CutPrefix(strings.ReplaceAll(s.Text, `"`, ""), "LABEL ")
	return ok && (strings.HasPrefix(label, "org.poststack.") || strings.HasPrefix(label, "org.opencontainers.image."))
}

// setSteps notes the steps of the Dockerfile.
func (r *Result) setSteps(steps []engine.Step) {
	for _, s := range steps {
		if addedByBuilder(s) {
			continue
		}
		r.StepTimes = append(r.StepTimes, s)
		r.Steps++
		if s.Cached {
			r.CachedSteps++
		}
	}
}

// stepName is "step 3: RUN …" on one line. The number is the builder's; how many there are in all is not said,
// since the builders count their own additions too.
func stepName(s engine.Step) string {
	text := []rune(strings.Join(strings.Fields(s.Text), " "))
	if len(text) > maxStepText {
		text = append(text[:maxStepText:maxStepText], '…')
	}
	return fmt.Sprintf("step %d: %s", s.Number, string(text))
}
