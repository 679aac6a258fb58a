package present_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/present"
	"github.com/poststack/poststack/pkg/secret"
)

// actions shows events as GitHub Actions gets them, and returns what stands on stdout, on stderr and in the summary.
func actions(t *testing.T, end present.End, events ...event.Event) (stdout, stderr, summary string) {
	t.Helper()
	var out, err bytes.Buffer
	path := filepath.Join(t.TempDir(), "summary.md")
	require.NoError(t, os.WriteFile(path, []byte("of the step before\n"), 0o600))
	secrets := &secret.Set{}
	secrets.Add("pass_word")
	view := present.Open(present.Options{
		Mode: present.Auto, Target: "setup", Secrets: secrets, Stdout: &out, Stderr: &err, Getenv: func(name string) string {
			return map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": path, "CLICOLOR_FORCE": "1"}[name]
		},
	})
	for _, e := range events {
		view.Handle(e)
	}
	view.Close(end)
	text, readErr := os.ReadFile(path)
	require.NoError(t, readErr)
	return out.String(), err.String(), strings.TrimPrefix(string(text), "of the step before\n")
}

// commands are the lines that the runner takes for commands: it looks for :: at a line's beginning, and for ##[
// anywhere.
func commands(text string) []string {
	var found []string
	for _, line := range strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' }) {
		if trimmed := strings.TrimSpace(line); strings.HasPrefix(trimmed, "::") || strings.Contains(trimmed, "##[") {
			found = append(found, line)
		}
	}
	return found
}

func TestView_github_groups(t *testing.T) {
	t.Parallel()
	at := time.Now()
	started := func(phase string) event.Event {
		return event.Event{Kind: event.PhaseStarted, Phase: phase, At: at}
	}
	step := func(phase, text string) event.Event {
		return event.Event{Kind: event.Step, Phase: phase, At: at.Add(1300 * time.Millisecond), Text: text}
	}
	ended := func(phase string, outcome event.Outcome) event.Event {
		return event.Event{
			Kind: event.PhaseEnded, Phase: phase, At: at.Add(2 * time.Second),
			Elapsed: 2 * time.Second, Outcome: outcome, Text: "so it is",
		}
	}
	t.Run("phases side by side are told one after the other", func(t *testing.T) {
		t.Parallel()
		_, stderr, _ := actions(
			t, present.End{},
			started("a"), started("b"), started("c"), step("b", "of b"), step("a", "of a"), step("c", "of c"),
			ended("c", event.Unchanged), ended("a", event.Done), step("b", "more of b"), ended("b", event.Done),
		)
		assert.True(t, strings.HasPrefix(stderr, strings.Join([]string{
			"::group::a", "   1.3s  of a", "   2.0s  done in 2.0s – so it is", "::endgroup::", "a  done in 2.0s – so it is",
			"::group::c", "   1.3s  of c", "   2.0s  unchanged in 2.0s – so it is", "::endgroup::",
			"c  unchanged in 2.0s – so it is",
			"::group::b", "   1.3s  of b", "   1.3s  more of b", "   2.0s  done in 2.0s – so it is", "::endgroup::",
			"b  done in 2.0s – so it is", "",
		}, "\n")), stderr)
	})
	t.Run("a group that is open shows what is said at once", func(t *testing.T) {
		t.Parallel()
		var err bytes.Buffer
		view := present.Open(present.Options{Mode: present.GitHub, Stdout: &err, Stderr: &err, Getenv: func(string) string {
			return ""
		}})
		view.Handle(started("a"))
		view.Handle(step("a", "waiting for another run"))
		assert.Contains(t, err.String(), "waiting for another run")
		view.Close(present.End{})
	})
	t.Run("all are closed on an interrupt", func(t *testing.T) {
		t.Parallel()
		_, stderr, summary := actions(
			t, present.End{Err: errors.New("interrupted by SIGTERM"), Status: 143},
			started("a"), started("b"), step("a", "of a"), step("b", "of b"),
		)
		assert.Equal(t,
			[]string{"::group::a", "::endgroup::", "::group::b", "::endgroup::", "::error title=setup::interrupted by SIGTERM"},
			commands(stderr))
		assert.Contains(t, stderr, "of b")
		assert.Contains(t, summary, "cancelled")
	})
	t.Run("what belongs to no phase stands by itself", func(t *testing.T) {
		t.Parallel()
		_, stderr, _ := actions(
			t, present.End{},
			event.Event{Kind: event.Notice, Text: "removed what a run left"},
			event.Event{Kind: event.Warning, Text: "bin/poststack is old"},
		)
		assert.Equal(t, "         removed what a run left\n::warning::bin/poststack is old\n", stderr)
	})
}

func TestView_github_annotates(t *testing.T) {
	t.Parallel()
	failed := event.Event{
		Kind: event.PhaseEnded, Phase: "schema:update", Outcome: event.Failed, Log: "logs/database/u.log",
		Text: "changelogs/050_a,b.sql:2: \x1b[31msyntax error\x1b[0m at or near \"oops\": share text default " +
			"'100%'\r\nnext",
		Detail: []string{"Nothing was changed."}, Place: event.Place{File: "changelogs/050_a,b:c.sql", Line: 2},
	}
	_, stderr, summary := actions(
		t, present.End{Err: errors.New("schema:update: it failed"), Status: 6},
		event.Event{Kind: event.PhaseStarted, Phase: "schema:update"},
		event.Event{Kind: event.Warning, Phase: "schema:update", Text: "50%\nof it"}, failed,
	)
	assert.Equal(t, []string{
		"::group::schema:update",
		"::warning title=schema%3Aupdate::50%25%0Aof it",
		"::endgroup::",
		"::error file=changelogs/050_a%2Cb%3Ac.sql,line=2,title=schema%3Aupdate::changelogs/050_a,b.sql:2: syntax error at " +
			"or near \"oops\": share text default '100%25'%0Anext%0ANothing was changed.%0Alog: logs/database/u.log",
	}, commands(stderr), "the failure is told once, in one line")
	assert.NotContains(t, stderr, "\x1b", "no colours")
	assert.Contains(t, summary, "| schema:update | failed |")
	assert.Contains(t, summary, "**Exit status 6**: schema:update: it failed")
	assert.Contains(t, summary, "<pre>Nothing was changed.</pre>")
}

