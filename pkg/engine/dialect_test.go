package engine_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/secret"
)

// goldenStep is a step without its time, which a replay does not have.
type goldenStep struct {
	Number, Total int
	Text          string
	Cached        bool `json:",omitempty"`
}

func TestBuildOutput(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"classic", "classic-cached", "classic-failed", "buildah", "buildah-cached", "buildah-failed", "buildah-stages",
		"buildkit", "buildkit-stages", "buildkit-failed",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(filepath.Join("testdata", "build", name+".txt"))
			require.NoError(t, err)
			kind, _, _ := strings.Cut(name, "-")
			dialect := engine.DialectClassic
			switch kind {
			case "buildah":
				dialect = engine.DialectBuildah
			case "buildkit":
				dialect = engine.DialectBuildKit
			}
			inserted := strings.Count(string(text), "LABEL org.poststack.build-args")
			for _, n := range []int{1, 7, len(text)} {
				steps, live, log, failure := engine.ParseBuild(dialect, string(text), n, inserted, nil)
				assert.NotContains(t, log, "\x1b", "colours")
				assert.GreaterOrEqual(t, len(live), len(steps), "each step is reported when it begins or ends")
				checkGolden(t, name, steps, failure)
			}
		})
	}
}

func checkGolden(t *testing.T, name string, steps []engine.Step, failure *engine.BuildError) {
	t.Helper()
	got := struct {
		Steps []goldenStep
		Step  string   `json:",omitempty"`
		Tail  []string `json:",omitempty"`
	}{}
	for _, s := range steps {
		got.Steps = append(got.Steps, goldenStep{s.Number, s.Total, s.Text, s.Cached})
	}
	if strings.HasSuffix(name, "-failed") {
		got.Step, got.Tail = failure.Step.Text, failure.Tail
	} else {
		for _, s := range steps {
			assert.Positive(t, s.Duration, s.Text)
		}
	}
	data, err := json.MarshalIndent(got, "", "  ")
	require.NoError(t, err)
	file := filepath.Join("testdata", "build", name+".golden.json")
	if os.Getenv("UPDATE_GOLDEN") != "" {
		require.NoError(t, os.WriteFile(file, append(data, '\n'), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.JSONEq(t, string(want), string(data))
}

func TestBuildError(t *testing.T) {
	t.Parallel()
	t.Run("the tail is redacted and at most 20 lines", func(t *testing.T) {
		t.Parallel()
		set := &secret.Set{}
		set.Add("hunter2")
		text := "STEP 1/1: RUN noise\n" + strings.Repeat("noise\n", 30) + "the password is hunter2\n"
		_, _, _, failure := engine.ParseBuild(engine.DialectBuildah, text, len(text), 0, set)
		require.Len(t, failure.Tail, 20)
		assert.Equal(t, "the password is "+secret.Mask, failure.Tail[19])
		assert.NotContains(t, failure.Error(), "hunter2")
	})
	t.Run("it names step and last line and keeps its cause", func(t *testing.T) {
		t.Parallel()
		cause := errors.New("exit status 1")
		err := &engine.BuildError{Step: engine.Step{Number: 3, Text: "RUN make"}, Tail: []string{"a", "no rule"}, Err: cause}
		assert.Equal(t, `build image: step 3 "RUN make": no rule`, err.Error())
		require.ErrorIs(t, err, cause)
		assert.Equal(t, "build image: exit status 1", (&engine.BuildError{Err: cause}).Error())
	})
	t.Run("what the builder says before any step is the tail", func(t *testing.T) {
		t.Parallel()
		text := "Error response from daemon: dockerfile parse error line 3: unknown instruction: FETCH\n"
		_, _, _, failure := engine.ParseBuild(engine.DialectClassic, text, len(text), 0, nil)
		assert.Empty(t, failure.Step.Text)
		assert.Contains(t, failure.Error(), "FETCH")
	})
}
