package render_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/template"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/agent/render"
	"github.com/poststack/poststack/pkg/agent/rows"
)

var (
	errRefused = errors.New("refused")
	errNoDisk  = errors.New("no space left")
)

// site is an applier with one file for each domain, and a list of all.
type site struct {
	*testing.T
	render.Applier
	dir    string
	checks int
	// names: whether the checker says which file it refuses. It refuses those with "bad" in them.
	names bool
	fail  error // of every check
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{T: t, dir: filepath.Join(t.TempDir(), "live"), names: true}
	parse := func(text string) *template.Template {
		return template.Must(template.New("x").Option("missingkey=error").Funcs(template.FuncMap{
			"refuse": func(v string) (string, error) {
				if strings.HasPrefix(v, "worse") {
					return "", fmt.Errorf("%q is worse", v)
				}
				return v, nil
			},
		}).Parse(text))
	}
	s.Outputs = []render.Output{
		{
			Name: "site", Each: "domains", Path: parse("{{with .row.name}}sites/{{.}}{{end}}"),
			Body: parse("{{refuse .row.text}}"),
		},
		{Name: "list", Path: parse("list"), Body: parse("{{range .domains}}{{.name}}={{.text}}\n{{end}}")},
	}
	s.Refused = func(err error) bool { return errors.Is(err, errRefused) }
	s.Check = func(_ context.Context, stage string, _ []render.Change) (string, error) {
		s.checks++
		if s.fail != nil {
			return "", s.fail
		}
		found, err := filepath.Glob(filepath.Join(stage, "sites", "*"))
		require.NoError(t, err)
		for _, path := range found {
			content, err := os.ReadFile(path)
			require.NoError(t, err)
			if !strings.Contains(string(content), "bad") {
				continue
			}
			if s.names {
				return "[emerg] unknown directive in " + path + ":1", errRefused
			}
			return "something is wrong", errRefused
		}
		return "", nil
	}
	require.NoError(t, s.Open(s.dir))
	return s
}

// apply applies name, text, name, text… and gives what is there then, by name.
func (s *site) apply(pairs ...string) (render.Result, map[string]string) {
	s.Helper()
	res, err := s.try(pairs...)
	require.NoError(s, err)
	return res, s.files()
}

func (s *site) try(pairs ...string) (render.Result, error) {
	s.Helper()
	list := []string{}
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, fmt.Sprintf(`{"name":%q,"text":%q}`, pairs[i], pairs[i+1]))
	}
	domains, err := rows.Parse([]byte("["+strings.Join(list, ",")+"]"), "name")
	require.NoError(s, err)
	return s.Apply(s.Context(), rows.Set{"domains": domains})
}

// files are those that the daemon sees.
func (s *site) files() map[string]string {
	s.Helper()
	out := map[string]string{}
	found, err := filepath.Glob(filepath.Join(s.dir, "sites", "*"))
	require.NoError(s, err)
	for _, path := range append(found, filepath.Join(s.dir, "list")) {
		content, err := os.ReadFile(path)
		require.NoError(s, err)
		out[filepath.Base(path)] = string(content)
	}
	entries, err := os.ReadDir(s.dir)
	require.NoError(s, err)
	assert.Len(s, entries, min(len(found), 1)+1+s.emptied(found), "nothing else is there")
	return out
}

// emptied is 1 if the directory of the sites is there without a site.
func (s *site) emptied(found []string) int {
	_, err := os.Stat(filepath.Join(s.dir, "sites"))
	if len(found) == 0 && err == nil {
		return 1
	}
	return 0
}

func leftOut(res render.Result) []string {
	out := []string{}
	for _, row := range res.LeftOut {
		out = append(out, fmt.Sprintf("%s %s kept=%t", row.Query, row.Key, row.Kept))
	}
	return out
}

func TestApplier(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	res, files := s.apply("a", "1", "b", "2")
	assert.Equal(t, []render.Change{{render.Added, "list"}, {render.Added, "sites/a"}, {render.Added, "sites/b"}},
		res.Changed)
	assert.Equal(t, map[string]string{"a": "1", "b": "2", "list": "a=1\nb=2\n"}, files)
	assert.Equal(t, 1, s.checks)

	res, _ = s.apply("a", "1", "b", "2")
	assert.Empty(t, res.Changed)
	assert.Equal(t, 1, s.checks, "what has not changed is not checked")

	res, files = s.apply("b", "3")
	assert.Equal(t, []render.Change{{render.Changed, "list"}, {render.Removed, "sites/a"}, {render.Changed, "sites/b"}},
		res.Changed)
	assert.Equal(t, map[string]string{"b": "3", "list": "b=3\n"}, files)
}

