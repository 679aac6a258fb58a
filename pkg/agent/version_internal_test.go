package agent

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestReadVersion(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]version{
		"2.4.1-4 (7d8c0bc)\n":         {2, 4, 1},
		"2.3.19.1 (9b53102964)\n":     {2, 3, 19, 1},
		"nginx version: nginx/1.26.3": {1, 26, 3},
	} {
		path := filepath.Join(t.TempDir(), "version")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		got, err := readVersion(path)
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
	none := filepath.Join(t.TempDir(), "version")
	require.NoError(t, os.WriteFile(none, []byte("unknown 7"), 0o600))
	_, err := readVersion(none)
	require.ErrorContains(t, err, none)
	_, err = readVersion(none + "x")
	require.ErrorContains(t, err, "read the daemon's version")
	got, err := readVersion("")
	require.NoError(t, err)
	assert.Nil(t, got)
}

func TestVersion_since(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		of    version
		first string
		want  bool
	}{
		{version{2, 4, 1}, "2.4", true},
		{version{2, 4}, "2.4", true},
		{version{2, 3, 19, 1}, "2.4", false},
		{version{2, 10}, "2.4", true},
		{version{1, 26}, "2.4", false},
	} {
		got, err := tc.of.since(tc.first)
		require.NoError(t, err)
		assert.Equal(t, tc.want, got, "%v since %s", tc.of, tc.first)
	}
	_, err := version{1, 26}.since("new")
	require.ErrorContains(t, err, `"new" is not a version`)
	_, err = version(nil).since("2.4")
	require.ErrorContains(t, err, "names no file")
}
