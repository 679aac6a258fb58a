package integration_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/engine"
)

// javaImage has a whole JDK beside Liquibase's jars.
const javaImage engine.Ref = "localhost/poststack/java:latest"

// nobody is a context and a label that no changeset has. Given none, Liquibase would run everything, which Poststack
// does not.
const nobody = "poststack-none"

// stockRun is one run of Liquibase's own command line.
type stockRun struct {
	command string
	status  int
	text    string
}

// listed are the changesets that "status --verbose" and "unexpected-changesets --verbose" name.
func (r stockRun) listed() []string {
	var list []string
	for line := range strings.Lines(r.text) {
		if name, found := strings.CutPrefix(line, "     "); found && strings.Count(name, "::") >= 2 {
			list = append(list, strings.TrimSpace(name))
		}
	}
	slices.Sort(list)
	return list
}

// find is the last run of that command.
func find(runs []stockRun, command string) stockRun {
	for _, r := range slices.Backward(runs) {
		if r.command == command {
			return r
		}
	}
	return stockRun{}
}

// commands are what Liquibase is told for one case, in order.
func (k *corpusCase) commands(step int) []string {
	if step < len(k.steps) {
		return []string{"update"}
	}
	if k.Refused != nil {
		return []string{"update"}
	}
	list := []string{"update"}
	if k.Rollback > 0 {
		list = append(list, "rollback-count")
	}
	if step > 1 {
		list = append(list, "unexpected-changesets")
	}
	return append(list, "status")
}

// arguments are those of one run.
func (c *corpus) arguments(k *corpusCase, step int, command string) []string {
	contexts, labels := k.Contexts, k.Labels
	if contexts == "" {
		contexts = nobody
	}
	if labels == "" {
		labels = nobody
	}
	args := []string{"--search-path=" + k.stockDir(step), command}
	switch command {
	case "status", "unexpected-changesets":
		args = append(args, "--verbose")
	case "rollback-count":
		args = append(args, "--count="+strconv.Itoa(k.Rollback))
	}
	target := c.target(k.stockDatabase()).WithHost("127.0.0.1", 5432)
	args = append(args, "--url="+target.JDBC(), "--username="+target.User, "--password="+target.Password.Reveal(),
		"--changelog-file="+k.Root)
	if command != "unexpected-changesets" { // which knows no selection
		args = append(args, "--contexts="+contexts, "--label-filter="+labels)
	}
	return args
}

func (k *corpusCase) stockDir(step int) string { return fmt.Sprintf("/corpus/%s/%d", k.name, step) }

// stock begins Liquibase's own side of all cases, in one container. [corpus.wait] waits for it.
func (c *corpus) stock(t *testing.T, cases []*corpusCase) {
	t.Helper()
	program, err := os.ReadFile(filepath.Join(corpusDir, "Stock.java"))
	require.NoError(t, err)
	files := []engine.File{{Path: "/corpus/Stock.java", Mode: 0o444, Content: program}}
	var lines strings.Builder
	var order []*stockRun
	c.ran, c.done = map[string][]stockRun{}, make(chan struct{})
	owners := []string{}
	for _, k := range cases {
		for i, step := range k.steps {
			for name, content := range step {
				files = append(files, engine.File{Path: path.Join(k.stockDir(i+1), name), Mode: 0o444, Content: content})
			}
			for _, command := range k.commands(i + 1) {
				lines.WriteString(strings.Join(c.arguments(k, i+1, command), "\t") + "\n")
				order, owners = append(order, &stockRun{command: command}), append(owners, k.name)
			}
		}
	}
	files = append(files, engine.File{Path: "/corpus/runs", Mode: 0o444, Content: []byte(lines.String())})
	id, err := c.engine.ContainerCreate(t.Context(), engine.ContainerSpec{
		Image: javaImage, NetworkOf: string(c.server), Labels: container.DisposableLabels(), Files: files,
		// An empty environment, as Poststack's Liquibase has: a changelog can read it.
		Command: []string{
			"env", "-i", "LC_ALL=C.UTF-8", "/usr/lib/jvm/default-java/bin/java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
			"-Dfile.encoding=UTF-8", "-cp", "/opt/liquibase/lib/*", "/corpus/Stock.java", "/corpus/runs",
		},
	})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, c.engine.ContainerRemove(context.Background(), id)) })
	require.NoError(t, c.engine.ContainerStart(t.Context(), id))
	ctx := t.Context()
	c.slots <- struct{}{}
	go func() {
		defer close(c.done)
		defer func() { <-c.slots }()
		if c.failed = c.follow(ctx, id, order); c.failed == nil {
			for i, run := range order {
				c.ran[owners[i]] = append(c.ran[owners[i]], *run)
			}
		}
	}()
}

// follow waits for the container and takes its output apart.
func (c *corpus) follow(ctx context.Context, id engine.ContainerID, order []*stockRun) error {
	var out, problems bytes.Buffer
	if err := c.engine.ContainerLogs(ctx, id, engine.LogOptions{Follow: true}, &out, &problems); err != nil {
		return err
	}
	n := -1
	for line := range strings.Lines(out.String()) {
		text, belongs := strings.CutPrefix(line, "\t")
		if status, begins := strings.CutPrefix(line, "run "); begins && n+1 < len(order) {
			n++
			var err error
			if order[n].status, err = strconv.Atoi(strings.TrimSpace(status)); err != nil {
				return err
			}
		} else if belongs && n >= 0 {
			order[n].text += text
		}
	}
	if n+1 != len(order) {
		return fmt.Errorf("Liquibase ran %d times, not %d: %w: %s", n+1, len(order), io.ErrUnexpectedEOF, problems.String())
	}
	return nil
}

// wait waits for Liquibase's own side.
func (c *corpus) wait() error {
	<-c.done
	return c.failed
}
