package integration_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/image"
)

// testLitter puts into a folder what is found in such folders, and then builds it with instructions of every form: what
// is in the image must be what the engine's own builder makes of the whole folder.
func (w *workshop) testLitter(t *testing.T) {
	w.build(t)
	w.write(t, w.app+"/.env", "PASSWORD=x\n")
	w.write(t, w.app+"/core", "a dump")
	w.write(t, w.app+"/nohup.out", "a log")
	folder := filepath.Join(w.dir, w.app)
	near := filepath.Join(t.TempDir(), "s") // a socket's path is short
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: near})
	require.NoError(t, err)
	listener.SetUnlinkOnClose(false)
	require.NoError(t, listener.Close())
	require.NoError(t, os.Rename(near, filepath.Join(folder, "server.sock")))
	require.NoError(t, os.Symlink("/nowhere/at/all", filepath.Join(folder, "absolute")))
	require.NoError(t, os.Symlink("../../../nowhere", filepath.Join(folder, "out")))
	base, app := w.build(t)
	assert.True(t, base.Skipped && app.Skipped, "nothing takes it")

	before, err := os.ReadFile(filepath.Join(folder, "Dockerfile"))
	require.NoError(t, err)
	defer w.write(t, w.app+"/Dockerfile", string(before))
	w.takeAll(t)
	_, app = w.build(t)
	list := []string{"sh", "-c", "cd /taken && find . -printf '%p %y %l\n' | sort && find . -type f | sort | xargs -d " +
		"'\n' sha256sum"}
	ours := w.output(t, app.Ref, list...)

	for _, name := range []string{"server.sock", "out"} { // which the classic builder cannot be given
		require.NoError(t, os.Remove(filepath.Join(folder, name)))
	}
	ref := engine.Ref("localhost/poststack/" + w.app + ":whole")
	_, err = w.engine.Build(t.Context(), engine.BuildSpec{
		Dir: folder, Tags: []engine.Ref{ref}, Labels: map[string]string{image.LabelImage: w.app},
		Args: map[string]string{"BASE_IMAGE": string(base.Ref)},
	})
	require.NoError(t, err)
	assert.Equal(t, w.output(t, ref, list...), ours)
	assert.Contains(t, ours, "./00/a f ")
}

// takeAll has the application take files by every form of COPY.
func (w *workshop) takeAll(t *testing.T) {
	for name, content := range map[string]string{
		"a": "a", "b": "b", "c.txt": "c", "d/e": "e", "d/f/g.txt": "g", "d/.hidden": "h", "sp ace": "s", "l\u00fc": "l",
		"d/.env.example": "x",
	} {
		w.write(t, w.app+"/"+name, content)
	}
	for name, target := range map[string]string{
		"link": "chain", "chain": "d/e", "way": "d", "d/f/later": "/run/later", "d/f/up": "../e",
	} {
		require.NoError(t, os.Symlink(target, filepath.Join(w.dir, w.app, name)))
	}
	text := "ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nARG NAME=a\nENV FOLDER=d\n"
	for i, sources := range []string{
		`a`, `/b ./c.txt d/../a`, `d`, `d/.`, `?.txt d/*`, `*/f`, `"a" 'b'`, `${NAME}`, `$FOLDER/f ${NONE:-a}`, `link`, `way`,
		`way/f`,
		`l*`, `a nothing*`, "a \\\n  # a comment\n  b",
	} {
		text += fmt.Sprintf("COPY %s /taken/%02d/\n", sources, i)
	}
	text += `COPY ["sp ace", "l\u00fc", "/taken/json/"]` + "\nADD d /taken/add/\n"
	w.write(t, w.app+"/Dockerfile", text)
	w.reload(t)
	_, err := w.Build(t.Context(), w.base, image.Options{}, event.Reporter{})
	require.NoError(t, err)
}
