package shell_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFirstError(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, log, want string }{
		{
			"the place, the cause and the statement",
			"psql:/init/10.sql:1: NOTICE:  fine\npsql:/init/10.sql:2: ERROR:  no such thing\nLINE 1: select x;\n" +
				"psql:/init/10.sql:2: STATEMENT:  select x;\npsql:/init/10.sql:3: ERROR:  later\n",
			" line 2: ERROR:  no such thing: select x",
		},
		{
			"a server that went away", "psql:<stdin>:4: error: connection to server was lost\n",
			" line 4: error: connection to server was lost",
		},
		{"nothing known", "gzip: /init/1.sql.gz: not in gzip format\n", ": did not work"},
		{
			"a long statement is cut", "psql:x:1: ERROR:  e\npsql:x:1: STATEMENT:  " + strings.Repeat("y", 999) + "\n",
			" line 1: ERROR:  e: " + strings.Repeat("y", 280),
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newStage(t)
			got := s.source(nil, `first_error "`+s.write("log", test.log)+`"`)
			assert.Equal(t, test.want, got.stdout, got.stderr)
		})
	}
}

func TestQuotes(t *testing.T) {
	s := newStage(t)
	got := s.source(nil, `quote_name 'a"b\c'; quote_text "it's \\ \$x"`)
	assert.Equal(t, `"a""b\c"'it''s \ $x'`, got.stdout, got.stderr)
}

func TestInitdbArguments(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                           "",
		"  --a   --b=c  ":            "<--a><--b=c>",
		`--a='b c' --d="e 'f'" g\ h`: "<--a=b c><--d=e 'f'><g h>",
		"--a=$HOME `id` $(id) *":     "<--a=$HOME><`id`><$(id)><*>",
	} {
		t.Run(in, func(t *testing.T) {
			s := newStage(t)
			got := s.source(map[string]string{"POSTGRES_INITDB_ARGS": in},
				`a=(); initdb_arguments a; ((${#a[@]} == 0)) || printf '<%s>' "${a[@]}"`)
			assert.Equal(t, want, got.stdout, got.stderr)
		})
	}
}

func TestHealthcheck(t *testing.T) {
	s := newStage(t)
	require.Equal(t, 1, s.script("healthcheck.sh", nil).code, "no server in the data directory")
	s.write("volume/data/postmaster.pid", "1\n/data\n1700000000\n6543\n/run/postgresql\n*\n1 1\nready   \n")
	got := s.script("healthcheck.sh", nil)
	require.Zero(t, got.code, got.stderr)
	assert.Equal(t, "pg_isready <--quiet> <--host=127.0.0.1> <--port=6543> <--username=postgres> <--dbname=postgres>",
		got.stdout)
}
