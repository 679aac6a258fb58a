package image_test

import (
	"crypto/sha256"
	"encoding/hex"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/image"
)

func sha(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

// digests gives the digest of every image in dir for bookworm.
func digests(t *testing.T, dir string) map[string]image.InputDigest {
	t.Helper()
	c, out := load(t, dir), map[string]image.InputDigest{}
	for _, name := range c.Names() {
		d, err := c.Digest(name, "bookworm")
		require.NoError(t, err)
		out[name] = d
	}
	return out
}

func TestDigest_is_the_same_everywhere(t *testing.T) {
	t.Parallel()
	first, second := family(t), family(t)
	err := filepath.WalkDir(second, func(path string, e os.DirEntry, err error) error {
		require.NoError(t, err)
		mode := os.FileMode(0o600) // another umask
		if e.IsDir() {
			mode = 0o700
		}
		require.NoError(t, os.Chmod(path, mode))
		return os.Chtimes(path, time.Unix(1e9, 0), time.Unix(1e9, 0))
	})
	require.NoError(t, err)
	assert.Equal(t, digests(t, first), digests(t, second))
	// Golden: a change of this value makes every image outdated once, which must be meant.
	assert.Equal(t, image.InputDigest("a7dd0d4f9ea2c730e6f0f4914fb039ce8074b41f1532690d8add604606e92484"),
		digests(t, first)["web"])
	assert.Len(t, digests(t, first)["web"].Short(), 12)
}

func TestDigest_changes_with_what_reaches_the_image(t *testing.T) {
	t.Parallel()
	change := func(path, content string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			file := filepath.Join(dir, path)
			require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
			require.NoError(t, os.WriteFile(file, []byte(content), 0o644))
		}
	}
	for _, tc := range []struct {
		name    string
		change  func(*testing.T, string)
		changed []string
	}{
		{"nothing", func(*testing.T, string) {}, nil},
		{"an entrypoint changes its image only", change("web/entrypoint.sh", "other"), []string{"web"}},
		{
			"a file of the base changes its children too",
			change("base/entrypoint.sh", "other"),
			[]string{"base", "mail", "web"},
		},
		{"a Dockerfile", change("mail/Dockerfile", confDockerfile+"USER 1\n"), []string{"mail"}},
		{"a new file that nothing takes does not", change("web/more", "x"), nil},
		{"a new file in a folder that is taken", change("mail/conf/more", "x"), []string{"mail"}},
		{"an empty directory does not: git has none", func(t *testing.T, dir string) {
			require.NoError(t, os.Mkdir(filepath.Join(dir, "mail/conf/d"), 0o755))
		}, nil},
		{"a renamed file", func(t *testing.T, dir string) {
			require.NoError(t, os.Rename(filepath.Join(dir, "mail/conf/a"), filepath.Join(dir, "mail/conf/b")))
		}, []string{"mail"}},
		{"an executable bit", func(t *testing.T, dir string) {
			require.NoError(t, os.Chmod(filepath.Join(dir, "web/entrypoint.sh"), 0o755))
		}, []string{"web"}},
		{"a link's target", func(t *testing.T, dir string) {
			require.NoError(t, os.Symlink("a", filepath.Join(dir, "mail/conf/link")))
		}, []string{"mail"}},
		{"an argument", change("web/image.yaml", "description: a server\nparent: base\nargs: { A: b }\n"), []string{"web"}},
		{"an artifact", change("web/image.yaml", artifactYAML("a", "a")), []string{"web"}},
		{"no parent any more", change("web/image.yaml", "description: a server\n"), []string{"web"}},
		{"the description does not", change("base/image.yaml",
			"description: other words\nuser: x\nstop: { timeout: 3s }\nenvironment: [ { name: A, help: b } ]\n"), nil},
		{"tests do not", change("web/tests/a_test.sh", "x"), nil},
		{"what an editor leaves does not", change("mail/conf/.a.swp", "x"), nil},
		{"what Python compiles does not", change("mail/conf/__pycache__/a.pyc", "x"), nil},
		{"a core dump does not", change("mail/conf/core.4711", coreDump), nil},
		{"a file that is called like one does", change("mail/conf/core", "x"), []string{"mail"}},
		{"a .dockerignore that hides nothing does not", change("mail/.dockerignore", "*.md\n"), nil},
		{"a hidden file does not", func(t *testing.T, dir string) {
			change("mail/.dockerignore", "conf/notes\n!conf/notes/keep\n")(t, dir)
			change("mail/conf/notes/a", "x")(t, dir)
		}, nil},
		{"a file that is taken back does", func(t *testing.T, dir string) {
			change("mail/.dockerignore", "conf/notes\n!conf/notes/keep\n")(t, dir)
			change("mail/conf/notes/keep", "x")(t, dir)
		}, []string{"mail"}},
		{"a Dockerfile that no COPY sees any more", change("mail/.dockerignore", "Dockerfile\n"), []string{"mail"}},
		{"secrets, sockets and broken links that nothing takes do not", func(t *testing.T, dir string) {
			change("mail/.env", "POSTGRES_PASSWORD=x\n")(t, dir)
			socket(t, filepath.Join(dir, "mail/s"))
			require.NoError(t, os.Symlink("/nowhere/at/all", filepath.Join(dir, "mail/absolute")))
			require.NoError(t, os.Symlink("../../../out", filepath.Join(dir, "mail/out")))
			require.NoError(t, os.Mkdir(filepath.Join(dir, "mail/private"), 0))
		}, nil},
		{"a socket in a folder that is taken does not", func(t *testing.T, dir string) {
			socket(t, filepath.Join(dir, "mail/conf/s"))
		}, nil},
		{"a broken link in a folder that is taken goes into the image", func(t *testing.T, dir string) {
			require.NoError(t, os.Symlink("/run/later", filepath.Join(dir, "mail/conf/later")))
		}, []string{"mail"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			dir := family(t)
			change("mail/Dockerfile", confDockerfile)(t, dir)
			change("mail/conf/a", "a")(t, dir)
			before := digests(t, dir)
			tc.change(t, dir)
			after := digests(t, dir)
			var changed []string
			for _, name := range []string{"base", "mail", "web"} {
				if before[name] != after[name] {
					changed = append(changed, name)
				}
			}
			assert.Equal(t, tc.changed, changed)
		})
	}
}

