package report_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/inventory"
	"github.com/poststack/poststack/pkg/present"
	"github.com/poststack/poststack/pkg/present/report"
)

// began is when the set-ups of these tests began.
func began() time.Time { return time.Date(2026, 11, 25, 9, 9, 0, 0, time.UTC) }

// phase is a phase that began and took some seconds.
func phase(name string, after, took float64, outcome event.Outcome, steps ...string) present.Phase {
	at := began().Add(time.Duration(after * float64(time.Second)))
	p := present.Phase{Name: name, Started: at, Seconds: took, Outcome: outcome}
	for i, text := range steps {
		p.Steps = append(p.Steps, present.Step{
			Started: at.Add(time.Duration(float64(i) * took / float64(len(steps)) * float64(time.Second))), Text: text,
		})
	}
	return p
}

func setup(took float64, outcome event.Outcome, phases ...present.Phase) *present.Document {
	return &present.Document{
		Version: present.DocumentVersion, Target: "setup", Started: began(), Seconds: took, Outcome: outcome, Phases: phases,
	}
}

// stock is an inventory of two images and a database.
func stock() inventory.Inventory {
	return inventory.Inventory{
		Taken: began(), Stack: "shop-1a2b3c",
		Versions: []inventory.Version{{Of: "podman", Version: "4.3.1", From: "the engine"}},
		Images: []inventory.Image{
			{
				Name: "base-debian", ID: "sha256:1", Current: true, SizeBytes: 150e6,
				Layers: []inventory.Layer{
					{Instruction: "RUN install", SizeBytes: 100e6}, {Instruction: "COPY a /b", SizeBytes: 50e6},
				},
				Packages: []inventory.Package{
					{Name: "coreutils", Version: "9.1", SizeBytes: 60e6}, {Name: "bash", Version: "5.2", SizeBytes: 20e6},
				},
			},
			{
				Name: "postgres", Parent: "base-debian", ID: "sha256:2", SizeBytes: 400e6,
				Layers: []inventory.Layer{
					{Instruction: "RUN install", SizeBytes: 150e6, Inherited: true}, {Instruction: "RUN postgres", SizeBytes: 250e6},
				},
				Packages: []inventory.Package{
					{Name: "postgresql-15", Version: "15.20", SizeBytes: 90e6},
					{Name: "coreutils", Version: "9.1", SizeBytes: 60e6, Inherited: true},
				},
			},
			{Name: "mail", Description: "not built yet"},
		},
		Database: inventory.Database{
			URL: "postgresql://poststack@127.0.0.1:5432/poststack", Answers: "yes", Encoding: "UTF8",
		},
		Schema: inventory.Schema{State: "outdated (1 pending)", Changesets: []inventory.Changeset{
			{File: "001.sql", ID: "001", State: "applied"}, {File: "002.sql", ID: "002", State: "pending"},
		}},
	}
}

// draw is the page as text.
func draw(t *testing.T, r report.Report) string {
	t.Helper()
	var page bytes.Buffer
	require.NoError(t, report.Render(&page, r))
	return page.String()
}

// shares are the numbers that must lie within the chart: every percentage of the page.
func shares(t *testing.T, page string) []float64 {
	t.Helper()
	var list []float64
	for _, m := range regexp.MustCompile(`(?:x|x1|x2|width)="([^"]*)%"`).FindAllStringSubmatch(page, -1) {
		n, err := strconv.ParseFloat(m[1], 64)
		require.NoError(t, err, m[0])
		list = append(list, n)
	}
	return list
}

