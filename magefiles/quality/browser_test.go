package quality_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestProject_Browser(t *testing.T) {
	t.Parallel()
	const program = "#!/bin/sh\n"

	t.Run("a browser that is there is taken", func(t *testing.T) {
		t.Parallel()
		root, run := t.TempDir(), &fake{answers: []answer{{prefix: gotestsum, stdout: passing}}}
		write(t, root, map[string]string{"bin/google-chrome": program, "bin/apt-get": program})
		p, _ := project(root, run, map[string]string{"PATH": filepath.Join(root, "bin")})
		require.NoError(t, p.Browser(t.Context()))
		assert.Empty(t, run.ran("apt-get"))
	})

	t.Run("without one and without apt it is said what to install", func(t *testing.T) {
		t.Parallel()
		run := &fake{}
		p, _ := project(t.TempDir(), run, nil)
		require.ErrorContains(t, p.Browser(t.Context()), "apt-get install chromium")
		assert.Empty(t, run.lines, "no test that needs one is tried")
	})

	t.Run("root gets Debian's", func(t *testing.T) {
		t.Parallel()
		root, run := t.TempDir(), &fake{answers: []answer{{prefix: gotestsum, stdout: passing}}}
		write(t, root, map[string]string{"bin/apt-get": program})
		p, _ := project(root, run, map[string]string{"PATH": filepath.Join(root, "bin")})
		err := p.Browser(t.Context())
		if os.Geteuid() != 0 {
			require.ErrorContains(t, err, "apt-get install chromium")
			return
		}
		require.NoError(t, err)
		assert.Equal(t,
			[]string{"apt-get -qq update", "apt-get -qq install -y --no-install-recommends chromium fonts-dejavu-core"},
			run.ran("apt-get"))
	})
}
