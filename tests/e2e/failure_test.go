package e2e_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
	"github.com/poststack/poststack/tests/checkout"
)

// TestFailures gives the targets what people run into, and looks at what they are told and what is left.
func TestFailures(t *testing.T) {
	enginetest.ForEach(t, func(t *testing.T, kind engine.Kind) {
		c := checkout.New(t, kind)
		e := enginetest.Open(t, kind)
		t.Run("a broken base image stops everything behind it", func(t *testing.T) { brokenBase(t, c, e) })
		t.Run("two broken images are both reported", func(t *testing.T) { brokenServices(t, c, e) })
		t.Run("a port that is taken is named, with its holder", func(t *testing.T) { takenPort(t, c, e) })
		t.Run("a broken changeset leaves the database as it was", func(t *testing.T) { brokenChangeset(t, c) })
		t.Run("after each failure setup goes on where it was", func(t *testing.T) {
			assert.Equal(t, "done", outcome(c.OK(t, "setup"), "schema:update"))
		})
	})
}

// lastLine is what mage itself prints at the end of a failure.
func lastLine(r checkout.Result) string {
	lines := strings.Split(strings.TrimSpace(r.Stderr), "\n")
	return lines[len(lines)-1]
}

func brokenBase(t *testing.T, c *checkout.Checkout, e *engine.Engine) {
	t.Helper()
	c.OK(t, "build:base")
	good, err := e.ImageInspect(t.Context(), "localhost/poststack/base-debian:latest")
	require.NoError(t, err)
	c.Write(t, "containers/base-debian/Dockerfile", func(s string) string {
		return s + "\nRUN echo the roof is on fire && exit 9\n"
	})

	for _, target := range []string{"setup", "build:all"} {
		r := c.Mage(t, nil, target)
		assert.Equal(t, 4, r.Code, "the exit status of a failed build")
		assert.Equal(t, "failed", outcome(r, "build:base"))
		for _, phase := range []string{"build:postgres", "build:liquibase", "db:start", "verify:db", "schema:update"} {
			assert.NotRegexp(t, `(?m)^\w+\s+`+phase, r.Stderr, "no line of a later phase")
		}
		assert.Contains(t, r.Stderr, "the roof is on fire", "the failed step's last lines are shown")
		assert.Regexp(t, `^Error: build:base: .*RUN echo.*logs/containers/base-debian_build_\w+\.log`, lastLine(r))
		assert.Equal(t, 1, strings.Count(r.Stderr, "Error:"), "told once")
	}
	kept, err := e.ImageInspect(t.Context(), "localhost/poststack/base-debian:latest")
	require.NoError(t, err)
	assert.Equal(t, good.ID, kept.ID, "the last good image keeps its tag")
}

func brokenServices(t *testing.T, c *checkout.Checkout, e *engine.Engine) {
	t.Helper()
	for _, name := range []string{"postgres", "liquibase"} {
		c.Write(t, "containers/"+name+"/Dockerfile", func(text string) string {
			arguments, _, _ := strings.Cut(text, "FROM ")
			return arguments + "FROM ${BASE_IMAGE}\nRUN echo broken " + name + " && exit 3\n"
		})
	}
	r := c.Mage(t, nil, "build:all")
	assert.Equal(t, 4, r.Code)
	ends := outcome(r, "build:postgres") + " " + outcome(r, "build:liquibase")
	assert.Contains(t, ends, "failed")
	assert.NotContains(t, ends, "done", "one failure ends the other build")
}

func takenPort(t *testing.T, c *checkout.Checkout, e *engine.Engine) {
	t.Helper()
	holder, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer holder.Close()
	_, port, err := net.SplitHostPort(holder.Addr().String())
	require.NoError(t, err)
	env := []string{"POSTSTACK_DATABASE_PORT=" + port}

	r := c.Mage(t, env, "setup")
	assert.Equal(t, 5, r.Code)
	for _, want := range []string{"port " + port, fmt.Sprintf("process %d", os.Getpid()), "POSTSTACK_DATABASE_PORT"} {
		assert.Contains(t, lastLine(r), want)
	}
	_, err = e.ContainerInspect(t.Context(), "poststack-"+c.Stack(t)+"-postgres")
	require.ErrorIs(t, err, engine.ErrNotFound, "nothing that was created stays")

	require.NoError(t, holder.Close())
	again := c.Mage(t, env, "db:start")
	assert.Zero(t, again.Code, "with the port free it works, without a step by hand")
}

