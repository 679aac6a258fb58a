package e2e_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/stretchr/testify/assert"
)

// reason is why a command of the documents is not run, and what is looked at instead.
type reason struct {
	why   string
	check func(*reader, command)
}

// notRun lists the commands that TestDocuments leaves out beside those of the workshop. That each target they name
// exists is checked by TestDocuments_targets, also for these.
func notRun() map[string]reason {
	system := reason{"it changes the machine", nothing}
	network := reason{"it needs the internet", nothing}
	upgraded := reason{"it takes the images of two suites; TestAnotherMajor runs it", nothing}
	archived := reason{"it takes an archive; TestPITR has one", nothing}
	scheduled := reason{"it changes the user's crontab; TestBackup has another one", nothing}
	verified := reason{"TestVerifyRuntime runs all checks of all images at once", nothing}
	renewed := reason{"it asks Debian about all images; TestUpdates runs it", nothing}
	name := reason{"it names a program and is nothing to type", nothing}
	terminal := reason{"it waits for a person at a terminal", nothing}
	hosting := reason{"it needs what others of its kind have added; TestHosting runs them in their order", nothing}
	issuing := reason{"it needs an authority; TestCertbot has one, and TestHosting asks without one", nothing}
	site := reason{"TestNginx serves a site", nothing}
	adding := reason{"TestAddingAService follows the document", nothing}
	other := reason{"it needs a program that is not part of a checkout", nothing}
	return map[string]reason{
		"mage build:all -renew":                                                  renewed,
		"mage images -updates":                                                   renewed,
		"mage account:add ada@example.org -generate":                             hosting,
		"mage account:disable ada@example.org":                                   hosting,
		"mage account:enable ada@example.org":                                    hosting,
		"mage account:list -of=example.org":                                      hosting,
		"mage account:password ada@example.org -generate":                        hosting,
		"mage account:remove ada@example.org -yes":                               hosting,
		"mage alias:add sales@example.org ada@example.org":                       hosting,
		"mage alias:list":                                                        hosting,
		"mage alias:remove sales@example.org -yes":                               hosting,
		"mage dns:add example.org @ MX \"10 mail.example.org\"":                  hosting,
		"mage dns:check":                                                         hosting,
		"mage dns:check -of=example.org":                                         hosting,
		"mage dns:list -of=example.org":                                          hosting,
		"mage dns:records example.org":                                           hosting,
		"mage dns:records example.org -address=192.0.2.1 -add":                   hosting,
		"mage dns:remove example.org www A -yes":                                 hosting,
		"mage dns:zone -add=example.org -ns=ns1.example.org,ns2.example.net":     hosting,
		"mage domain:add example.org -mail -web -dns":                            hosting,
		"mage domain:disable example.org":                                        hosting,
		"mage domain:enable example.org":                                         hosting,
		"mage domain:list":                                                       hosting,
		"mage domain:remove example.org -all -yes":                               hosting,
		"mage certificates:issue example.org":                                    issuing,
		"mage certificates:issue example.org -names=example.org,www.example.org": issuing,
		"mage certificates:renew":                                                issuing,
		"mage certificates:renew -of=example.org":                                issuing,
		"mage certificates:revoke example.org -yes":                              issuing,
		"mage certificates:status":                                               issuing,
		"ACME_DIRECTORY=https://ca.example.org/acme/directory ACME_ROOT=root.pem " +
			"mage setup": {"there is no such authority here; TestCertbot has one", nothing},
		"podman exec poststack-STACK-bind sh -c 'dnssec-dsfromkey " +
			"/var/lib/bind/keys/Kexample.org.*.key'": {"STACK stands for the reader's; bind signs no zone here", nothing},
		"mage reset": terminal,
		"go install github.com/magefile/mage@latest": network,
		"sudo usermod -aG docker USER":               system,
		"docker context use default":                 system,
		"go work use PATH": {
			"there is no workspace above the test's checkout; TestGoSettings makes one", nothing,
		},
		"apt-get install --reinstall perl 'libperl5.*' 'perl-modules-5.*'": {"it belongs into a Dockerfile", nothing},
		"pre-commit install": other,
		"podman exec NAME reload-certificates": {
			"the service with that certificate is not part of the stack; tests/integration runs it", nothing,
		},
		"go tool":     name,
		"docker exec": name,
		"mage report -open": {
			"it opens a browser on the machine of who runs the tests; TestReport runs it without a display", nothing,
		},
		"mage shell":        name,
		"mage -t":           name,
		"mage -t TIME":      {"it cuts short whatever it runs; the tests of interrupts do that", nothing},
		"mage logs -follow": {"it ends with Ctrl-C only; TestShowLogs_follows follows one", nothing},
		"mage logs -of=postgres -last=20 " +
			"-follow": {"it ends with Ctrl-C only; TestShowLogs_follows follows one", nothing},
		"mage logs -of=build:postgres -last=50": {
			"nothing was built here, so that there is no log of it; TestShowLogs reads some", nothing,
		},
		"mage verify:runtime":             verified,
		"mage verify:runtime -of=redis":   adding,
		"mage services:restart -of=redis": adding,
		"mage services:start -of=redis":   adding,
		"mage logs -of=redis":             adding,
		"mage services:restart -of=nginx": {
			"nginx is not chosen there; TestNginx restarts it", nothing,
		},
		"mage services:status -of=nginx":       {"likewise", nothing},
		"mage services:reload -of=web":         {"likewise", nothing},
		"mage verify:base":                     verified,
		"mage verify:postgres":                 verified,
		"mage verify:apache":                   verified,
		"mage verify:bind":                     verified,
		"mage verify:dovecot":                  verified,
		"mage verify:certbot":                  verified,
		"mage verify:nginx":                    verified,
		"mage verify:pebble":                   verified,
		"mage verify:liquibase":                verified,
		"mage db:backup -base":                 archived,
		"mage db:pitr \"2026-11-30 12:00:00\"": archived,
		"mage db:pitr 2026-11-30T12:00:00Z":    archived,
		"mage db:pitr":                         archived,
		"mage db:restore FILE": {
			"FILE stands for the reader's; TestBackup restores one", nothing,
		},
		"mage db:restore FILE -all": {
			"FILE stands for the reader's; TestBackup_all restores one", nothing,
		},
		"mage db:backup -schedule=daily -all -verify -keep=14":  scheduled,
		"mage db:backup -schedule=off":                          scheduled,
		"mage db:upgrade":                                       upgraded,
		"mage db:upgrade -dropOld":                              upgraded,
		"POSTSTACK_DEBIAN_SUITE=bookworm mage db:upgrade -back": upgraded,
		"mage demo":                                               {"TestDemo runs it", nothing},
		"mage demo -remove":                                       {"TestDemo runs it", nothing},
		"mage build:all -force":                                   {"TestSequence_builds runs it", nothing},
		"psql ended with status …":                                name,
		"psql of the image cannot reach …":                        name,
		"go tool mage: fork/exec …: exec format error":            name,
		"docker context \"…\" of …":                               name,
		"docker pull":                                             name,
		"podman load":                                             name,
		"apt-get install postgresql-client":                       system,
		"sudo loginctl enable-linger NAME":                        system,
		"sudo systemctl enable docker":                            system,
		"podman system reset":                                     system,
		"podman has no daemon, and its unit is not enabled":       name,
		"podman has no daemon, and no unit starts its containers": name,
		"podman has no daemon, and systemd does not run here":     name,
		"echo 'services: [nginx]' >> poststack.yaml":              site,
		"mage domain:add example.org -web":                        site,
		"podman cp -a=false app/. " +
			"poststack-STACK-apache:/srv/apps/app.example.org": {"tests/integration TestApache serves one", nothing},
		"podman cp -a=false site/. poststack-STACK-nginx:/srv/www/example.org":   site,
		"echo 'services: [dovecot]' >> poststack.yaml":                           site,
		"curl -k --resolve example.org:8443:127.0.0.1 https://example.org:8443/": site,
	}
}

