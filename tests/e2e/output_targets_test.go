package e2e_test

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/tests/checkout"
)

// elsewhere are the targets that everyTarget does not run, and why.
func elsewhere() map[string]string {
	terminal, described := "it hands the terminal over to another program", "TestOutput holds its document to the schema"
	issuer := "TestCertbot has an authority; TestData_described of package stack holds what it gives to the schema"
	return map[string]string{
		"psql": terminal, "shell": terminal,
		"completion":     "TestData_described of package stack holds what it gives to the schema",
		"engine:install": "it changes the machine",
		"db:pitr":        "TestPITR reads its document",
		"db:restore":     "TestBackup reads its document, and that of db:backup",
		"db:upgrade":     "TestData_described of package stack holds what it gives to the schema",
		"demo":           "TestDemo holds its document to the schema", "certificates:renew": issuer,
		"certificates:revoke": issuer,
		"build:all":           described, "db:url": described, "images": described, "schema:update": described,
		"verify:db":      described,
		"dns:check":      "TestHosting runs it; what it finds depends on the name server",
		"verify:runtime": "TestVerifyRuntime runs it; it gives what verify:base gives, for more images",
	}
}

// everyTarget holds what each target of the program gives to the schema. A new target belongs into its list.
func everyTarget(t *testing.T, c *checkout.Checkout) {
	t.Helper()
	var commands []string
	for _, line := range []string{
		"setup", "schema:init", "schema:status", "db:start", "engine:status", "config:show", "db:backup", "db:backups -check",
		"domain:add example.org -mail -web -dns", "domain:list", "domain:disable example.org", "domain:enable example.org",
		"account:add ada@example.org -generate", "account:list", "account:password ada@example.org -generate",
		"account:disable ada@example.org", "account:enable ada@example.org",
		"alias:add sales@example.org ada@example.org", "alias:list",
		"dns:records example.org -address=192.0.2.1 -add", "dns:add example.org ftp A 192.0.2.3", "dns:list", "dns:zone",
		"dns:remove example.org ftp A -yes", "dns:zone -add=example.net", "dns:zone -remove=example.net -yes",
		"certificates:issue example.org", "certificates:status",
		"services:start -of=bind", "services:status", "services:reload -of=bind", "services:restart -of=bind", "status",
		"report", "logs -of=bind",
		"services:stop", "alias:remove sales@example.org -yes", "account:remove ada@example.org -yes",
		"domain:remove example.org -all -yes",
		"verify:base", "install", "down", "reset -yes",
	} {
		commands = append(commands, strings.Fields(line)...)
	}
	r := c.Mage(t, asked(), commands...)
	require.Zero(t, r.Code, r.Stderr)
	ran := map[string]bool{}
	for _, d := range read(t, r.Stdout) {
		ran[d.Target] = true
	}
	r = c.Mage(t, asked(), "doctor")
	ran[read(t, r.Stdout)[0].Target] = true

	list, err := exec.CommandContext(t.Context(), filepath.Join(c.Dir, "bin", "poststack"), "-l").Output()
	require.NoError(t, err)
	likewise := regexp.MustCompile(`^(build|verify):`) // one of each kind stands for all
	for _, m := range regexp.MustCompile(`(?m)^  ([a-zA-Z:]+)`).FindAllStringSubmatch(string(list), -1) {
		if name := m[1]; !ran[name] && !likewise.MatchString(name) {
			assert.NotEmpty(t, elsewhere()[name],
				"%s belongs into the list of this test, and what it gives into docs/output.schema.json", name)
		}
	}
	assert.False(t, slices.ContainsFunc(commands, func(name string) bool { return elsewhere()[name] != "" }))
}
