package e2e_test

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
	"github.com/poststack/poststack/pkg/present"
	"github.com/poststack/poststack/tests/checkout"
)

// TestOutput looks at what machines get to read: documents, and the log of GitHub Actions.
func TestOutput(t *testing.T) {
	t.Parallel()
	enginetest.AnyEngine(t)
	enginetest.ForEach(t, func(t *testing.T, kind engine.Kind) {
		c := checkout.New(t, kind)
		t.Run("a set-up is kept, whatever became of it", func(t *testing.T) { keptSetup(t, c) })
		t.Run("each target prints one document and nothing else", func(t *testing.T) { documents(t, c) })
		t.Run("a failure is a document too", func(t *testing.T) { failedDocument(t, c) })
		t.Run("GitHub gets one annotation of a broken changeset", func(t *testing.T) { annotated(t, c) })
		t.Run("exit statuses", func(t *testing.T) { exitStatuses(t, c) })
		t.Run("what each target gives is in the schema", func(t *testing.T) { everyTarget(t, c) })
	})
}

// asked is the setting that asks for documents.
func asked() []string { return []string{"POSTSTACK_OUTPUT=json"} }

// read takes documents from a stream and holds each to the schema of docs/.
func read(t *testing.T, stream string) []present.Document {
	t.Helper()
	schema := strictSchema(t)
	var list []present.Document
	for lines := json.NewDecoder(strings.NewReader(stream)); ; {
		var raw json.RawMessage
		err := lines.Decode(&raw)
		if err == io.EOF { //nolint:errorlint // Decode returns it as it is
			return list
		}
		require.NoError(t, err, stream)
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(raw)))
		require.NoError(t, err)
		require.NoError(t, schema.Validate(value), "%s", raw)
		var d present.Document
		require.NoError(t, json.Unmarshal(raw, &d))
		list = append(list, d)
	}
}

// strictSchema is the schema of docs/, which here refuses what it does not describe: members that are new, and what a
// target or a phase gives that has no rule in it.
func strictSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	path := filepath.Join("..", "..", "docs", "output.schema.json")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	loose, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	require.NoError(t, err)
	refuseUnknown(loose)
	compiler := jsonschema.NewCompiler()
	require.NoError(t, compiler.AddResource(path, loose))
	schema, err := compiler.Compile(path)
	require.NoError(t, err)
	return schema
}

// refuseUnknown closes all objects that a schema describes. Of a member that any value is right for, such as the
// result of a target, only those that a rule has looked at are; null has nothing to look at.
func refuseUnknown(node any) {
	switch node := node.(type) {
	case []any:
		for _, one := range node {
			refuseUnknown(one)
		}
	case map[string]any:
		for _, one := range node {
			refuseUnknown(one)
		}
		members, ok := node["properties"].(map[string]any)
		if _, typed := node["type"]; !ok || !typed {
			return
		}
		node["unevaluatedProperties"] = false
		for name, member := range members {
			if described, ok := member.(map[string]any); ok && described["type"] == nil && len(described) == 1 &&
				described["description"] != nil {
				delete(members, name)
				null := map[string]any{
					"if":   map[string]any{"properties": map[string]any{name: map[string]any{"type": "null"}}},
					"then": map[string]any{"properties": map[string]any{name: true}},
				}
				rules, _ := node["allOf"].([]any)
				node["allOf"] = append(rules, null)
			}
		}
	}
}

func TestOutput_schema(t *testing.T) {
	t.Parallel()
	schema := strictSchema(t)
	document := func(target, result, phases string) any {
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(`{"version": 1, "target": "` + target +
			`", "started": "2026-11-25T09:09:00Z", "seconds": 1, "outcome": "done",
			"exit_status": 0, "phases": [` + phases + `], "messages": [], "result": ` + result + `}`))
		require.NoError(t, err)
		return value
	}
	phase := func(name, data string) string {
		return `{"name": "` + name + `", "started": "2026-11-25T09:09:00Z", "seconds": 1, "outcome": "done", "steps": []` +
			data + `}`
	}
	require.NoError(t, schema.Validate(document("later:new", "null", phase("later:new", ""))))
	require.NoError(t,
		schema.Validate(document("report", `{"report": "x"}`, phase("dns:remove", `, "data": {"removed": "x", "with": []}`))))
	for why, value := range map[string]any{
		"a target without a rule": document("later:new", `{}`, ""), "another result": document("report", `{"report": 1}`, ""),
		"a new member":                  document("report", `{"report": "x", "new": 1}`, ""),
		"a phase without a rule":        document("setup", "null", phase("later:new", `, "data": {}`)),
		"a result that lacks something": document("alias:list", `[{"address": "x", "enabled": true}]`, ""),
	} {
		assert.Error(t, schema.Validate(value), why)
	}
}

// lastSetup is the document that the last set-up has left.
func lastSetup(t *testing.T, c *checkout.Checkout) present.Document {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(c.Dir, "logs", "last-setup.json"))
	require.NoError(t, err)
	return read(t, string(text))[0]
}

func keptSetup(t *testing.T, c *checkout.Checkout) {
	t.Helper()
	require.Equal(t, 2, c.Mage(t, []string{"POSTSTACK_DATABASE_PORT=many"}, "setup").Code)
	refused := lastSetup(t, c)
	assert.Equal(t, 2, refused.ExitStatus)
	assert.Contains(t, refused.Error, "POSTSTACK_DATABASE_PORT")

	c.OK(t, "setup")
	first := lastSetup(t, c)
	assert.Equal(t, "done", string(first.Outcome))
	assert.Len(t, first.Phases, 7)
	c.OK(t, "setup", "status")
	again := lastSetup(t, c)
	assert.Equal(t, "unchanged", string(again.Outcome))
	assert.Equal(t, "setup", again.Target, "what is named beside it leaves it alone")
}