// endsWith has the exit status of the commands that are shown because they fail.
func endsWith() map[string]int {
	return map[string]int{"mage setup -yes": 2}
}

// before has the target that must have run before a command: examples do not stand in the order of a session.
func before() map[string]string {
	return map[string]string{
		"mage psql": "db:start", "mage db:backup -verify": "db:start", "mage db:backup -keep=7": "db:start",
		`echo 'psql -U superuser -d poststack -c "create extension file_fdw"' | mage shell postgres`: "setup",
		"mage db:backup -all": "db:start", "psql \"$(mage db:url -passfile)\"": "db:start",
	}
}

// workshop matches what runs the tests, this one among them, compiles the linters or measures: minutes to hours each,
// whatever flags it is shown with.
var workshop = regexp.MustCompile(
	`\bgo test\b|^\.ci/run$|\bmage (engine:install )?(test(:\w+)?|check|coverage|lint|format|bench)( |$)`,
)

// leaves says whether a command is left out, and how it is looked at instead.
func leaves(c command) (check func(*reader, command), left bool) {
	if workshop.MatchString(c.text) {
		return namesTests, true
	}
	listed, left := notRun()[c.text]
	return listed.check, left
}

// nothing is left to check.
func nothing(*reader, command) {}

// namesTests checks that a call of go test names a package and tests that are there.
func namesTests(r *reader, c command) {
	m := regexp.MustCompile(`go test .*?(?:-run '([\w|]+)\S*' )?\./(\S+)$`).FindStringSubmatch(c.text)
	if m == nil {
		return
	}
	files, err := filepath.Glob(filepath.Join(r.c.Dir, filepath.FromSlash(m[2]), "*_test.go"))
	assert.NoError(r, err)
	assert.NotEmpty(r, files, "%s: %s", c.document, c.text)
	var all strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		assert.NoError(r, err)
		all.Write(text)
	}
	for name := range strings.SplitSeq(m[1], "|") {
		assert.True(r, name == "" || strings.Contains(all.String(), "func "+name+"("), "%s: %s: there is no %s",
			c.document, c.text, name)
	}
}