// confDockerfile takes a folder.
const confDockerfile = plainDockerfile + "COPY conf /etc/conf/\n"

// coreDump is the beginning of what Linux writes when a program crashes: an ELF file of type ET_CORE, elf(5).
const coreDump = "\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x04\x00\x3e\x00"

// socket leaves one, as a server does that was killed.
func socket(t *testing.T, path string) {
	t.Helper()
	near := filepath.Join(t.TempDir(), "s") // a socket's path is short
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: near})
	require.NoError(t, err)
	listener.SetUnlinkOnClose(false)
	require.NoError(t, listener.Close())
	require.NoError(t, os.Rename(near, path))
}

// artifactYAML declares one artifact file with that content, for the image web.
func artifactYAML(content, to string) string {
	return "description: a server\nparent: base\nartifacts: [ { name: a, version: \"1\", sources: [ { npm: \"a@1.0.0\" " +
		"} ], files: [ { path: a, sha256: " + sha(content) + ", to: " + to + " } ] } ]\n"
}

func TestDigest_of_artifacts(t *testing.T) {
	t.Parallel()
	seen := map[image.InputDigest]string{}
	for _, a := range [][2]string{{"a", "a"}, {"b", "a"}, {"a", "b"}} {
		dir := family(t)
		require.NoError(t, os.WriteFile(filepath.Join(dir, "web/image.yaml"), []byte(artifactYAML(a[0], a[1])), 0o644))
		d := digests(t, dir)["web"]
		assert.NotContains(t, seen, d)
		seen[d] = a[0]
	}
}

func TestDigest_of_the_suite(t *testing.T) {
	t.Parallel()
	dir := family(t)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "web/image.yaml"),
		[]byte("description: x\nparent: base\nargs: { SUITE: \"${suite}\" }\n"), 0o644))
	c := load(t, dir)
	for _, name := range c.Names() {
		bookworm, err := c.Digest(name, "bookworm")
		require.NoError(t, err)
		trixie, err := c.Digest(name, "trixie")
		require.NoError(t, err)
		assert.NotEqual(t, bookworm, trixie, name)
	}
}

func TestDigest_refuses(t *testing.T) {
	t.Parallel()
	dir := family(t)
	_, err := load(t, dir).Digest("nothing", "bookworm")
	require.ErrorContains(t, err, "unknown image")
}

func TestStage(t *testing.T) {
	t.Parallel()
	dir := family(t)
	web := filepath.Join(dir, "web")
	require.NoError(t, os.Chmod(filepath.Join(web, "entrypoint.sh"), 0o700))
	require.NoError(t, os.MkdirAll(filepath.Join(web, "lib/deep"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(web, "lib/deep/x"), []byte("x"), 0o600))
	require.NoError(t, os.Symlink("lib/deep/x", filepath.Join(web, "link")))
	require.NoError(t, os.MkdirAll(filepath.Join(web, "tests"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(web, ".dockerignore"), []byte("Dockerfile\nhidden\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(web, "hidden"), nil, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(web, "notes"), nil, 0o600))
	rewrite(t, dir, "web/Dockerfile", plainDockerfile+"COPY link artifacts/lib /x/\nCOPY l* /y/\n")
	jar := filepath.Join(t.TempDir(), "jar")
	require.NoError(t, os.WriteFile(jar, []byte("jar"), 0o600))
	rewrite(t, dir, "web/image.yaml", artifactYAML("jar", "artifacts/lib/a.jar"))

	out := t.TempDir()
	require.NoError(t, load(t, dir).Stage("web", map[string]string{"artifacts/lib/a.jar": jar}, out))
	got := map[string]string{}
	require.NoError(t, filepath.WalkDir(out, func(path string, e os.DirEntry, err error) error {
		require.NoError(t, err)
		info, err := e.Info()
		require.NoError(t, err)
		if e.Type()&os.ModeSymlink == 0 {
			assert.Equal(t, int64(1767225600), info.ModTime().Unix(), path)
		}
		rel, err := filepath.Rel(out, path)
		got[rel] = info.Mode().String()
		return err
	}))
	assert.Equal(t, map[string]string{
		".": "drwxr-xr-x", "Dockerfile": "-rw-r--r--", ".dockerignore": "-rw-r--r--", "entrypoint.sh": "-rwxr-xr-x",
		"link": "Lrwxrwxrwx",
		"lib":  "drwxr-xr-x", "lib/deep": "drwxr-xr-x", "lib/deep/x": "-rw-r--r--",
		"artifacts": "drwxr-xr-x", "artifacts/lib": "drwxr-xr-x", "artifacts/lib/a.jar": "-rw-r--r--",
	}, got)
}

func TestStage_refuses_an_artifact_over_a_file(t *testing.T) {
	t.Parallel()
	jar := filepath.Join(t.TempDir(), "jar")
	require.NoError(t, os.WriteFile(jar, []byte("jar"), 0o600))
	err := load(t, family(t)).Stage("web", map[string]string{"entrypoint.sh": jar}, t.TempDir())
	require.ErrorContains(t, err, "holds a file of that name already")
}
