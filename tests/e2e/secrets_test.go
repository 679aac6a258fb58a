package e2e_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
	"github.com/poststack/poststack/tests/checkout"
)

// TestSecrets looks for the secrets of a stack wherever others can look: in the arguments and the environment of every
// process of this machine, those in containers too, while the targets run, and in all that they print, write and make.
func TestSecrets(t *testing.T) {
	t.Parallel()
	enginetest.ForEach(t, func(t *testing.T, kind engine.Kind) {
		c := checkout.New(t, kind)
		c.Write(t, "poststack.yaml", func(string) string { return "services: [nginx, dovecot]\n" })
		dir := filepath.Join(c.State, c.Stack(t))
		require.NoError(t, os.MkdirAll(dir, 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "password"), []byte("planted-Zq7mK2xw9RtV4bnH"), 0o600))
		trace := filepath.Join(t.TempDir(), "trace.json")
		env := []string{"POSTSTACK_TRACE=" + trace, "LOG_LEVEL=trace"}
		var said strings.Builder
		watched := func(args ...string) {
			seen := watchProcesses(t)
			r := c.Mage(t, env, args...)
			said.WriteString(r.Stdout + r.Stderr)
			places := seen()
			for file, secret := range secretsOf(t, dir) {
				for place, text := range places {
					assert.NotContains(t, text, secret, "%s, of %v: %s", file, args, place)
				}
			}
			written, err := os.ReadFile(trace)
			require.NoError(t, err)
			said.Write(written)
		}
		watched("setup")
		watched("down")
		watched("setup", "services:restart", "account:list", "db:url", "-passfile")
		watched("psql", "-command=select no_such_column")
		watched("status", "services:status", "doctor", "report", "config:show", "images")
		secrets := secretsOf(t, dir)
		require.GreaterOrEqual(t, len(secrets), 3, "those of the database, of nginx and of dovecot: %v", secrets)
		shown := madeOn(t, kind, c.Stack(t))
		shown["what the targets printed, and the traces"] = said.String()
		readAll(t, filepath.Join(c.Dir, "logs"), shown)
		for file, secret := range secrets {
			for place, text := range shown {
				assert.NotContains(t, text, secret, "%s in %s", file, place)
			}
		}
	})
}

// secretsOf are the secrets in the files of a stack's state directory: each is on a line of its own, or after the
// last colon.
func secretsOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	files := map[string]string{}
	readAll(t, dir, files)
	random := regexp.MustCompile(`^[A-Za-z0-9_-]{20,}$`)
	for file, text := range files {
		line := strings.TrimSpace(text)
		line = line[strings.LastIndexByte(line, ':')+1:]
		if random.MatchString(line) && filepath.Base(file) != "owner" {
			found[file] = line
		}
	}
	return found
}

// readAll reads the files below a directory.
func readAll(t *testing.T, dir string, into map[string]string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		into[path] = string(text)
		return err
	}))
}

// madeOn is what an engine tells of what it has of a stack, and how its images were made.
func madeOn(t *testing.T, kind engine.Kind, stack string) map[string]string {
	t.Helper()
	shown := map[string]string{}
	for _, name := range strings.Fields(engineOutput(t, kind, "ps", "--all", "--format", "{{.Names}}",
		"--filter", "name=poststack-"+stack)) {
		shown["inspect "+name] = engineOutput(t, kind, "inspect", name)
		shown["logs "+name] = engineOutput(t, kind, "logs", name)
	}
	assert.GreaterOrEqual(t, len(shown), 6, "%v", shown)
	for _, image := range []string{"postgres", "nginx", "dovecot"} {
		shown["history of "+image] = engineOutput(t, kind, "history", "--no-trunc", "localhost/poststack/"+image)
	}
	return shown
}

// watchProcesses reads the arguments and the environment of all processes, again and again, until the function it
// gives is called, which tells them by where they were seen.
func watchProcesses(t *testing.T) func() map[string]string {
	t.Helper()
	stop, done := make(chan struct{}), make(chan map[string]string)
	go func() {
		seen := map[string]string{}
		for {
			arguments, _ := filepath.Glob("/proc/[0-9]*/cmdline")
			environments, _ := filepath.Glob("/proc/[0-9]*/environ")
			for _, file := range append(arguments, environments...) {
				if text, err := os.ReadFile(file); err == nil && len(text) > 0 { // it may have ended
					seen[file+" "+string(bytes.SplitN(text, []byte{0}, 2)[0])] = string(bytes.ReplaceAll(text, []byte{0}, []byte{' '}))
				}
			}
			select {
			case <-stop:
				done <- seen
				return
			case <-time.After(2 * time.Millisecond): // few programs are as short
			}
		}
	}()
	return func() map[string]string {
		close(stop)
		return <-done
	}
}