func TestApplier_leaves_out_bad_rows(t *testing.T) {
	t.Parallel()
	for _, names := range []bool{true, false} {
		t.Run(fmt.Sprintf("the checker names files: %t", names), func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.names = names
			res, files := s.apply("a", "1", "b", "bad", "c", "3", "d", "worse", "e", "bad")
			assert.Equal(t, map[string]string{"a": "1", "c": "3", "list": "a=1\nc=3\n"}, files, "nor are they in the list")
			assert.Equal(t, []string{"domains b kept=false", "domains d kept=false", "domains e kept=false"}, leftOut(res))
			require.ErrorContains(t, res.LeftOut[1].Err, `"worse" is worse`)
			assert.Len(t, res.Rows["domains"], 2)

			before := s.checks
			res, files = s.apply("a", "1", "b", "bad", "c", "4", "d", "worse", "e", "bad")
			assert.Equal(t, "4", files["c"])
			assert.Equal(t, before+1, s.checks, "what was refused is not tried again and again")
			assert.Len(t, res.LeftOut, 3)

			res, files = s.apply("a", "1", "b", "2", "c", "4", "d", "5", "e", "6")
			assert.Empty(t, res.LeftOut)
			assert.Equal(t, "a=1\nb=2\nc=4\nd=5\ne=6\n", files["list"])
		})
	}
}

func TestApplier_keeps_the_last_good_version_of_a_row(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"bad", "worse"} {
		t.Run(bad, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.apply("a", "1", "b", "2")
			res, files := s.apply("a", bad, "b", "3", "c", "4")
			assert.Equal(t, map[string]string{"a": "1", "b": "3", "c": "4", "list": "a=1\nb=3\nc=4\n"}, files)
			assert.Equal(t, []string{"domains a kept=true"}, leftOut(res))

			res, files = s.apply("a", bad+" again", "b", "3", "c", "4")
			assert.Equal(t, "1", files["a"], "it stays")
			assert.Equal(t, []string{"domains a kept=true"}, leftOut(res))

			res, files = s.apply("b", "3", "c", "4")
			assert.NotContains(t, files, "a", "a row that goes is gone")
			assert.Empty(t, res.LeftOut)
		})
	}
}

func TestApplier_finds_many_bad_rows(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	var pairs, good []string
	for i := range 200 {
		name, text := fmt.Sprintf("n%03d", i), "ok"
		if i < 30 {
			text = "bad"
		} else {
			good = append(good, name)
		}
		pairs = append(pairs, name, text)
	}
	_, files := s.apply(pairs...)
	delete(files, "list")
	assert.Equal(t, good, slices.Sorted(maps.Keys(files)))
	assert.LessOrEqual(t, s.checks, 70)
}

func TestApplier_keeps_everything_when_no_row_is_to_blame(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.apply("a", "1")
	for _, err := range []error{errNoDisk, errRefused} {
		s.fail = err
		_, got := s.try("a", "2", "b", "3")
		require.ErrorIs(t, got, err)
		assert.Equal(t, map[string]string{"a": "1", "list": "a=1\n"}, s.files())
	}
	s.fail = nil
	res, files := s.apply("a", "2", "b", "3")
	assert.Equal(t, map[string]string{"a": "2", "b": "3", "list": "a=2\nb=3\n"}, files,
		"and nothing is held against the rows")
	assert.Empty(t, res.LeftOut)
}

func TestApplier_keeps_rows_in_their_place(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	outside := filepath.Join(filepath.Dir(s.dir), "outside")
	long := strings.Repeat("x", 300)
	res, files := s.apply("../../outside", "evil", "/etc/x", "evil", "", "no file", "..", "evil", "a\nb", "evil", "ok",
		"1", "a/../ok", "evil", long, "1")
	assert.Equal(t, "1", files["ok"])
	assert.NoFileExists(t, outside)
	assert.Len(t, res.LeftOut, 6, "%q", leftOut(res))
}

func TestApplier_of_a_template_that_fails(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.apply("a", "1")
	s.Outputs[1].Body = template.Must(template.New("list").Option("missingkey=error").Parse("{{.nothing}}"))
	_, err := s.try("a", "2")
	require.ErrorContains(t, err, "nothing")
	assert.Equal(t, "1", s.files()["a"])
}

func TestApplier_Forget(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.apply("a", "bad")
	accept := s.Check
	s.Check = func(context.Context, string, []render.Change) (string, error) { return "", nil }
	res, _ := s.apply("a", "bad")
	assert.Len(t, res.LeftOut, 1)
	s.Forget()
	res, files := s.apply("a", "bad")
	assert.Empty(t, res.LeftOut)
	assert.Equal(t, "bad", files["a"])

	s.Check = accept
	s.Forget()
	_, files = s.apply("a", "bad", "b", "1")
	assert.NotContains(t, files, "a", "what was good once and is refused now goes")
}

