package sbom_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/CycloneDX/cyclonedx-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/image"
	"github.com/poststack/poststack/pkg/inventory"
	"github.com/poststack/poststack/pkg/sbom"
)

// described is an image with something of every kind.
func described(t *testing.T) sbom.Image {
	t.Helper()
	return sbom.Image{
		Name: "mail", ID: "sha256:abc", Created: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Release: []byte("PRETTY_NAME=\"Debian\"\nVERSION_CODENAME=bookworm\n"),
		Packages: []inventory.Package{
			{Name: "login", Version: "1:4.13+dfsg1-1+deb12u1", Architecture: "amd64", Source: "shadow"},
			{Name: "bash", Version: "5.2.15-2+b13", Architecture: "amd64", Source: "bash@5.2.15-2"},
		},
		Artifacts: []image.Artifact{
			{Name: "liquibase", Version: "4.28.0", Files: []image.ArtifactFile{{To: "artifacts/lib/core.jar", SHA256: "01ab"}}},
			{Name: "agent", Sources: []image.Source{{Go: "./containers/agent"}}},
			{Name: "agent", Sources: []image.Source{{Go: "./containers/agent"}}}, // the parent has it too
		},
		Stages: []sbom.Image{{
			Name: "java", ID: "sha256:def", Packages: []inventory.Package{{Name: "openjdk", Version: "17", Architecture: "all"}},
		}},
		Program: func(name string) ([]byte, error) {
			assert.Equal(t, "agent", name)
			return os.ReadFile(testProgram(t))
		},
	}
}

// testProgram is a Go program: this one.
func testProgram(t *testing.T) string {
	t.Helper()
	name, err := os.Executable()
	require.NoError(t, err)
	return filepath.Clean(name)
}

func TestOf(t *testing.T) {
	t.Parallel()
	bom, err := sbom.Of(described(t))
	require.NoError(t, err)
	assert.Equal(t, "2026-01-02T03:04:05Z", bom.Metadata.Timestamp)
	assert.Equal(t, "mail", bom.Metadata.Component.Name)
	assert.Equal(t, cyclonedx.ComponentTypeContainer, bom.Metadata.Component.Type)
	found := map[string]cyclonedx.Component{}
	for _, c := range *bom.Components {
		require.NotContains(t, found, c.Name, "nothing is listed twice")
		found[c.Name] = c
	}
	assert.Equal(t, "pkg:deb/debian/bash@5.2.15-2%2Bb13?arch=amd64&distro=bookworm&upstream=bash%405.2.15-2",
		found["bash"].PackageURL)
	assert.Equal(t, "pkg:deb/debian/login@1:4.13%2Bdfsg1-1%2Bdeb12u1?arch=amd64&distro=bookworm&upstream=shadow",
		found["login"].PackageURL)
	assert.Equal(t, "4.28.0", found["liquibase"].Version)
	assert.Equal(t, "01ab", (*(*found["liquibase"].Components)[0].Hashes)[0].Value)
	assert.Equal(t, cyclonedx.ComponentTypeApplication, found["agent"].Type)
	assert.Regexp(t, `^pkg:golang/std@1\.`, found["std"].PackageURL)
	assert.Equal(t, "sha256:def", found["java"].Version)
	assert.Equal(t, "openjdk", (*found["java"].Components)[0].Name)
}

func TestOf_tells_which_program_it_cannot_read(t *testing.T) {
	t.Parallel()
	i := described(t)
	i.Program = func(string) ([]byte, error) { return nil, errors.New("gone") }
	_, err := sbom.Of(i)
	require.EqualError(t, err, `list artifact "agent" of image "mail": gone`)
	i.Program = func(string) ([]byte, error) { return []byte("#!/bin/sh\n"), nil }
	_, err = sbom.Of(i)
	require.ErrorContains(t, err, `list artifact "agent" of image "mail": `)
}
