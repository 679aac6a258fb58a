package dockerfile_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine/dockerfile"
)

func parse(t *testing.T, text string) dockerfile.File {
	t.Helper()
	f, err := dockerfile.Parse([]byte(text))
	require.NoError(t, err)
	return f
}

func TestParse(t *testing.T) {
	t.Parallel()
	f := parse(t, "# note\nFROM a AS b\nRUN x \\\n  # between\n\n  && y\ncopy\t--from=b\t--chown=1 [\"c d\", "+
		"\"/e\"]\nARG A=1 B=\nONBUILD ADD f /g\nRUN <<E\nz\nE\n")
	require.Len(t, f.Instructions, 6)
	assert.Equal(t,
		dockerfile.Instruction{Line: 2, Verb: "FROM", Flags: []string{}, Words: []string{"a", "AS", "b"}, Text: "a AS b"},
		f.Instructions[0])
	assert.Equal(t, 3, f.Instructions[1].Line)
	assert.Equal(t, "x   && y", f.Instructions[1].Text)
	copied := f.Instructions[2]
	assert.Equal(t, []string{"c d", "/e"}, copied.Words)
	from, ok := copied.Flag("--from")
	assert.True(t, ok)
	assert.Equal(t, "b", from)
	assert.Equal(t, []dockerfile.Argument{{Name: "A", Default: "1", Given: true}, {Name: "B", Given: true}},
		f.Instructions[3].Arguments())
	assert.Equal(t, "ADD", f.Instructions[4].Trigger.Verb)
	assert.True(t, f.Instructions[5].Heredoc)

	_, err := dockerfile.Parse([]byte("FROM a\nENV b\n"))
	require.EqualError(t, err, "line 2: ENV must have two arguments")
	_, err = dockerfile.Parse(nil)
	require.EqualError(t, err, "file with no instructions")
}

func TestFile_Insert(t *testing.T) {
	t.Parallel()
	f := parse(t, "FROM a\r\n# note\r\nRUN b\r\n")
	assert.Equal(t, "FROM a\n# note\nRUN b\n", f.Insert(nil))
	assert.Equal(t, "FROM a\n# note\nLABEL c=d\nRUN b\n\nLABEL e=f",
		f.Insert(map[int]string{3: "LABEL c=d", 99: "LABEL e=f"}))
}

// What the builders make of each was seen on docker 20.10 (classic builder) and podman 4.3.
func TestFile_Sources(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, text string
		want       []string // "?" is one that may be anything
	}{
		{"all but the last word", "COPY a b /c/\n", []string{"a", "b"}},
		{"a JSON list", `COPY ["a b", "/c/"]`, []string{"a b"}},
		{"a list that is no JSON is words", `COPY ['a', "/c/"]`, []string{"[a,"}},
		{"quotes are no part of a word", `COPY "a" 'b' c\d /e/`, []string{"a", "b", "cd"}},
		{"an escaped wildcard in quotes stays one", `COPY 'a\*' /e/`, []string{`a\*`}},
		{"another stage's files are not of the context", "COPY --from=0 a /c\nCOPY --chown=1:1 b /c\n", []string{"b"}},
		{"an address is not of the context", "ADD https://example.org/a b /c/\n", []string{"b"}},
		{"a continued line with a comment in it", "COPY a \\\n # b\n c /d/\n", []string{"a", "c"}},
		{"two backslashes do not continue a line", "ENV X=1\\\\\nCOPY a /b\n", []string{"a"}},
		{"the default of an argument", "ARG X=a\nCOPY $X /b\n", []string{"a"}},
		{"an argument given", "ARG GIVEN=a\nCOPY ${GIVEN} /b\n", []string{"given"}},
		{"an argument of all stages", "ARG GLOBAL\nCOPY ${GLOBAL} /b\n", []string{"global"}},
		{"but not where it is not declared", "COPY x${GLOBAL} /b\n", []string{"x"}},
		{"ENV wins over ARG, wherever it stands", "ENV X=a\nARG X=b\nCOPY $X /c\n", []string{"a"}},
		{"as it does in an image below", "ARG BASE=b\nCOPY $BASE /c\n", []string{"base"}},
		{"what is set in the same ENV is not seen there", "ENV X=a\nENV X=b Y=$X\nCOPY $Y /c\n", []string{"a"}},
		{"the old form of ENV", "ENV X a b\nCOPY $X /c\n", []string{"a b"}},
		{"a later ARG is not seen", "COPY x$X /c\nARG X=a\n", []string{"x"}},
		{"what only a builder knows", "ARG TARGETARCH\nCOPY bin-$TARGETARCH /c\n", []string{"?"}},
		{"what is made of that", "ARG A\nENV X=$A\nCOPY $X /c\n", []string{"?"}},
		{"what Debian sets", "COPY x$PATH /c\n", []string{"?"}},
		{"an unknown value wins over a known argument", "ARG A\nENV X=$A\nARG X=b\nCOPY $X /c\n", []string{"?"}},
		{"a known value in place of an unknown one", "ARG A\nENV X=$A\nENV X=b\nCOPY $X /c\n", []string{"b"}},
		{"a default in place of nothing", "COPY ${X:-a} /c\n", []string{"a"}},
		{"a default in place", "ENV X=\nCOPY ${X:-a} /c\n", []string{"a"}},
		{"a quote without an end", "COPY \"a /c\n", []string{"?"}},
		{"a stage on a stage", "ENV X=a\nFROM first\nCOPY $X /c\n", []string{"a"}},
		{"a stage of its own", "ENV X=a\nFROM ${GLOBAL_BASE}\nCOPY y$X $BASE /c\n", []string{"y", "base"}},
		{"what a base has its children do", "FROM trigger\nCOPY a /b\n", []string{"triggered", "a"}},
		{"what it would have its own do", "ONBUILD COPY a /b\n", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f := parse(t, "ARG GLOBAL=global\nARG GLOBAL_BASE\nFROM ${GLOBAL_BASE} AS First\n"+tc.text)
			given := dockerfile.Variables{"GIVEN": "given", "GLOBAL_BASE": "localhost/base"}
			sources, _ := f.Sources(given, func(ref string) dockerfile.Image {
				switch ref {
				case "localhost/base":
					return dockerfile.Image{Env: dockerfile.Variables{"BASE": "base"}}
				case "trigger":
					return dockerfile.Image{Triggers: parse(t, "FROM x\nCOPY triggered /").Instructions[1:]}
				}
				return dockerfile.Image{}
			})
			var got []string
			for _, s := range sources {
				if s.Known {
					got = append(got, s.Pattern)
				} else {
					got = append(got, "?")
				}
			}
			assert.Equal(t, tc.want, got)
		})
	}
}
