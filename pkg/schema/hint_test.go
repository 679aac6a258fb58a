package schema_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/poststack/poststack/pkg/schema"
)

func TestHint(t *testing.T) {
	t.Parallel()
	vacuum := schema.Event{SQLState: "25001", SQL: "vacuum t", Cause: "VACUUM cannot run inside a transaction block"}
	level := schema.Event{
		SQLState: "25001", SQL: "\nSET TRANSACTION ISOLATION LEVEL serializable",
		Cause: "ERROR: SET TRANSACTION ISOLATION LEVEL must be called before any query",
	}
	meta := schema.Event{SQLState: "42601", Cause: `ERROR: syntax error at or near "\"`}
	data := schema.Event{
		SQLState: "57014",
		Cause:    "ERROR: COPY from stdin failed: COPY commands are only supported using the CopyManager API.",
	}
	enum := schema.Event{SQLState: "55P04"}
	for name, tc := range map[string]struct {
		failed        schema.Event
		each, outside bool
		want          string // "" is no hint
	}{
		"what runs only outside":            {vacuum, false, false, "runInTransaction:false"},
		"in transactions of their own, too": {vacuum, true, false, "runInTransaction:false"},
		"what is outside, and together":     {vacuum, false, true, "leave splitStatements:false out"},
		"a transaction has begun":           {level, false, false, "leave SET TRANSACTION out"},
		"one of its own, too":               {level, true, false, "leave SET TRANSACTION out"},
		"all in one transaction":            {enum, false, false, "POSTSTACK_TRANSACTION"},
		"not all in one":                    {enum, true, false, ""},
		"psql's own commands":               {meta, true, false, "for psql"},
		"data lines":                        {data, false, false, "INSERT"},
		"a time limit":                      {schema.Event{SQLState: "57014"}, false, false, "statement_timeout = 0"},
		"a lock of somebody else":           {schema.Event{SQLState: "55P03"}, false, true, "lock_timeout"},
		"what says it all":                  {schema.Event{SQLState: "42P01"}, false, false, ""},
	} {
		hint := schema.New(schema.Options{Each: tc.each}).HintFor(tc.failed, tc.outside)
		if assert.Contains(t, hint, tc.want, name); tc.want == "" {
			assert.Empty(t, hint, name)
		}
	}
}

func TestHint_of_what_exists_already(t *testing.T) {
	t.Parallel()
	table := schema.Event{SQLState: "42P07", SQL: "create table t (i int)"}
	role := schema.Event{SQLState: "42710", SQL: "CREATE  ROLE app"}
	assert.Contains(t, schema.HintAfter(table, false), "changelog-sync")
	assert.Contains(t, schema.HintAfter(table, true), "an earlier statement", "nothing else can have made it")
	assert.Contains(t, schema.HintAfter(role, true), "pg_roles", "another database's")
	assert.Contains(t, schema.HintAfter(role, false), "pg_roles")
}
