package targets_test

import (
	"bytes"
	"maps"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// want is every target that people rely on, with the flags of those that have some.
var want = map[string][]string{ //nolint:gochecknoglobals // a table
	"bench":        {"-check", "-curves", "-keep", "-peers", "-rounds", "-rows"},
	"build:apache": nil, "build:all": {"-force", "-noCache", "-renew"},
	"build:base": nil, "build:bind": nil, "build:certbot": nil,
	"build:dovecot": nil, "build:liquibase": nil, "build:nginx": nil, "build:pebble": nil, "build:postgres": nil,
	"check": nil, "completion": nil, "config:show": nil, "coverage": nil,
	"db:backup":  {"-to", "-all", "-verify", "-base", "-keep", "-schedule"},
	"db:backups": {"-check"}, "db:pitr": {"-yes"}, "db:restore": {"-all", "-yes"}, "db:start": nil,
	"db:upgrade": {"-back", "-dropOld", "-yes"},
	"db:url":     {"-passfile"}, "docs": nil,
	"doctor": {"-fix"}, "down": nil,
	"engine:install": nil, "engine:status": nil, "format": nil, "hooks:install": nil, "hooks:preCommit": nil,
	"images": {"-sbom", "-updates"}, "install": nil,
	"demo": {"-remove"},
	"lint": nil, "logs": {"-of", "-last", "-follow"}, "report": {"-open"}, "reset": {"-yes"}, "schema:init": nil,
	"schema:status": nil, "schema:update": nil, "services:reload": {"-of"}, "services:restart": {"-of"},
	"services:status": {"-of"}, "services:start": {"-of"}, "services:stop": {"-of"}, "setup": nil, "psql": {"-command"},
	"shell":  nil,
	"status": nil, "test": nil, "test:browser": nil, "test:e2e": nil, "test:integration": nil, "test:performance": nil,
	"test:faults": {"-seed", "-rows", "-long", "-write"}, "test:race": nil, "test:unit": nil,
	"domain:add": {"-mail", "-web", "-dns", "-root"}, "domain:disable": nil, "domain:enable": nil, "domain:list": nil,
	"domain:remove": {"-all", "-yes"},
	"account:add":   {"-generate", "-passwordFile", "-name", "-quota"}, "account:list": {"-of"},
	"account:password": {"-generate", "-passwordFile"},
	"account:disable":  nil, "account:enable": nil, "account:remove": {"-all", "-yes"},
	"alias:add": nil, "alias:list": {"-of"}, "alias:remove": {"-to", "-yes"},
	"certificates:status": {"-of"}, "certificates:issue": {"-names", "-challenge", "-directory"},
	"certificates:renew": {"-of"}, "certificates:revoke": {"-yes"},
	"dns:zone": {"-add", "-remove", "-ns", "-hostmaster", "-primaries", "-yes"}, "dns:list": {"-of"},
	"dns:records": {"-address", "-add"},
	"dns:add":     {"-priority", "-ttl", "-yes"}, "dns:remove": {"-content", "-yes"}, "dns:check": {"-of", "-server"},
	"verify:apache": nil, "verify:base": nil, "verify:bind": nil, "verify:certbot": nil, "verify:db": nil,
	"verify:dovecot": nil, "verify:liquibase": nil, "verify:nginx": nil, "verify:pebble": nil, "verify:postgres": nil,
	"verify:runtime": {"-of"},
}

// workshop are the targets that look after the code, which the compiled program leaves out.
var workshop = []string{ //nolint:gochecknoglobals // a table
	"bench", "check", "coverage", "docs", "format", "hooks:install", "hooks:preCommit", "lint",
	"test", "test:browser", "test:e2e", "test:faults", "test:integration", "test:performance", "test:race", "test:unit",
}

// TestProgram_dependencies looks at all that the compiled program is linked from.
func TestProgram_dependencies(t *testing.T) {
	t.Parallel()
	list, _ := run(t, "list", "-tags=mage", "-deps", "./magefiles/program")
	packages := strings.Fields(list)
	require.Contains(t, packages, "github.com/poststack/poststack/pkg/stack")
	for _, part := range []string{
		"github.com/poststack/poststack/magefiles/quality",
		"github.com/poststack/poststack/magefiles/workshop", "github.com/magefile/mage/parse", "golang.org/x/perf",
		"github.com/chromedp", "github.com/stretchr/testify", "testing",
	} {
		assert.False(t,
			slices.ContainsFunc(packages, func(p string) bool { return p == part || strings.HasPrefix(p, part+"/") }), part)
	}
}

// run runs a program of the go command in the root of the checkout, and returns what it printed.
func run(t *testing.T, args ...string) (stdout, stderr string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = filepath.Join("..", "..")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	require.NoError(t, cmd.Run(), "go %v: %s", args, errs.String())
	return out.String(), errs.String()
}

// asked is what mage has listed, and what it warned of.
var asked struct { //nolint:gochecknoglobals // mage takes two seconds of the processor for it, and several tests ask
	sync.Mutex
	list, warnings string
}

// listing is the list of mage.
func listing(t *testing.T) (list, warnings string) {
	t.Helper()
	asked.Lock()
	defer asked.Unlock()
	if asked.list == "" {
		asked.list, asked.warnings = run(t, "tool", "mage", "-l")
	}
	return asked.list, asked.warnings
}

// listed reads the names and lines of mage's list.
func listed(t *testing.T, list string) map[string]string {
	t.Helper()
	lines := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^  (\S+)\s+(.*)$`).FindAllStringSubmatch(list, -1) {
		lines[strings.TrimSuffix(m[1], "*")] = m[2]
	}
	return lines
}

func TestListing(t *testing.T) {
	t.Parallel()
	list, warnings := listing(t)
	assert.Empty(t, warnings, "mage warns about nothing")
	targets := listed(t, list)

	for name := range want {
		assert.Contains(t, targets, name)
	}
	for name, line := range targets {
		assert.Contains(t, want, name, "a new target belongs into this test")
		assert.Greater(t, len(line), 20, "%s: its line says what it does", name)
		assert.Less(t, len(line), 120, "%s: one line", name)
	}

	program, warnings := run(t, "tool", "mage", "-d", "magefiles/program", "-l")
	assert.Empty(t, warnings)
	compiled := listed(t, program)
	for name := range targets {
		assert.Equal(t, !slices.Contains(workshop, name), compiled[name] != "", "%s is in the compiled program", name)
	}

	bootstrap, warnings := run(t, "run", "magefile.go", "-l")
	assert.Empty(t, warnings)
	assert.Equal(t, list, bootstrap, "without mage installed the targets are the same")
}

// The reference is drawn from the source, and lint compares the two.
func TestLayers(t *testing.T) {
	t.Parallel()
	reference := documents(t)["docs/targets.md"]
	for target, needs := range map[string]string{
		"test":  "test:unit test:browser test:integration test:e2e",
		"check": "lint test:browser test:e2e", // and unit and integration with coverage
	} {
		_, section, _ := strings.Cut(reference, "\n### "+target+"\n")
		section, _, _ = strings.Cut(section, "\n### ")
		_, section, _ = strings.Cut(section, "\nNeeds ")
		var found []string
		for _, m := range regexp.MustCompile(`\[(\S+)\]`).FindAllStringSubmatch(section, -1) {
			found = append(found, m[1])
		}
		assert.Equal(t, needs, strings.Join(found, " "), target)
	}
}

// TestHelp looks at the reference, which lint holds against the sources that mage makes its help of, and at the help
// itself of two targets: mage starts for each.
func TestHelp(t *testing.T) {
	t.Parallel()
	list, _ := listing(t)
	reference := documents(t)["docs/targets.md"]
	targets := listed(t, list)
	var rows []string
	for _, row := range regexp.MustCompile("(?m)^\\| \\[`(\\S+)`]").FindAllStringSubmatch(reference, -1) {
		rows = append(rows, row[1])
	}
	assert.ElementsMatch(t, slices.Collect(maps.Keys(targets)), rows, "its generator reads the sources on its own")
	for name, line := range targets {
		_, section, found := strings.Cut(reference, "\n### "+name+"\n")
		require.True(t, found, name)
		section, _, _ = strings.Cut(section, "\n### ")
		text := strings.ToLower(strings.ReplaceAll(section, "\n", " "))
		assert.Contains(t, text, strings.ToLower(strings.TrimSuffix(line, ".")), "%s: what it does", name)
		for _, flag := range want[name] {
			assert.Contains(t, section, "\n- `"+flag+"` (", name)
		}
	}
	for _, name := range []string{"build:all", "dns:add"} { // flags, and arguments with flags
		help, _ := run(t, "tool", "mage", "-h", name)
		assert.Contains(t, help, "mage "+name, "how to call it")
		assert.Contains(t, strings.ToLower(help), strings.ToLower(strings.TrimSuffix(targets[name], ".")), "what it does")
		for _, flag := range want[name] {
			assert.Contains(t, help, flag)
		}
	}
}
