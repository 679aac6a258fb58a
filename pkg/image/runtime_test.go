package image_test

import (
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/image"
)

func TestLoadCatalogue_reads_the_runtime(t *testing.T) {
	t.Parallel()
	d, err := load(t, tree(t, map[string]string{"x/Dockerfile": plainDockerfile, "x/image.yaml": `description: x
stop: { log: "ended (well|anyway)" }
runtime:
  ready: 5s
  start:
    command: [serve]
    environment: { A: b }
    tmpfs: [/scratch]
    volumes: [/data]
    certificate: { path: /etc/certs, owner: "9999:9999", mode: "0640" }
  checks:
    - tcp: { port: 80 }
    - { http: { port: 443, path: /up, tls: true } }
    - sql: { port: 5432, user: a, database: b, tls: true }
    - exec: { run: [up] }
    - file: { path: /a, type: file, owner: "root:root", mode: 0600 }
    - process: { name: serve, user: web }
    - listening: { port: 80 }
    - access: { path: /a, user: web, read: true }
    - command: { run: [id], exit_code: 3, output: "^x$" }
    - variable: { name: A, value: c, run: [env], default: b, output: c }
    - restart: { write: [w], read: [r], output: kept }
    - once: { command: [v], environment: { A: b }, exit_code: 2, output: v }
`})).Get("x")
	require.NoError(t, err)
	assert.Equal(t, "ended (well|anyway)", d.Stop.Log)
	r := d.Runtime
	assert.Equal(t, 5*time.Second, r.Ready)
	assert.Equal(t, image.Start{
		Command: []string{"serve"}, Environment: map[string]string{"A": "b"}, Tmpfs: []string{"/scratch"},
		Volumes:     []string{"/data"},
		Certificate: &image.Certificate{Path: "/etc/certs", Owner: "9999:9999", Mode: "0640"},
	}, r.Start)
	require.Len(t, r.Checks, 12, "every kind of check")
	assert.Equal(t, 12, r.Checks[0].Line)
	assert.Equal(t, 23, r.Checks[11].Line)
	var health, ports []int
	for i, c := range r.Checks {
		if c.Health() {
			health = append(health, i)
		}
		if c.Port() != 0 {
			ports = append(ports, int(c.Port()))
		}
	}
	assert.Equal(t, []int{0, 1, 2, 3}, health)
	assert.Equal(t, []int{80, 443, 5432}, ports)
	assert.Equal(t, "0600", r.Checks[4].File.Mode, "as it was written, also without quotes")
}

