package browser_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/inventory"
	"github.com/poststack/poststack/pkg/present"
	"github.com/poststack/poststack/pkg/present/report"
)

// looks are the pages' widths and colours.
func looks() []look {
	return []look{
		{"wide-light", 1280, 900, false},
		{"wide-dark", 1280, 900, true},
		{"phone-light", 360, 740, false},
		{"phone-dark", 360, 740, true},
	}
}

// write draws a report and returns its path.
func write(t *testing.T, r report.Report) string {
	t.Helper()
	path, err := report.Write(t.TempDir(), r)
	require.NoError(t, err)
	return path
}

// example is the report of the set-up that the unit tests of the report use.
func example(t *testing.T) report.Report {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "pkg", "present", "report", "testdata", "setup.json"))
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, report.SetupFile), text, 0o600))
	doc, err := report.ReadSetup(dir)
	require.NoError(t, err)
	packages := []inventory.Package{
		{Name: "libllvm14", Version: "1:14.0.6-12", SizeBytes: 110e6},
		{Name: "postgresql-15", Version: "15.20", SizeBytes: 55e6},
		{Name: "coreutils", Version: "9.1", SizeBytes: 18e6, Inherited: true},
		{Name: "libc6", Version: "2.36", SizeBytes: 13e6, Inherited: true},
	}
	return report.Report{Setup: doc, Inventory: inventory.Inventory{
		Taken: time.Date(2026, 11, 25, 9, 20, 0, 0, time.UTC), Stack: "shop-1a2b3c",
		Versions: []inventory.Version{{Of: "liquibase", Version: "4.28.0", From: "containers/liquibase/image.yaml"}},
		Images: []inventory.Image{{
			Name: "postgres", Parent: "base-debian", ID: "sha256:1", Current: true, SizeBytes: 400e6, Packages: packages,
			Layers: []inventory.Layer{
				{Instruction: "RUN install-packages bash", SizeBytes: 150e6, Inherited: true},
				{Instruction: "RUN install-packages postgresql", SizeBytes: 250e6},
			},
		}},
		Database: inventory.Database{
			URL: "postgresql://poststack@127.0.0.1:5432/poststack?sslmode=disable", Answers: "yes", Encoding: "UTF8",
		},
		Schema: inventory.Schema{
			State: "outdated (1 pending)", Changelog: "changelogs/db.changelog-root.yaml", Changesets: []inventory.Changeset{
				{File: "001_functions.sql", ID: "001-touch", State: "applied"},
				{File: "002_domains.sql", ID: "002-domains", State: "pending"},
			},
		},
		Services: services(), Domains: []inventory.Domain{
			{
				Name: "example.org", Serves: "mail, web, dns", Enabled: true,
				Zone: "example.org", Accounts: 2, Aliases: 1, Certificates: 1,
			},
			{Name: "a-rather-long-name-of-a-domain.example.net", Serves: "web"},
		},
		Certificates: certificates(),
	}}
}

// services are one of each health.
func services() []inventory.Service {
	return []inventory.Service{
		{
			Name: "nginx", State: "serving", Health: inventory.Impaired,
			Summary: "serving; with rows of the database of 2 minutes ago; 1 row not served as it is: see mage services:status",
			Tells: [][2]string{
				{"port", "8443 on 127.0.0.1:8443"},
				{"last render", "2 minutes ago"},
				{"last change", "update 3 in domains, 2 minutes ago"},
				{"as it last was", `domains "shop.example.org": upstream "http://[::1": not an address`},
				{"certificate", "example.org: example.org, www.example.org, 12 weeks left"},
			},
		},
		{
			Name: "dovecot", State: "serving", Health: inventory.Well,
			Summary: "serving; with rows of the database of 5 seconds ago",
		},
		{Name: "bind", State: "not there", Health: inventory.Down, Summary: "not there; start with: mage services:start"},
	}
}

func certificates() []inventory.Certificate {
	days, ended := 60, -1
	return []inventory.Certificate{
		{
			Name: "example.org", Names: []string{"example.org", "*.example.org"}, Status: "issued",
			DaysLeft: &days, NotAfter: time.Date(2027, 1, 24, 0, 0, 0, 0, time.UTC), Served: "nginx, dovecot",
		},
		{
			Name: "old.example.org", Names: []string{"old.example.org"}, Status: "issued", DaysLeft: &ended,
			NotAfter: time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC), More: "it has ended", Wrong: true,
		},
		{
			Name: "example.net", Names: []string{"example.net"}, Status: "failed", Wrong: true,
			More: "Domain: example.net; Type: dns; Detail: DNS problem: NXDOMAIN looking up A for example.net; let each name " +
				"lead to this server: mage dns:records example.net",
		},
		{Name: "next.example.org", Names: []string{"next.example.org"}, Status: "wanted"},
	}
}

