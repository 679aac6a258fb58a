package present

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/poststack/poststack/pkg/event"
)

// github shows a run in the log of GitHub Actions: a folded group for each phase, and annotations for warnings
// and failures. Groups cannot be nested or mixed, and phases run side by side: one group is open and grows, the
// others wait until it is closed.
type github struct {
	out    io.Writer
	groups []*group // of phases that run; the first is open
	told   bool     // an error has been annotated
}

// group is what a phase has said.
type group struct {
	phase string
	begun time.Time
	held  strings.Builder // while another group is open
	ended *event.Event
}

// handle shows e.
func (g *github) handle(e event.Event) {
	at := slices.IndexFunc(g.groups, func(x *group) bool { return x.phase == e.Phase })
	switch {
	case e.Kind == event.PhaseStarted:
		g.groups = append(g.groups, &group{phase: e.Phase, begun: e.At})
		if len(g.groups) == 1 {
			g.open()
		}
	case at < 0:
		g.say(line(e, time.Time{}))
	case e.Kind == event.PhaseEnded:
		g.groups[at].ended = &e
		g.add(at, brief(e))
		if at == 0 {
			g.next()
		}
	default:
		g.add(at, e)
	}
}

// add puts what e says into the group of its phase.
func (g *github) add(at int, e event.Event) {
	text := line(e, g.groups[at].begun)
	if at == 0 {
		g.say(text)
		return
	}
	g.groups[at].held.WriteString(text)
}

// open begins the first group, with what it has said already.
func (g *github) open() {
	first := g.groups[0]
	g.say("::group::" + data(first.phase) + "\n" + first.held.String())
}

// shut ends the first group, which is open, and tells behind it how its phase ended: what is inside is folded.
func (g *github) shut() {
	first := g.groups[0]
	g.groups = g.groups[1:]
	text := "::endgroup::\n"
	if e := first.ended; e != nil {
		text += harmless(e.Phase+"  "+sentence(brief(*e))) + "\n"
		if e.Outcome == event.Failed {
			text += failure(*e)
			g.told = true
		}
	}
	g.say(text)
}

// next shuts the open group, shows those that have ended meanwhile, and opens the next one.
func (g *github) next() {
	g.shut()
	slices.SortStableFunc(g.groups, func(a, b *group) int {
		switch {
		case a.ended != nil && b.ended == nil:
			return -1
		case a.ended == nil && b.ended != nil:
			return 1
		}
		return 0
	})
	for len(g.groups) > 0 && g.groups[0].ended != nil {
		g.open()
		g.shut()
	}
	if len(g.groups) > 0 {
		g.open()
	}
}

// close ends every group, also of phases that were cut off.
func (g *github) close() {
	for len(g.groups) > 0 {
		g.next()
	}
}

// fail tells of the error that ended the run, unless a phase has told of it.
func (g *github) fail(target, text string, at event.Place) {
	if g.told {
		return
	}
	g.say(command("error", target, at, text))
}

// mask has the runner mask the secrets of a result in all that follows: a step that uses $(mage db:url) may show its
// commands. The runner reads commands from both streams, and stdout belongs to the result.
func (g *github) mask(secrets []string) {
	for _, s := range secrets {
		g.say(command("add-mask", "", event.Place{}, s))
	}
}

// say writes at once what belongs together, so that no other writer comes between.
func (g *github) say(text string) { _, _ = io.WriteString(g.out, text) }

// line is what e says within a group that began at begun.
func line(e event.Event, begun time.Time) string {
	if e.Kind == event.Warning {
		return command("warning", e.Phase, event.Place{}, e.Text)
	}
	since := ""
	if !begun.IsZero() {
		since = Duration(max(0, e.At.Sub(begun)))
	}
	var b strings.Builder
	for _, text := range append(slices.Clone(e.Detail), sentence(e)) {
		for part := range strings.Lines(harmless(text)) {
			fmt.Fprintf(&b, "%7s  %s\n", since, strings.TrimRight(part, "\n"))
		}
	}
	return b.String()
}

// brief is the end of a phase without what its annotation tells, should it have failed.
func brief(e event.Event) event.Event {
	if e.Outcome == event.Failed {
		e.Text, e.Detail, e.Log = "", nil, ""
	}
	return e
}

// failure annotates a phase that failed.
func failure(e event.Event) string {
	lines := append([]string{e.Text}, e.Detail...)
	if e.Log != "" {
		lines = append(lines, "log: "+e.Log)
	}
	return command("error", e.Phase, e.Place, strings.Join(lines, "\n"))
}

// safe is text as it may be printed: under GitHub it must not be taken for a command.
func (v *View) safe(text string) string {
	if v.github != nil {
		return harmless(text)
	}
	return text
}

// Error is err as the terminal may show it: under GitHub its text must not be taken for a command.
func (v *View) Error(err error) error {
	if v.github == nil || err == nil {
		return err
	}
	return &harmlessError{err}
}

// harmlessError is an error with another text.
type harmlessError struct{ error }

func (e *harmlessError) Error() string { return harmless(e.error.Error()) }
func (e *harmlessError) Unwrap() error { return e.error }
