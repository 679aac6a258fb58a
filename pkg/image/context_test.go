package image_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// staged gives what a builder would get of the image web with these instructions and files, content → "->TARGET" is a
// link.
func staged(t *testing.T, instructions string, files map[string]string) ([]string, error) {
	t.Helper()
	dir := family(t)
	rewrite(t, dir, "web/Dockerfile", plainDockerfile+instructions)
	for name, content := range files {
		file := filepath.Join(dir, "web", name)
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		if target, ok := strings.CutPrefix(content, "->"); ok {
			require.NoError(t, os.Symlink(target, file))
		} else {
			rewrite(t, dir, filepath.Join("web", name), content)
		}
	}
	c, out := load(t, dir), t.TempDir()
	if _, err := c.Digest("web", "bookworm"); err != nil {
		return nil, err
	}
	require.NoError(t, c.Stage("web", nil, out))
	var got []string
	err := filepath.WalkDir(out, func(path string, e os.DirEntry, err error) error {
		if name := strings.TrimPrefix(path, out+"/"); !e.IsDir() && name != "Dockerfile" && name != "entrypoint.sh" {
			got = append(got, name)
		}
		return err
	})
	return got, err
}

func TestContext(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"a": "", "b.txt": "", "c.txt": "", "d/e": "", "d/f/g": "", "d/.h": "", "a b": "", "x[1]": "", "x1": "", "ü": "",
		"l": "->m", "m": "->d/e", "n": "->d", "d/up": "->../a", ".env": "A=b", "broken": "->/nowhere", "brick": "",
	}
	for _, tc := range []struct {
		name, text string
		want       []string
	}{
		{"nothing else", "", nil},
		{"a file and a folder", "COPY a d /x/\n", []string{"a", "d/.h", "d/e", "d/f/g", "d/up"}},
		{"other spellings of a path", "COPY /a ./d/e d/../b.txt /x/\n", []string{"a", "b.txt", "d/e"}},
		{
			"wildcards, one of which finds a link", "COPY ?.txt d/* /x/\n",
			[]string{"a", "b.txt", "c.txt", "d/.h", "d/e", "d/f/g", "d/up"},
		},
		{"a file that is there on some days", "COPY a nothing* /x/\n", []string{"a"}},
		{"a wildcard that finds a broken link", "COPY br* /x/\n", []string{"brick", "broken"}},
		{"a wildcard for folders", "COPY */f /x/\n", []string{"d/f/g", "n"}},
		{"a space and a letter", `COPY ["a b", "ü", "/x/"]` + "\n", []string{"a b", "ü"}},
		{"brackets may be both", "COPY x[1] /x/\n", []string{"x1", "x[1]"}},
		{"a link to a link to a file", "COPY l /x/\n", []string{"d/e", "l", "m"}},
		{"a link to a folder", "COPY n /x/\n", []string{"d/.h", "d/e", "d/f/g", "d/up", "n"}},
		{"a path through a link", "COPY n/f /x/\n", []string{"d/f/g", "n"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := staged(t, tc.text, files)
			require.NoError(t, err)
			assert.Equal(t, tc.want, got)
		})
	}
}

func TestContext_refuses(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, text string
		files      map[string]string
		want       string
	}{
		{
			"what is not there", "COPY nothing /x\n", nil,
			"containers/web/Dockerfile:4: COPY nothing: nothing in the image's folder is called that",
		},
		{
			"an empty folder", "COPY d /x\n",
			map[string]string{"d/.DS_Store": ""},
			`COPY d: "d" holds no file that can go into an image`,
		},
		{
			"what .dockerignore leaves out", "COPY a /x\n",
			map[string]string{"a": "", ".dockerignore": "a\n"},
			`COPY a: "a" is left out: by .dockerignore`,
		},
		{
			"a link out of the folder", "COPY l /x\n",
			map[string]string{"l": "->../../etc"},
			`COPY l: link "l" leads out of the image's folder, to "../../etc"`,
		},
		{
			"an absolute link", "COPY l /x\n",
			map[string]string{"l": "->/etc/passwd"},
			`COPY l: link "l" leads out of the image's folder, to "/etc/passwd"`,
		},
		{
			"a link out of a folder that is taken", "COPY d /x\n",
			map[string]string{"d/l": "->../../x"},
			`link "d/l" leads out of the image's folder, to "../../x"`,
		},
		{
			"a link to nothing", "COPY l /x\n",
			map[string]string{"l": "->nothing"},
			`COPY l: "nothing" is not in the image's folder`,
		},
		{"links that lead to each other", "COPY l /x\n", map[string]string{"l": "->m", "m": "->l"}, `leads to itself`},
		{"a file with passwords", "COPY . /x\n", map[string]string{".env": "A=b"}, `COPY .: ".env" is the name of a file ` +
			`with secrets, and all who get the image could read it: name it in .dockerignore, or there as ` +
			`"!.env" if it belongs into the image`},
		{
			"one further down, in capitals", "COPY d /x\n",
			map[string]string{"d/x/Prod.ENV": "A=b"},
			`COPY d: "d/x/Prod.ENV" is the name of a file with secrets`,
		},
		{
			"a private key", "COPY d /x\n",
			map[string]string{"d/cert.pem": "Bag\n-----BEGIN EC PRIVATE KEY-----\n"},
			`containers/web/d/cert.pem: "d/cert.pem" holds a private key`,
		},
		{
			"a script from Windows", "COPY run /x\n",
			map[string]string{"run": "#!/bin/sh\r\ntrue\r\n"},
			"containers/web/run: the script has the line ends of Windows (CRLF)",
		},
		{
			"a part of a script from Windows", "COPY lib.sh /x\n",
			map[string]string{"lib.sh": "# functions\r\n"},
			"containers/web/lib.sh: the script has the line ends of Windows (CRLF)",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := staged(t, tc.text, tc.files)
			require.ErrorContains(t, err, tc.want)
		})
	}
}

func TestContext_takes_what_is_meant(t *testing.T) {
	t.Parallel()
	got, err := staged(t, "COPY d /x\n", map[string]string{
		"d/.env": "A=b", "d/key": "-----BEGIN PRIVATE KEY-----\n", "d/.env.example": "A=",
		"d/ca.pem":   "-----BEGIN CERTIFICATE-----\n",
		"d/page.txt": "text with\r\nthe line ends of Windows\r\n", ".dockerignore": "!d/.env\n!d/key\n",
	})
	require.NoError(t, err)
	assert.Equal(t, []string{"d/.env", "d/.env.example", "d/ca.pem", "d/key", "d/page.txt"}, got)
}