func TestApplier_blames_the_row_that_others_use(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	parse := s.Outputs[0].Body.New
	s.Outputs = []render.Output{
		{Name: "settings", Each: "settings", Body: template.Must(parse("s").Parse("{{refuse .row.text}}"))},
		{
			Name: "site", Each: "domains", Path: s.Outputs[0].Path,
			Body: template.Must(parse("d").Parse("{{range .settings}}{{refuse .text}}{{end}}")),
		},
		s.Outputs[1],
	}
	apply := func(setting string) (render.Result, map[string]string) {
		t.Helper()
		settings, err := rows.Parse([]byte(`[{"name":"hsts","text":"`+setting+`"}]`), "name")
		require.NoError(t, err)
		domains, err := rows.Parse([]byte(`[{"name":"a","text":""},{"name":"b","text":""}]`), "name")
		require.NoError(t, err)
		res, err := s.Apply(t.Context(), rows.Set{"settings": settings, "domains": domains})
		require.NoError(t, err)
		return res, s.files()
	}
	res, files := apply("worse")
	assert.Equal(t, []string{"settings hsts kept=false"}, leftOut(res))
	assert.Len(t, files, 3)
	_, files = apply("good")
	assert.Equal(t, "good", files["a"])
	res, files = apply("worse again")
	assert.Equal(t, []string{"settings hsts kept=true"}, leftOut(res))
	assert.Equal(t, "good", files["a"])
}

func TestApplier_finds_the_setting_that_makes_files_bad(t *testing.T) {
	t.Parallel()
	for _, names := range []bool{true, false} {
		s := newSite(t)
		s.names = names
		s.Outputs[0].Body = template.Must(template.New("d").Parse("{{.row.text}}{{range .settings}}{{.text}}{{end}}"))
		apply := func(setting, text string) (render.Result, map[string]string) {
			t.Helper()
			settings, err := rows.Parse([]byte(`[{"name":"hsts","text":"`+setting+`"}]`), "name")
			require.NoError(t, err)
			domains, err := rows.Parse([]byte(`[{"name":"a","text":"1"},{"name":"b","text":"`+text+`"}]`), "name")
			require.NoError(t, err)
			res, err := s.Apply(t.Context(), rows.Set{"settings": settings, "domains": domains})
			require.NoError(t, err)
			return res, s.files()
		}
		apply("good", "1")
		res, files := apply("bad", "1")
		assert.Equal(t, []string{"settings hsts kept=true"}, leftOut(res))
		assert.Equal(t, "1good", files["a"])

		res, files = apply("bad", "bad")
		assert.Equal(t, []string{"domains b kept=true", "settings hsts kept=true"}, leftOut(res))
		assert.Equal(t, "1good", files["b"])
		res, files = apply("fine", "2")
		assert.Empty(t, res.LeftOut)
		assert.Equal(t, "2fine", files["b"])
	}
}

func TestApplier_tries_again_when_other_rows_have_changed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.Outputs[0].Body = template.Must(template.New("d").Parse("{{.row.text}}{{range .words}}{{.text}}{{end}}"))
	apply := func(word string) []string {
		t.Helper()
		words, err := rows.Parse([]byte(`[{"text":"`+word+`"}]`), "") // rows without a key cannot be left out
		require.NoError(t, err)
		domains, err := rows.Parse([]byte(`[{"name":"a","text":"ba"},{"name":"b","text":"1"}]`), "name")
		require.NoError(t, err)
		res, err := s.Apply(t.Context(), rows.Set{"words": words, "domains": domains})
		require.NoError(t, err)
		return leftOut(res)
	}
	assert.Equal(t, []string{"domains a kept=false"}, apply("d"))
	assert.Empty(t, apply("c"))
}

func TestApplier_blames_nobody_when_the_checker_does_not_answer(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.names = false
	s.apply("a", "1", "b", "2")
	check := s.Check
	s.Check = func(ctx context.Context, stage string, changed []render.Change) (string, error) {
		out, err := check(ctx, stage, changed)
		if s.checks > 4 { // it gives up in the middle of the search
			return "", errNoDisk
		}
		return out, err
	}
	_, err := s.try("a", "3", "b", "bad", "c", "4", "d", "5")
	require.ErrorIs(t, err, errNoDisk)
	assert.Equal(t, map[string]string{"a": "1", "b": "2", "list": "a=1\nb=2\n"}, s.files())
	s.Check = check
	res, files := s.apply("a", "3", "b", "bad", "c", "4", "d", "5")
	assert.Equal(t, []string{"domains b kept=true"}, leftOut(res))
	assert.Equal(t, "a=3\nb=2\nc=4\nd=5\n", files["list"])
}

func TestApplier_remembers_what_an_earlier_run_served(t *testing.T) {
	t.Parallel()
	earlier := newSite(t)
	res, _ := earlier.apply("a", "1", "b", "2")
	s := newSite(t)
	s.Remember(res.Rows)
	res, files := s.apply("a", "bad", "b", "3")
	assert.Equal(t, map[string]string{"a": "1", "b": "3", "list": "a=1\nb=3\n"}, files)
	assert.Equal(t, []string{"domains a kept=true"}, leftOut(res))

	s = newSite(t) // what was good then is refused now
	s.names = false
	set, err := rows.Parse([]byte(`[{"name":"a","text":"bad before"}]`), "name")
	require.NoError(t, err)
	s.Remember(rows.Set{"domains": set})
	res, files = s.apply("a", "bad", "b", "3")
	assert.Equal(t, map[string]string{"b": "3", "list": "b=3\n"}, files)
	assert.Equal(t, []string{"domains a kept=false"}, leftOut(res))
}
