package engine_test

import (
	"os"
	"slices"
	"testing"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
)

func TestContract(t *testing.T) {
	t.Run("fake", func(t *testing.T) {
		enginetest.Run(t, func(testing.TB) enginetest.API { return enginetest.NewFake() })
	})
	for _, kind := range []engine.Kind{engine.Podman, engine.Docker} {
		t.Run(string(kind), func(t *testing.T) {
			if kinds := enginetest.Kinds(t); !slices.Contains(kinds, kind) {
				t.Skipf("%s=%q leaves it out", enginetest.EnvEngines, os.Getenv(enginetest.EnvEngines))
			}
			enginetest.Run(t, func(tb testing.TB) enginetest.API { return enginetest.Open(tb, kind) })
		})
	}
}
