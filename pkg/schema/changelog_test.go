package schema_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/schema"
)

const includeParts = "databaseChangeLog:\n  - includeAll:\n      path: parts\n      relativeToChangelogFile: true\n"

// write makes a checkout whose changelogs directory holds those files.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		path := filepath.Join(root, "changelogs", name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	}
	return root
}

// load reads the changelog of those files; without a root it includes the directory parts.
func load(t *testing.T, files map[string]string) *schema.Changelog {
	t.Helper()
	if files[schema.DefaultRoot] == "" {
		files[schema.DefaultRoot] = includeParts
	}
	c, err := schema.LoadChangelog(write(t, files), "changelogs")
	require.NoError(t, err)
	return c
}

func TestLoadChangelogSpellings(t *testing.T) {
	t.Parallel()
	root := write(t, map[string]string{
		schema.DefaultRoot: includeParts, "parts/001.sql": "--liquibase formatted sql\n--changeset a:1\nselect 1;\n",
	})
	want, err := schema.LoadChangelog(root, "changelogs")
	require.NoError(t, err)
	for _, name := range []string{
		"changelogs/", "./changelogs", "changelogs/" + schema.DefaultRoot, "changelogs/" + schema.DefaultRoot + "/",
		filepath.Join(root, "changelogs"), filepath.Join(root, "changelogs", schema.DefaultRoot),
	} {
		got, err := schema.LoadChangelog(root, name)
		require.NoError(t, err, name)
		assert.Equal(t, want, got, name)
	}
	assert.Equal(t, "changelogs", want.Dir)
	assert.Equal(t, "changelogs/parts/001.sql", want.Display("parts/001.sql"))

	elsewhere, err := schema.LoadChangelog(t.TempDir(), filepath.Join(root, "changelogs"))
	require.NoError(t, err)
	assert.Equal(t, filepath.Join(root, "changelogs"), elsewhere.Dir)
	assert.Equal(t, want.Digest(), elsewhere.Digest())
}

func TestLoadChangelogFollowsLinks(t *testing.T) {
	t.Parallel()
	root := write(t, map[string]string{
		schema.DefaultRoot: includeParts, "parts/001.sql": "--liquibase formatted sql\n--changeset a:1\nselect 1;\n",
	})
	want, err := schema.LoadChangelog(root, "changelogs")
	require.NoError(t, err)

	mounted := t.TempDir() // as Kubernetes mounts a volume
	require.NoError(t,
		os.CopyFS(filepath.Join(mounted, "changelogs", "..2026_01"), os.DirFS(filepath.Join(root, "changelogs"))))
	require.NoError(t, os.Symlink("..2026_01", filepath.Join(mounted, "changelogs", "..data")))
	for _, name := range []string{"parts", schema.DefaultRoot} {
		require.NoError(t, os.Symlink("..data/"+name, filepath.Join(mounted, "changelogs", name)))
	}
	got, err := schema.LoadChangelog(mounted, "changelogs")
	require.NoError(t, err)
	assert.Equal(t, want, got)

	require.NoError(t, os.Symlink(".", filepath.Join(root, "changelogs", "loop")))
	_, err = schema.LoadChangelog(root, "changelogs")
	require.ErrorContains(t, err, `directory "loop" links to one that holds it`)

	require.NoError(t, os.Remove(filepath.Join(root, "changelogs", "loop")))
	require.NoError(t, os.Symlink("../gone.sql", filepath.Join(root, "changelogs", "parts", "002.sql")))
	_, err = schema.LoadChangelog(root, "changelogs")
	require.EqualError(t, err, "changelogs/parts/002.sql: symbolic link to a file that is not there")
}

func TestLoadChangelogMissing(t *testing.T) {
	t.Parallel()
	root := write(t, map[string]string{"other/a.sql": ""})
	for name, want := range map[string]string{
		"nowhere/root.yaml": "nowhere/root.yaml: no such file or directory",
		"changelogs":        "changelogs/" + schema.DefaultRoot + ": no such file or directory",
	} {
		_, err := schema.LoadChangelog(root, name)
		require.EqualError(t, err, want)
		var failed *schema.Error
		require.ErrorAs(t, err, &failed)
		assert.Equal(t, schema.MissingFile, failed.Kind)
	}
}

func TestDigest(t *testing.T) {
	t.Parallel()
	base := func() map[string]string { return map[string]string{"parts/001.sql": "a", "data.csv": "b"} }
	digests := map[string]string{}
	for name, change := range map[string]func(map[string]string){
		"as it is":           func(map[string]string) {},
		"a file is edited":   func(f map[string]string) { f["data.csv"] = "c" },
		"a file is added":    func(f map[string]string) { f["parts/002.sql"] = "a" },
		"a file is renamed":  func(f map[string]string) { delete(f, "data.csv"); f["datb.csv"] = "b" },
		"text moves between": func(f map[string]string) { f["parts/001.sql"] = "ab"; f["data.csv"] = "" },
	} {
		files := base()
		change(files)
		digest := load(t, files).Digest()
		assert.NotContains(t, digests, digest, name)
		digests[digest] = name
	}
	assert.Contains(t, digests, load(t, base()).Digest())
	for name, counts := range map[string]bool{"..2026/x.sql": false, ".git/HEAD": false, "parts/.002.sql": true} {
		hidden := base()
		hidden[name] = "x"
		assert.Equal(t, counts, digests[load(t, hidden).Digest()] == "", "%s: Liquibase runs hidden files, too", name)
	}
}
