package engine_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
	"github.com/poststack/poststack/pkg/session"
)

func TestBuild_has_a_bridge_of_its_own(t *testing.T) {
	needPodman(t)
	e := enginetest.Open(t, engine.Podman)
	if e.Info().Rootless {
		t.Skip("rootless podman has no bridge for builds")
	}
	image := enginetest.ProgramImage(t, e)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "Dockerfile"),
		[]byte("FROM "+string(image)+"\nRUN [\"/program\", \"cat\", \"/proc/net/route\"]\n"), 0o600))
	networks := func() (names []string) {
		list, err := e.NetworkList(t.Context(), session.Labels())
		require.NoError(t, err)
		for _, n := range list {
			names = append(names, n.Name)
		}
		return names
	}
	var log strings.Builder
	var during []string
	out, err := e.Build(t.Context(), engine.BuildSpec{Dir: dir, NoCache: true, Log: &log, OnStep: func(step engine.Step) {
		if strings.HasPrefix(step.Text, "RUN") && len(during) == 0 {
			during = networks()
		}
	}})
	require.NoError(t, err)
	defer func() { assert.NoError(t, e.ImageRemove(t.Context(), engine.Ref(out.ID))) }()
	require.Len(t, during, 1)
	assert.Contains(t, during[0], session.Mark())
	assert.Contains(t, log.String(), "eth0", "its steps reach it")
	assert.Empty(t, networks(), "it goes with the build")
}