func TestRender(t *testing.T) {
	t.Parallel()
	overlapping := setup(10, event.Done,
		phase("build:postgres", 0, 8, event.Done, "step 1: FROM a (cached)", "step 2: RUN b"),
		phase("build:liquibase", 1, 9, event.Done, "waiting for another process that builds liquibase", "step 1: FROM a"))
	failed := setup(3, event.Failed, phase("build:base", 0, 3, event.Failed, "step 1: RUN false"))
	failed.Error, failed.Phases[0].Text, failed.Phases[0].Detail = "build:base: exit status 1", "exit status 1",
		[]string{"no such file"}
	failed.Phases[0].Log = "logs/containers/base.log"
	backwards := setup(2, event.Done, phase("build:base", -5, 30, event.Done, "x"))
	for name, tc := range map[string]struct {
		doc  *present.Document
		want []string
		not  []string
	}{
		"no setup": {
			nil, []string{"No setup has been recorded in this checkout", "mage setup"}, []string{`id="timeline-title"`},
		},
		"an empty document": {
			&present.Document{Version: 1},
			[]string{"The last setup did not end", "before its first phase"},
			[]string{`id="timeline-title"`},
		},
		"phases side by side": {overlapping, []string{
			"The last setup took 10.0s", "build:postgres", "build:liquibase", "from the cache", "waited", "step 2: RUN b",
		}, nil},
		"a failure": {
			failed,
			[]string{"The last setup failed after 3.0s", "no such file", "logs/containers/base.log", "c-failed"},
			[]string{">waited<"},
		},
		"an interrupt": {
			setup(4, event.Cancelled, phase("build:base", 0, 0, "", "step 1: RUN sleep")),
			[]string{"was interrupted after 4.0s", "did not end, 4.0s"},
			nil,
		},
		"nothing to do": {
			setup(0.3, event.Unchanged, phase("build:base", 0, 0.1, event.Unchanged)),
			[]string{"Nothing had changed", "unchanged, 100ms"},
			nil,
		},
		"no time at all":   {setup(0, event.Done, phase("build:base", 0, 0, event.Done)), []string{"done, 0s"}, nil},
		"a clock set back": {backwards, []string{"done, 30.0s"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			page := draw(t, report.Report{Setup: tc.doc, Inventory: stock()})
			for _, text := range tc.want {
				assert.Contains(t, page, text)
			}
			for _, text := range tc.not {
				assert.NotContains(t, page, text)
			}
			for _, share := range shares(t, page) {
				assert.GreaterOrEqual(t, share, 0.0)
				assert.LessOrEqual(t, share, 100.001)
			}
			assert.NotContains(t, page, "ZgotmplZ", "html/template refused a value")
			assert.NotContains(t, page, "NaN")
		})
	}
}

func TestRender_services(t *testing.T) {
	t.Parallel()
	inv := stock()
	none := draw(t, report.Report{Inventory: inv})
	assert.NotContains(t, none, `id="services"`)
	assert.NotContains(t, none, `id="served"`)
	days, ended := 20, -2
	inv.Services = []inventory.Service{
		{
			Name: "nginx", State: "serving", Health: inventory.Impaired,
			Summary: "serving; 1 row not served as it is", Tells: [][2]string{{"left out", `domains "b.org": bad`}},
		},
		{Name: "bind", State: "serving", Health: inventory.Well},
		{Name: "dovecot", State: "not there", Health: inventory.Down},
	}
	inv.Domains = []inventory.Domain{{Name: "example.org", Serves: "mail, web", Accounts: 17, Certificates: 2}}
	inv.Certificates = []inventory.Certificate{
		{
			Name: "example.org", Names: []string{"example.org", "www.example.org"}, Status: "issued",
			DaysLeft: &days, NotAfter: began().Add(20 * 24 * time.Hour), Served: "nginx",
		},
	}
	page := draw(t, report.Report{Inventory: inv})
	for _, text := range []string{
		"1 of 3 well", "certificates: the first ends in 20 days", `<span class="badge cancelled">serving</span>`,
		`<span class="badge failed">not there</span>`,
		"serving; 1 row not served as it is", "<dt>left out</dt><dd>domains &#34;b.org&#34;: bad</dd>", ">17</td>",
		"disabled", "example.org, www.example.org", "2026-12-15",
	} {
		assert.Contains(t, page, text)
	}
	inv.Certificates[0].DaysLeft, inv.Certificates[0].Wrong, inv.Certificates[0].More = &ended, true, "it has ended"
	page = draw(t, report.Report{Inventory: inv})
	assert.Contains(t, page, "1 certificate to look after")
	assert.Contains(t, page, `<td class="num">ended</td>`)
	assert.Contains(t, page, "it has ended")
}

func TestRender_inventory(t *testing.T) {
	t.Parallel()
	page := draw(t, report.Report{Inventory: stock()})
	for _, text := range []string{
		"400\u00a0MB on disk in all", "250\u00a0MB added to 150\u00a0MB from base-debian", "postgresql-15",
		"files of no package",
		"1 applied, 1 pending", "1 pending", "127.0.0.1:5432/poststack", "not built", "outdated",
	} {
		assert.Contains(t, page, text)
	}
	empty := draw(t, report.Report{Inventory: inventory.Inventory{Problems: []string{"no engine works"}}})
	assert.Contains(t, empty, "What could not be looked at")
	assert.Contains(t, empty, "Nothing is known of the images")
}