func TestLoadCatalogue_refuses_a_runtime(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ yaml, want string }{
		"without checks": {"runtime: { ready: 5s }", "image.yaml:2: runtime.checks is missing"},
		"an unknown key": {
			"runtime:\n  redy: 5s", `image.yaml:3: unknown key "runtime.redy": did you mean "ready"?`,
		},
		"an unknown check": {
			"runtime:\n  checks:\n    - htp: { port: 80 }",
			`image.yaml:4: unknown key "runtime.checks.htp": did you mean "http"?`,
		},
		"an unknown value of a check": {
			"runtime:\n  checks:\n    - tcp:\n        prt: 80",
			`image.yaml:5: unknown key "runtime.checks.tcp.prt": did you mean "port"?`,
		},
		"a wrong type": {
			"runtime:\n  checks:\n    - tcp: { port: http }", "image.yaml:4: cannot unmarshal !!str `http` into uint16",
		},
		"a port that is none": {
			"runtime:\n  checks:\n    - tcp: { port: 70000 }", "image.yaml:4: cannot unmarshal !!int `70000` into uint16",
		},
		"a deadline without a unit": {"runtime:\n  ready: 5\n  checks: [ { tcp: { port: 1 } } ]", "image.yaml:3: "},
		"a negative deadline": {
			"runtime:\n  ready: -5s\n  checks: [ { tcp: { port: 1 } } ]", "image.yaml:3: runtime.ready -5s is negative",
		},
		"a list that is none": {
			"runtime:\n  checks: { tcp: { port: 1 } }", "image.yaml:3: cannot unmarshal !!map into []image.Check",
		},
		"a check that is two": {
			"runtime:\n  checks:\n    - { tcp: { port: 1 }, exec: { run: [a] } }",
			"image.yaml:4: runtime.checks: a check is one kind and its values",
		},
		"a check without values": {
			"runtime:\n  checks:\n    - tcp:", "image.yaml:4: runtime.checks: a check is one kind and its values",
		},
		"a missing port": {
			"runtime:\n  checks:\n    - tcp: {}", "image.yaml:4: runtime.checks: tcp: port is missing",
		},
		"a missing port to listen on": {
			"runtime:\n  checks:\n    - listening: {}", "image.yaml:4: runtime.checks: listening: port is missing",
		},
		"a name server without a zone": {
			"runtime:\n  checks:\n    - dns: { port: 53 }", "image.yaml:4: runtime.checks: dns: zone is missing",
		},
		"a page that is none": {
			"runtime:\n  checks:\n    - http: { port: 80, path: up }",
			`image.yaml:4: runtime.checks: http: path "up" must begin with /`,
		},
		"TLS without a certificate": {
			"runtime:\n  checks:\n    - http: { port: 80, path: /, tls: true }",
			"image.yaml:4: runtime.checks: http: tls needs runtime.start.certificate",
		},
		"a missing user": {
			"runtime:\n  checks:\n    - sql: { port: 1, database: b }", "image.yaml:4: runtime.checks: sql: user is missing",
		},
		"a missing command": {
			"runtime:\n  checks:\n    - exec: {}", "image.yaml:4: runtime.checks: exec: run is missing",
		},
		"a file without a type": {"runtime:\n  checks:\n    - file: { path: /a, owner: \"a:b\", mode: " +
			"\"0600\" }", `image.yaml:4: runtime.checks: file: type "" must be one of file, directory, link, socket`},
		"a mode that is none": {"runtime:\n  checks:\n    - file: { path: /a, type: file, owner: \"a:b\", " +
			"mode: rw }", `image.yaml:4: runtime.checks: file: mode "rw" must be permission bits in octal`},
		"an owner that is none": {"runtime:\n  checks:\n    - file: { path: /a, type: file, owner: a, mode: " +
			"\"0600\" }", `image.yaml:4: runtime.checks: file: owner "a" must be USER:GROUP`},
		"a path that is not absolute": {
			"runtime:\n  checks:\n    - access: { path: a, user: b }",
			`image.yaml:4: runtime.checks: access: path "a" must be an absolute clean path`,
		},
		"a name longer than the kernel's": {"runtime:\n  checks:\n    - process: { name: abcdefghijklmnop, user: b " +
			"}", "is longer than the 15 letters"},
		"a pattern that is none": {
			"runtime:\n  checks:\n    - command: { run: [a], output: \"(\" }",
			"image.yaml:4: runtime.checks: command: output \"(\" is not a regular expression: missing closing )",
		},
		"a greeting that is none": {
			"runtime:\n  checks:\n    - tcp: { port: 1, greeting: \"(\" }",
			"image.yaml:4: runtime.checks: tcp: greeting \"(\" is not a regular expression: missing closing )",
		},
		"an exit status that is none": {
			"runtime:\n  checks:\n    - once: { exit_code: 256 }",
			"image.yaml:4: runtime.checks: once: exit_code 256 is not within 0 to 255",
		},
		"a variable that changes nothing": {"runtime:\n  checks:\n    - variable: { name: A, value: b, run: [env], " +
			"default: x, output: x }", "image.yaml:4: runtime.checks: variable: default and output are the same"},
		"a variable with two values": {
			"runtime:\n  checks:\n    - variable: { name: A, value: b, run: [env], " +
				"output: x }\n    - variable: { name: A, value: c, run: [env], output: x }",
			"image.yaml:5: runtime.checks: variable: A has two values",
		},
		"a name that is no variable's": {
			"runtime:\n  start: { environment: { A-B: c } }\n" +
				"  checks: [ { tcp: { port: 1 } } ]",
			`image.yaml:3: runtime.start.environment: "A-B" is not the name of a variable`,
		},
		"a restart that reads nothing": {
			"runtime:\n  checks:\n    - restart: { write: [a], output: b }",
			"image.yaml:4: runtime.checks: restart: read is missing",
		},
		"a volume that is no path": {
			"runtime:\n  start:\n    volumes:\n      - /a\n      - b\n  checks: [ { tcp: { port: 1 } } ]",
			`image.yaml:6: runtime.start.volumes: a path "b" must be an absolute clean path`,
		},
		"a certificate of a name": {
			"runtime:\n  start:\n    certificate: { path: /a, owner: certuser, mode: " +
				"\"0640\" }\n  checks: [ { tcp: { port: 1 } } ]",
			`image.yaml:4: runtime.start.certificate: owner "certuser" must be UID:GID`,
		},
		"a service's port that is none": {
			"service:\n  ports:\n    - { host: 80 }", "image.yaml:4: service.ports: port is a number from 1 to 65535",
		},
		"a service's port twice": {"service:\n  ports:\n    - { port: 80 }\n" +
			"    - { port: 80, protocols: [udp] }", "image.yaml:5: service.ports: port 80 is there twice"},
		"a protocol that is none": {
			"service:\n  ports: [{ port: 80, protocols: [sctp] }]", `image.yaml:3: service.ports: protocol "sctp" is unknown`,
		},
		"a file that is not there": {
			"service:\n  files:\n    - { source: x.conf, path: /x }", `image.yaml:4: service.files: read source "x.conf": `,
		},
		"a file of somebody else": {
			"service:\n  files: [{ source: ../x, path: /x }]",
			`image.yaml:3: service.files: source "../x" must be a file of the image's folder`,
		},
		"a directory for a file": {
			"service:\n  files: [{ source: ., path: /x }]", `image.yaml:3: service.files: read source ".": it is not a file`,
		},
		"an owner of a directory by name": {
			"service:\n  tmpfs: [{ path: /x, owner: www }]", `image.yaml:3: service.tmpfs: owner "www" must be UID:GID`,
		},
		"another restart": {
			"service:\n  restart: always", `image.yaml:3: service.restart: "always" is unknown: it is "never" or left out`,
		},
		"a service's volume without a name": {
			"service:\n  volumes:\n    - { path: /a }", `image.yaml:4: service.volumes: name "" must be lower-case letters`,
		},
		"a snapshot without a backup": {
			"service:\n  volumes:\n    - { name: a, path: /a, snapshot: [x] }",
			`image.yaml:4: service.volumes: snapshot and rows are for a volume with backup: true`,
		},
		"a backup of what is only read": {"service:\n  volumes:\n    - { name: a, path: /a, read_only: true, backup: " +
			"true }", `image.yaml:4: service.volumes: backup is for the service that writes`},
		"rows of other directories": {"service:\n  volumes:\n    - { name: a, path: /a, backup: true, rows: { " +
			"directories: a/*, sql: x, each: x, of: y } }", `image.yaml:4: service.volumes: rows.directories "a/*" must be *`},
		"a service's secret of a name": {
			"service:\n  secrets:\n    - { name: a, path: /a, owner: www }",
			`image.yaml:4: service.secrets: owner "www" must be UID:GID`,
		},
		"a service's name of no variable": {
			"service:\n  environment:\n    A-B: c", `image.yaml:4: service.environment: "A-B" is not the name of a variable`,
		},
		"a lenient variable that is not set": {
			"service:\n  lenient: [A]", `image.yaml:3: service.lenient: "A" is not in service.environment`,
		},
		"a port in a variable that is none": {
			"service:\n  environment:\n    A: '${port.80}'",
			`image.yaml:4: service.environment: A: ${port.80} is no port of service.ports with a host`,
		},
		"one that nobody reaches": {"service:\n  ports: [{ port: 80 }]\n  environment: { A: 'x${port.80}' " +
			"}", `image.yaml:4: service.environment: A: ${port.80} is no port of service.ports with a host`},
		"a health check of another kind": {
			"service:\n  health:\n    - listening: { port: 80 }",
			`image.yaml:4: service.health: listening: only tcp, http, dns and exec tell`,
		},
		"a health check with a password": {"service:\n  ports: [{port: 1, host: 1}]\n" +
			"  health: [{ sql: { port: 1, user: a, database: b } }]", `image.yaml:4: service.health: sql: it needs a password`},
		"a health check that nobody reaches": {
			"service:\n  health: [{ tcp: { port: 80 } }]",
			`image.yaml:3: service.health: tcp: port 80 is not published by service.ports`,
		},
		"a name server that nobody reaches over UDP": {
			"service:\n  ports: [{ port: 53, host: 53 }]\n  health: [{ dns: { port: 53, zone: a.example } }]",
			`image.yaml:4: service.health: dns: port 53 is not published by service.ports over tcp and udp`,
		},
		"two ways to reload": {
			"service:\n  reload: { signal: SIGHUP, run: [x] }", `image.yaml:3: service.reload: it is either a signal`,
		},
		"no signal": {
			"service:\n  reload: { signal: HUP }", `image.yaml:3: service.reload: "HUP" is not a signal`,
		},
		"a capability by its constant": {
			"service:\n  capabilities: [CAP_CHOWN]", `image.yaml:3: service.capabilities: "CAP_CHOWN" is no capability's name`,
		},
		"every capability": {"service:\n  capabilities: [ALL]", `"ALL" is no capability's name`},
		"a limit below nothing": {
			"service:\n  memory: -1", `image.yaml:3: service.memory: -1 is less than nothing`,
		},
		"another amount of shared memory": {
			"service:\n  shared_memory: 1G", `image.yaml:3: service.shared_memory: "1G" is unknown`,
		},
		"a log pattern of stop that is none": {"stop: { log: \"[\" }", "image.yaml:2: stop.log is not a regular expression"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := image.LoadCatalogue(tree(t,
				map[string]string{"x/Dockerfile": plainDockerfile, "x/image.yaml": "description: x\n" + tc.yaml + "\n"}))
			require.ErrorContains(t, err, tc.want)
		})
	}
}

