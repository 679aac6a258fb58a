package stack_test

import (
	"errors"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/inventory"
)

// dpkgStatus is what an image of these tests has installed.
const dpkgStatus = "Package: small\nStatus: install ok installed\nArchitecture: amd64\nInstalled-Size: 2\n" +
	"Version: 1.0\nDescription: x\n a: b\n\nPackage: gone\nStatus: deinstall ok config-files\nArchitecture: " +
	"amd64\nInstalled-Size: 900\nVersion: 1\n\nPackage: postgresql-15\nStatus: install ok installed\n" +
	"Architecture: amd64\nInstalled-Size: 1000\nSource: postgresql-15-src (15.20)\nVersion: 15.20-0+deb12u1\n"

// inventoryOf takes an inventory in a run of its own.
func inventoryOf(t *testing.T, b *bench) inventory.Inventory {
	t.Helper()
	s, ctx := b.openWith(t, &journal{})
	inv, err := s.Inventory(ctx)
	require.NoError(t, s.Close(err))
	return inv
}

func TestStack_Inventory(t *testing.T) {
	t.Parallel()
	t.Run("images by layer and package, and what a child has from its parent", func(t *testing.T) {
		t.Parallel()
		b := newBench(t).built(t, "base-debian").built(t, "postgres")
		b.engine.OnHistory = func(i engine.Image) []engine.Layer {
			layers := []engine.Layer{{Instruction: "RUN base", SizeBytes: 10}, {Instruction: "ENV A=b"}}
			if strings.Contains(string(i.Tags[0]), "postgres") {
				layers = append(layers, engine.Layer{Instruction: "RUN postgres", SizeBytes: 5})
			}
			return layers
		}
		b.engine.OnFile = func(_ engine.Ref, path string) []byte {
			assert.Equal(t, "/var/lib/dpkg/status", path)
			return []byte(dpkgStatus)
		}
		inv := inventoryOf(t, b)
		assert.Empty(t, inv.Problems)
		images := map[string]inventory.Image{}
		for _, i := range inv.Images {
			images[i.Name] = i
		}
		assert.Equal(t, []inventory.Layer{{Instruction: "RUN base", SizeBytes: 10}}, images["base-debian"].Layers)
		assert.Equal(t,
			[]inventory.Layer{
				{Instruction: "RUN base", SizeBytes: 10, Inherited: true}, {Instruction: "RUN postgres", SizeBytes: 5},
			},
			images["postgres"].Layers)
		assert.Equal(t, []inventory.Package{
			{
				Name: "postgresql-15", Version: "15.20-0+deb12u1", Architecture: "amd64",
				Source: "postgresql-15-src@15.20", SizeBytes: 1000 << 10, Inherited: true,
			},
			{Name: "small", Version: "1.0", Architecture: "amd64", SizeBytes: 2 << 10, Inherited: true},
		}, images["postgres"].Packages)
		assert.Contains(t, inv.Versions, inventory.Version{Of: "PostgreSQL", Version: "15.20-0+deb12u1", From: "the image"})
		assert.Contains(t, inv.Database.Answers, "none yet")

		for _, call := range b.engine.Calls() {
			assert.NotContains(t, call, "ContainerStart", "an inventory starts nothing")
		}
		left, err := b.engine.ContainerList(t.Context(), map[string]string{"org.poststack.disposable": "true"})
		require.NoError(t, err)
		assert.Empty(t, left)
		b.engine.OnFile = nil
		assert.Equal(t, inv.Images, inventoryOf(t, b).Images, "the second time packages come from the cache")
		kept, err := filepath.Glob(filepath.Join(b.config.CacheDir, "packages", "*.json"))
		require.NoError(t, err)
		assert.NotEmpty(t, kept)
	})
	t.Run("what cannot be looked at is told, and the rest is there", func(t *testing.T) {
		t.Parallel()
		b := newBench(t).built(t, "postgres")
		b.engine.OnCall = func(method, _ string) error {
			if method == "ContainerCreate" {
				return errors.New("create container: no space left\non the device")
			}
			return nil
		}
		inv := inventoryOf(t, b)
		assert.Equal(t, []string{"create container: no space left"}, inv.Problems)
		assert.NotEmpty(t, inv.Versions)
	})
}

func TestStack_OpenPage(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("other systems open files without asking for a display")
	}
	b, j := newBench(t), &journal{}
	s, ctx := b.openWith(t, j)
	require.NoError(t, s.OpenPage(ctx, "/tmp/report.html"), "without a display there is no failure")
	require.NoError(t, s.Close(nil))
	warnings := j.texts(event.Warning)
	require.Len(t, warnings, 1)
	assert.Contains(t, warnings[0], "there is no display")
	assert.Contains(t, warnings[0], "the file is /tmp/report.html")
}