// hostile is text that is markup, script or style in one place or another.
const hostile = `"><script>alert(1)</script><img src=x onerror=alert(1)>'</title></style></svg>` +
	`<style>*{display:none}</style>{{.}}` +
	"\x00\x1b[31m javascript:alert(1)"

func TestRender_hostile(t *testing.T) {
	t.Parallel()
	doc := setup(1, hostile, phase(hostile, 0, 1, hostile, hostile, "waiting "+hostile))
	doc.Error, doc.Log, doc.Target = hostile, hostile, hostile
	p := &doc.Phases[0]
	p.Text, p.Log, p.Detail = hostile, hostile, []string{hostile}
	p.Data = map[string]any{"steps": []map[string]any{{"text": hostile}}}
	doc.Messages = []present.Message{{Kind: hostile, Phase: hostile, Text: hostile}}
	inv := inventory.Inventory{
		Stack: hostile, Problems: []string{hostile},
		Versions: []inventory.Version{{Of: hostile, Version: hostile, From: hostile}},
		Images: []inventory.Image{{
			Name: hostile, Description: hostile, Parent: hostile, ID: hostile, SizeBytes: 10,
			Layers:   []inventory.Layer{{Instruction: hostile, SizeBytes: 10}},
			Packages: []inventory.Package{{Name: hostile, Version: hostile, SizeBytes: 10}},
		}},
		Database: inventory.Database{URL: hostile, Answers: hostile, Encoding: hostile, TLS: hostile, User: hostile},
		Schema: inventory.Schema{
			State: hostile, Changelog: hostile, Problem: hostile,
			Changesets: []inventory.Changeset{{File: hostile, ID: hostile, State: hostile}},
		},
	}
	page := draw(t, report.Report{Setup: doc, Inventory: inv})
	for _, markup := range []string{"<script", "<img", "</title></style>", "<style>*"} {
		assert.NotContains(t, page, markup)
	}
	assert.Equal(t, 1, strings.Count(page, "<style"), "only the page's own")
	assert.Equal(t, 1, strings.Count(page, "</html>"))
	assert.NotContains(t, page, "ZgotmplZ")
	assert.Regexp(t, `default-src &#39;none&#39;|default-src 'none'`, page)
}

// TestRender_example holds the page of a whole set-up to what it was; UPDATE=1 writes it anew.
func TestRender_example(t *testing.T) {
	t.Parallel()
	doc, err := report.ReadSetup(example(t))
	require.NoError(t, err)
	require.NotNil(t, doc)
	page := draw(t, report.Report{Setup: doc, Inventory: stock()})
	// how it looks is for the browser
	page = regexp.MustCompile(`(?s)<style>.*</style>|sha256-[^']*`).ReplaceAllString(page, "")
	golden := filepath.Join("testdata", "example.html")
	if os.Getenv("UPDATE") != "" {
		require.NoError(t, os.WriteFile(golden, []byte(page), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	assert.Equal(t, string(want), page, "UPDATE=1 go test ./pkg/present/report takes the new page over; look at it first")
}

// example is a directory of logs with the set-up of testdata.
func example(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "setup.json"))
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, report.SetupFile), text, 0o600))
	return dir
}

func TestReadSetup(t *testing.T) {
	t.Parallel()
	t.Run("none", func(t *testing.T) {
		t.Parallel()
		doc, err := report.ReadSetup(t.TempDir())
		require.NoError(t, err)
		assert.Nil(t, doc)
	})
	for name, text := range map[string]string{"half a file": `{"version":1,`, "another version": `{"version":2}`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, report.SetupFile), []byte(text), 0o600))
			_, err := report.ReadSetup(dir)
			assert.ErrorContains(t, err, "the next mage setup writes it again")
		})
	}
	t.Run("what a run keeps", func(t *testing.T) {
		t.Parallel()
		dir, want := t.TempDir(), setup(1, event.Done, phase("build:base", 0, 1, event.Done, "step 1"))
		require.NoError(t, want.Keep(filepath.Join(dir, report.SetupFile), nil))
		got, err := report.ReadSetup(dir)
		require.NoError(t, err)
		assert.Equal(t, encoded(t, want), encoded(t, got))
	})
}

func encoded(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	require.NoError(t, err)
	return string(text)
}

func TestWrite(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, err := report.Write(dir, report.Report{Inventory: stock()})
	require.NoError(t, err)
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm(), "like the logs")
	_, err = report.Write(filepath.Join(dir, "none"), report.Report{})
	assert.ErrorContains(t, err, "write report")
}