// What docs/image-yaml.md says is every key that there is.
func TestRuntime_is_documented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/image-yaml.md")
	require.NoError(t, err)
	var look func(typ reflect.Type)
	look = func(typ reflect.Type) {
		for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice {
			typ = typ.Elem()
		}
		if typ.Kind() != reflect.Struct {
			return
		}
		for f := range typ.Fields() {
			if key := f.Tag.Get("yaml"); key != "-" {
				assert.Contains(t, string(text), "`"+key+"`", "%s of %s", key, typ.Name())
			}
			look(f.Type)
		}
	}
	look(reflect.TypeFor[image.Runtime]())
	look(reflect.TypeFor[image.Service]())
}

func TestLoadCatalogue_images_of_the_checkout_declare_checks(t *testing.T) {
	t.Parallel()
	c := load(t, "../../containers")
	for _, name := range c.Names() {
		d, err := c.Get(name)
		require.NoError(t, err)
		assert.NotEmpty(t, d.Runtime.Checks, name)
	}
}

// The example of docs/adding-a-service.md is one that works.
func TestLoadCatalogue_accepts_the_documented_service(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/adding-a-service.md")
	require.NoError(t, err)
	block := func(language string) string {
		_, rest, found := strings.Cut(string(text), "```"+language+"\n")
		require.True(t, found, language)
		content, _, _ := strings.Cut(rest, "```")
		return content
	}
	c := load(t, tree(t, map[string]string{
		"base-debian/image.yaml": "description: the base\n", "base-debian/Dockerfile": plainDockerfile,
		"postgres/image.yaml": "description: the database\nservice: { shared_memory: half }\n",
		"postgres/Dockerfile": plainDockerfile,
		"redis/image.yaml":    block("yaml"), "redis/Dockerfile": block("dockerfile"), "redis/entrypoint.sh": block("text"),
		"redis/ask.sh": "#!/bin/bash\n",
	}))
	d, err := c.Get("redis")
	require.NoError(t, err)
	assert.Len(t, d.Runtime.Checks, 11)
}

func TestLoadCatalogue_refuses_a_volume_of_two_services(t *testing.T) {
	t.Parallel()
	load := func(one, two string) error {
		_, err := image.LoadCatalogue(tree(t, map[string]string{
			"a/Dockerfile": plainDockerfile,
			"a/image.yaml": "description: x\nservice:\n  volumes: [{ name: data, path: /a" + one + " }]\n",
			"b/Dockerfile": plainDockerfile,
			"b/image.yaml": "description: x\nservice:\n  volumes:\n    - { name: data, path: /b" + two + " }\n",
		}))
		return err
	}
	for _, marks := range [][2]string{{"", ""}, {", shared: true", ""}, {"", ", shared: true"}} {
		require.ErrorContains(t, load(marks[0], marks[1]),
			`b/image.yaml:4: service.volumes: "data" is a volume of a too: give it another name, or share it`)
	}
	require.NoError(t, load(", shared: true", ", shared: true, backup: true"))
	assert.ErrorContains(t, load(", shared: true, backup: true", ", shared: true, backup: true"),
		`b/image.yaml:4: service.volumes: a has backup: true for "data" already`)
}