func documents(t *testing.T, c *checkout.Checkout) {
	t.Helper()
	url := c.URL(t)
	targets := []string{
		"setup", "db:url", "status", "images", "engine:status", "config:show", "schema:status", "verify:db", "db:start",
		"build:all", "schema:update", "down", "db:start",
	}
	r := c.Mage(t, asked(), targets...)
	require.Zero(t, r.Code)
	assert.Empty(t, r.Stderr)
	got := read(t, r.Stdout)
	require.Len(t, got, len(targets))
	for i, d := range got {
		assert.Equal(t, targets[i], d.Target)
	}
	result, ok := got[1].Result.(map[string]any)
	require.True(t, ok)
	assert.Equal(t, url, result["url"], "what was asked for is not masked")
}

func failedDocument(t *testing.T, c *checkout.Checkout) {
	t.Helper()
	r := c.Mage(t, append(asked(), "DATABASE_URL=postgres://app:s3cr3t-e2e@127.0.0.1:1/mail"), "verify:db")
	assert.Equal(t, 5, r.Code)
	got := read(t, r.Stdout)
	require.Len(t, got, 1)
	assert.Equal(t, 5, got[0].ExitStatus)
	assert.Equal(t, "failed", string(got[0].Outcome))
	assert.NotContains(t, r.Stdout, "s3cr3t-e2e")
}

func annotated(t *testing.T, c *checkout.Checkout) {
	t.Helper()
	c.Write(t, "changelogs/schema/050_a,b.sql", func(string) string {
		return "--liquibase formatted sql\n--changeset ops:k25\ncreate table k25(\n  share text default '100%'\n  " +
			"oops\n);\n--rollback drop table k25;\n"
	})
	summary := filepath.Join(t.TempDir(), "summary.md")
	r := c.Mage(t, []string{"GITHUB_ACTIONS=true", "GITHUB_STEP_SUMMARY=" + summary, "CLICOLOR_FORCE=1"}, "schema:update")
	assert.Equal(t, 6, r.Code)
	errors := regexp.MustCompile(`(?m)^::error .*$`).FindAllString(r.Stderr, -1)
	require.Len(t, errors, 1)
	assert.Regexp(t, `^::error file=changelogs/schema/050_a%2Cb\.sql,line=\d+,title=schema%3Aupdate::.*syntax error.*%0A`,
		errors[0])
	assert.Equal(t, strings.Count(r.Stderr, "::group::"), strings.Count(r.Stderr, "::endgroup::"))
	assert.NotContains(t, r.Stderr, "\x1b")
	text, err := os.ReadFile(summary)
	require.NoError(t, err)
	assert.Contains(t, string(text), "| schema:update | failed |")

	elsewhere := c.Mage(t, nil, "schema:update")
	assert.Equal(t, 6, elsewhere.Code)
	assert.NotRegexp(t, `(?m)^::`, elsewhere.Stdout+elsewhere.Stderr, "outside GitHub Actions there are no commands")
}

// exitStatuses are those of docs/architecture.md, from outside; what an interrupt gives is tested with interrupts.
func exitStatuses(t *testing.T, c *checkout.Checkout) {
	t.Helper()
	program := filepath.Join(t.TempDir(), "poststack")
	c.OK(t, "-compile", program)
	for _, tc := range []struct {
		name   string
		target string
		env    []string
		file   string // is broken meanwhile
		want   int
	}{
		{name: "all is well", target: "setup", want: 0},
		{name: "the log directory is a file", target: "report", file: "logs", want: 1},
		{name: "a setting is wrong", target: "setup", env: []string{"LOG_LEVEL=loud"}, want: 2},
		{
			name: "no engine works", target: "setup",
			env: []string{"PATH=/nowhere", "DOCKER_HOST=unix:///nowhere.sock"}, want: 3,
		},
		{name: "an image cannot be built", target: "setup", file: "containers/base-debian/Dockerfile", want: 4},
		{
			name: "the database does not answer", target: "verify:db",
			env: []string{"DATABASE_URL=postgres://app@127.0.0.1:1/mail"}, want: 5,
		},
		{name: "the schema cannot be migrated", target: "setup", file: "changelogs/schema/900_broken.sql", want: 6},
	} {
		t.Run(tc.name, func(t *testing.T) {
			switch {
			case tc.file == "logs":
				logs := filepath.Join(c.Dir, "logs")
				require.NoError(t, os.Rename(logs, logs+".kept"))
				t.Cleanup(func() { assert.NoError(t, os.Rename(logs+".kept", logs)) }) // after Write has removed the file
				c.Write(t, "logs", func(string) string { return "" })
			case strings.HasSuffix(tc.file, ".sql"):
				c.Write(t, tc.file, func(string) string {
					return "--liquibase formatted sql\n--changeset e2e:x\ncreate oops;\n--rollback empty\n"
				})
			case tc.file != "":
				c.Write(t, tc.file, func(s string) string { return s + "\nRUN exit 9\n" })
			}
			cmd := c.Command(t.Context(), tc.env, tc.target)
			cmd.Path, cmd.Args = program, []string{program, tc.target}
			text, _ := cmd.CombinedOutput()
			assert.Equal(t, tc.want, cmd.ProcessState.ExitCode(), "%s", text)
		})
	}
}