func TestReport(t *testing.T) {
	path := write(t, example(t))
	for _, l := range looks() {
		t.Run(l.name, func(t *testing.T) {
			s := see(t, path, l)
			keep(t, "report-"+l.name, s.picture)
			assert.Empty(t, s.trouble, "the console is empty, and nothing but the page is asked for")
			assert.LessOrEqual(t, s.wide, l.width, "nothing stands out to the right")
			assert.Equal(t, l.dark, ask[bool](t, s, `matchMedia("(prefers-color-scheme: dark)").matches`))
			assert.Less(t, ask[float64](t, s, lowestContrast), 21.1)
			assert.GreaterOrEqual(t, ask[float64](t, s, lowestContrast), 4.5, "%s", ask[string](t, s, lowestContrastText))
			assert.Greater(t,
				ask[float64](t, s, `document.querySelector("[aria-labelledby=timeline-title]").getBoundingClientRect().height`),
				200.0)
			assert.Equal(t, 1, ask[int](t, s, `document.querySelectorAll("h1").length`))
			assert.Zero(t, ask[int](t, s, `[...document.querySelectorAll("svg[role=img]")].filter(e => `+
				`!document.getElementById(e.getAttribute("aria-labelledby"))).length`),
				"each chart has a name")
			assert.Equal(t, 3, ask[int](t, s, `document.querySelectorAll("[aria-labelledby=services] h3").length`))
			assert.Contains(t, ask[string](t, s, `document.querySelector("[aria-label=Certificates]").innerText`), "60 days")
		})
	}
}

// contrasts lists each text with its contrast against what lies behind it: in a chart the block that it stands on.
const contrasts = `(() => {
  const rgb = c => c.match(/[\d.]+/g).map(Number);
  const part = v => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; };
  const lum = c => { const [r, g, b] = c.slice(0, 3).map(part); return .2126 * r + .7152 * g + .0722 * b; };
  const back = e => {
    for (; e; e = e.parentElement) {
      const c = rgb(getComputedStyle(e).backgroundColor);
      if (c.length < 4 || c[3] > 0) return c;
    }
    return [255, 255, 255];
  };
  document.querySelectorAll("details").forEach(d => d.open = true);
  const all = [];
  for (const e of document.querySelectorAll("body *")) {
    if (![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()) || e.closest("title")
      || !e.getClientRects().length) continue;
    let front = getComputedStyle(e).color, behind = back(e);
    if (e instanceof SVGTextElement) {
      front = getComputedStyle(e).fill;
      const block = e.parentElement.querySelector(":scope > rect.block");
      if (block) behind = rgb(getComputedStyle(block).fill);
    }
    const [a, b] = [lum(rgb(front)), lum(behind)].sort((x, y) => y - x);
    all.push([(a + .05) / (b + .05), e.textContent.trim().slice(0, 40)]);
  }
  return all.sort((x, y) => x[0] - y[0])[0];
})()`

const (
	lowestContrast     = contrasts + `[0]`
	lowestContrastText = contrasts + `[1]`
)

// TestReport_open looks at the tables that stand behind the charts, at the width of a phone.
func TestReport_open(t *testing.T) {
	s := see(t, write(t, example(t)), look{"phone", 360, 740, false})
	ask[bool](t, s, `document.querySelectorAll("details").forEach(d => d.open = true), true`)
	assert.LessOrEqual(t, ask[int64](t, s, `document.documentElement.scrollWidth`), int64(360))
	assert.Greater(t, ask[int](t, s, `document.querySelectorAll("tbody tr").length`), 60)
}

// TestReport_hostile holds texts from outside to being texts.
func TestReport_hostile(t *testing.T) {
	const evil = `"><script>window.owned = 1</script><img src=x onerror="window.owned = 1"></title></style></svg>` +
		`<style>body{display:none}</style>`
	r := example(t)
	r.Setup.Error, r.Setup.Phases[0].Name, r.Setup.Phases[0].Text = evil, evil, strings.Repeat("x", 3000)
	r.Setup.Phases[0].Steps = []present.Step{{Started: r.Setup.Started, Text: evil}}
	r.Inventory.Services[0].Name, r.Inventory.Services[0].Summary, r.Inventory.Services[0].Tells[0] = evil, evil,
		[2]string{evil, strings.Repeat("x", 3000)}
	r.Inventory.Domains[0].Name, r.Inventory.Certificates[0].Names, r.Inventory.Certificates[1].More = evil,
		[]string{evil}, evil
	r.Inventory.Stack, r.Inventory.Images[0].Name, r.Inventory.Images[0].Packages[0].Name = evil, evil, evil
	s := see(t, write(t, r), look{"phone", 360, 740, false})
	assert.Empty(t, s.trouble)
	assert.LessOrEqual(t, s.wide, int64(360))
	assert.Equal(t, "undefined", ask[string](t, s, `typeof window.owned`))
	assert.Zero(t, ask[int](t, s, `document.querySelectorAll("script, img").length`))
	assert.Equal(t, 1, ask[int](t, s, `document.styleSheets.length`))
}

// TestReport_empty looks at a page that has nothing to tell.
func TestReport_empty(t *testing.T) {
	s := see(t, write(t, report.Report{}), look{"phone", 360, 740, false})
	keep(t, "report-empty", s.picture)
	assert.Empty(t, s.trouble)
	assert.LessOrEqual(t, s.wide, int64(360))
	assert.Contains(t, ask[string](t, s, `document.body.innerText`), "mage setup")
}