func brokenChangeset(t *testing.T, c *checkout.Checkout) {
	t.Helper()
	c.OK(t, "db:start")
	before := tablesOf(t, connect(t, c.URL(t)))
	c.Write(t, "changelogs/schema/900_broken.sql", func(string) string {
		return "--liquibase formatted sql\n--changeset e2e:fine\ncreate table fine(id int);\n--rollback drop table fine;\n" +
			"--changeset e2e:broken\ncreate table broken(\n  id int\n  oops\n);\n--rollback drop table broken;\n"
	})
	r := c.Mage(t, nil, "schema:update")
	assert.Equal(t, 6, r.Code)
	last := lastLine(r)
	for _, want := range []string{"900_broken.sql", "broken", "syntax error", "logs/database/"} {
		assert.Contains(t, last, want)
	}
	log := regexp.MustCompile(`logs/database/\S+\.log`).FindString(last)
	_, err := os.Stat(filepath.Join(c.Dir, log))
	assert.NoError(t, err, "the log that is named exists")
	assert.Equal(t, before, tablesOf(t, connect(t, c.URL(t))), "nothing was applied")
}

// TestUsage gives settings and arguments that are wrong: each is refused before anything happens.
func TestUsage(t *testing.T) {
	t.Parallel()
	enginetest.AnyEngine(t)
	enginetest.ForEach(t, func(t *testing.T, kind engine.Kind) {
		c := checkout.New(t, kind)
		t.Run("every problem of the configuration at once", func(t *testing.T) {
			c.Write(t, "poststack.yaml", func(string) string { return "domian: example.org\ndatabase:\n  port: many\n" })
			r := c.Mage(t, []string{"LOG_LEVEL=loud", "POSTSTACK_ENGIN=docker"}, "setup")
			assert.Equal(t, 2, r.Code)
			for _, want := range []string{
				"domian", `"domain"`, "database.port", "many", "LOG_LEVEL", "loud", "POSTSTACK_ENGINE",
			} {
				assert.Contains(t, r.Stderr, want)
			}
		})
		t.Run("an unknown flag", func(t *testing.T) {
			assert.Equal(t, 2, c.Mage(t, nil, "build:all", "-forse").Code)
		})
		t.Run("a part of the line that cannot be run, before what stands in front of it is", func(t *testing.T) {
			for _, line := range [][]string{
				{"build:base", "-forse"}, {"build:base", "statsu"}, {"build:base", "db:backup", "-keep"},
			} {
				r := c.Mage(t, nil, line...)
				assert.Equal(t, 2, r.Code)
				assert.Contains(t, lastLine(r), "nothing was done")
				assert.NotContains(t, r.Stderr, "started")
			}
		})
		t.Run("a URL whose password is not encoded", func(t *testing.T) {
			r := c.Mage(t, []string{"DATABASE_URL=postgres://app:al@pha-e2e@127.0.0.1:1/mail"}, "verify:db")
			assert.Equal(t, 2, r.Code)
			assert.Contains(t, lastLine(r), "%40")
			assert.NotContains(t, r.Stdout+r.Stderr, "pha-e2e")
		})
		t.Run("a Unix socket is refused before anything is built", func(t *testing.T) {
			for _, target := range []string{"setup", "schema:init", "schema:update"} {
				r := c.Mage(t, []string{"DATABASE_URL=postgresql:///mail?user=app&host=/run/nowhere"}, target)
				assert.Equal(t, 2, r.Code)
				assert.Contains(t, lastLine(r), "Liquibase's container cannot reach")
				assert.NotContains(t, r.Stderr, "build:")
			}
		})
	})
}

// TestExternalDatabase migrates a server that is not Poststack's, and starts none of its own.
func TestExternalDatabase(t *testing.T) {
	enginetest.AnyEngine(t)
	t.Parallel()
	enginetest.ForEach(t, func(t *testing.T, kind engine.Kind) {
		theirs := checkout.New(t, kind)
		theirs.OK(t, "db:start")
		ours := checkout.New(t, kind)
		// The container resolves no such name: what it gets is the address that answered this process.
		url := strings.Replace(theirs.URL(t), "@127.0.0.1:", "@elsewhere.invalid:", 1) + "&hostaddr=127.0.0.1"
		env := []string{"DATABASE_URL=" + url + "&pgbouncer=true"}

		r := ours.Mage(t, env, "setup")
		require.Zero(t, r.Code)
		assert.Empty(t, outcome(r, "db:start"))
		assert.Empty(t, outcome(r, "build:postgres"))
		assert.Equal(t, tables, tablesOf(t, connect(t, theirs.URL(t))))
		assert.Contains(t, r.Stderr, "DATABASE_URL: parameter pgbouncer is left out")
		for _, phase := range []string{"verify:db", "schema:update"} {
			assert.Regexp(t, phase+` .*database "poststack" at elsewhere.invalid:\d+ \(127.0.0.1\)`, r.Stderr)
		}
		_, err := enginetest.Open(t, kind).ContainerInspect(context.WithoutCancel(t.Context()),
			"poststack-"+ours.Stack(t)+"-postgres")
		require.ErrorIs(t, err, engine.ErrNotFound)
		assert.Equal(t, url, strings.TrimSpace(ours.Mage(t, env, "db:url").Stdout))

		again := ours.Mage(t, env, "setup")
		assert.Equal(t, "unchanged", outcome(again, "schema:update"))
	})
}