func TestView_github_obeys_nobody_else(t *testing.T) {
	t.Parallel()
	attacks := []string{
		"::error::owned", "  ::set-output name=x::owned", "\t::stop-commands::x", "\u00a0::debug::owned",
		"\u200b::warning::owned", ":\u200b:error::owned",
		"##[error]owned", "innocent ##[add-mask]text", "#\u00ad#[group]x", "one\n::error::two", "one\r::error::two",
		"one\r\n##[endgroup]", "\x1b[0m::error::owned",
		"\x1b::error::owned", "\uFEFF::error::owned", "::endgroup::", "\x00::error::owned",
	}
	for _, text := range attacks {
		stdout, stderr, summary := actions(
			t, present.End{Err: errors.New(text), Status: 1},
			event.Event{Kind: event.PhaseStarted, Phase: "build:base"},
			event.Event{Kind: event.Step, Phase: "build:base", Text: text},
			event.Event{Kind: event.Notice, Text: text},
			event.Event{Kind: event.PhaseEnded, Phase: "build:base", Outcome: event.Done, Text: text},
			event.Event{Kind: event.PhaseStarted, Phase: "verify:db"},
			event.Event{Kind: event.PhaseEnded, Phase: "verify:db", Outcome: event.Failed, Text: text, Detail: []string{text}},
			event.Event{
				Kind: event.Result, Report: &event.Report{Text: text, Header: []string{"file"}, Rows: [][]string{{text}}},
			},
		)
		got := commands(stderr)
		require.Len(t, got, 5, "%q: %q", text, got)
		for i, want := range []string{
			"::group::build:base", "::endgroup::", "::group::verify:db", "::endgroup::", "::error title=verify%3Adb::",
		} {
			assert.True(t, strings.HasPrefix(got[i], want), "%q: %q", text, got[i])
		}
		assert.Empty(t, commands(stdout), "%q on stdout", text)
		assert.NotContains(t, summary, "\x1b")
	}
	t.Run("mage prints the error itself", func(t *testing.T) {
		t.Parallel()
		view := present.Open(present.Options{
			Mode: present.GitHub, Stdout: &bytes.Buffer{}, Stderr: &bytes.Buffer{}, Getenv: func(string) string { return "" },
		})
		cause := errors.New("build ##[error]x\n::error::y")
		err := view.Error(cause)
		assert.Empty(t, commands(err.Error()))
		require.ErrorIs(t, err, cause)
		assert.NoError(t, view.Error(nil))
	})
}

func TestView_github_results(t *testing.T) {
	t.Parallel()
	stdout, stderr, summary := actions(
		t, present.End{Err: errors.New("sign in with pass_word"), Status: 5},
		event.Event{Kind: event.Result, Report: &event.Report{Text: "postgres://app:pass_word@h/d"}},
		event.Event{Kind: event.Result, Report: &event.Report{
			Header: []string{"setting", "value"}, Rows: [][]string{{"a|b", "<img src=x> *pass_word* [x](y)"}},
		}},
	)
	assert.True(t, strings.HasPrefix(stdout, "postgres://app:pass_word@h/d\n"), "what was asked for is printed as it is")
	assert.Equal(t, "::add-mask::pass_word\n::error title=setup::sign in with [redacted]\n",
		stderr, "the runner masks it in what follows")
	assert.NotContains(t, summary, "word@")
	assert.Contains(t, summary, "<pre>postgres://app:[redacted]@h/d</pre>")
	assert.Contains(t, summary, `| a\|b | &lt;img src=x&gt; \*\[redacted\]\* \[x\](y) |`)
}

func TestView_github_is_chosen(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		mode    present.Mode
		actions string
		want    bool
	}{
		{"under GitHub Actions", present.Auto, "true", true},
		{"elsewhere it is not", present.Auto, "", false},
		{"nor for another value", present.Auto, "1", false},
		{"asked for, it is chosen anywhere", present.GitHub, "", true},
		{"another mode that was asked for wins", present.Plain, "true", false},
		{"quiet stays quiet", present.Quiet, "true", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var err bytes.Buffer
			summary := filepath.Join(t.TempDir(), "summary.md")
			view := present.Open(present.Options{
				Mode: tc.mode, Stdout: &bytes.Buffer{}, Stderr: &err, Getenv: func(name string) string {
					return map[string]string{"GITHUB_ACTIONS": tc.actions, "GITHUB_STEP_SUMMARY": summary}[name]
				},
			})
			view.Handle(event.Event{Kind: event.PhaseStarted, Phase: "a"})
			view.Close(present.End{})
			assert.Equal(t, tc.want, strings.Contains(err.String(), "::group::a"), err.String())
			if !tc.want {
				assert.NoFileExists(t, summary)
			}
		})
	}
}
