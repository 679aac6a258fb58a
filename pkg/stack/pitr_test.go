package stack_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/secret"
	"github.com/poststack/poststack/pkg/stack"
)

func TestParseTime(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"2026-11-30T12:00:00+01:00":     "2026-11-30T11:00:00Z",
		"2026-11-30T12:00:00.123456Z":   "2026-11-30T12:00:00.123456Z",
		"2026-11-30 12:00:00+01":        "2026-11-30T11:00:00Z",
		"2026-11-30 12:00:00.5-0330":    "2026-11-30T15:30:00.5Z",
		"2026-11-30 12:00:00.123456+00": "2026-11-30T12:00:00.123456Z",
		"2026-11-30T12:00:00+05":        "2026-11-30T07:00:00Z",
	} {
		at, err := stack.ParseTime(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, at.UTC().Format(time.RFC3339Nano), text)
	}
	at, err := stack.ParseTime("2026-11-30 12:00:00")
	require.NoError(t, err)
	assert.Equal(t, time.Local, at.Location(), "the zone of this machine")
	for _, text := range []string{"", "yesterday", "2026-11-30", "12:00", "2026-13-30 12:00:00", "1796009665"} {
		_, err := stack.ParseTime(text)
		var usage *stack.UsageError
		require.ErrorAs(t, err, &usage, text)
		assert.ErrorContains(t, err, "nothing was changed")
	}
}

func TestStack_Repository(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ca := filepath.Join(dir, "ca.pem")
	require.NoError(t, os.WriteFile(ca, []byte("the root"), 0o600))
	secrets := &secret.Set{}
	read := func(text string, mode os.FileMode) (settings, root string, err error) {
		file := filepath.Join(t.TempDir(), "archive.conf")
		require.NoError(t, os.WriteFile(file, []byte(text), mode))
		return stack.Repository(file, secrets)
	}
	settings, root, err := read("# ours\n\nrepo1-type=s3\nrepo1-s3-key = AKIA\nrepo1-storage-ca-file="+ca+"\n", 0o600)
	require.NoError(t, err)
	assert.Equal(t, "repo1-type=s3\nrepo1-s3-key=AKIA\nrepo1-storage-ca-file=/run/secrets/archive-root.pem\n", settings)
	assert.Equal(t, "the root", root)
	_, _, err = read("repo1-type=sftp\nrepo1-sftp-private-key-passphrase=horse\nrepo1-s3-key-secret=staple\n"+
		"repo1-cipher-pass=battery\nrepo1-s3-key-type=shared\n", 0o600)
	require.NoError(t, err)
	assert.NotRegexp(t, "AKIA|horse|staple|battery", secrets.Redact("AKIA horse staple battery"))
	assert.Equal(t, "shared", secrets.Redact("shared"), "it is no secret")
	for text, want := range map[string]string{
		"[global]\n": ":1 is no setting",
		"repo1-type=s3\nrepo1-retention-full=3\n":  ":2 is no setting",
		"repo1-s3-bucket=mine\n":                   "needs a repo1-type such as s3",
		"repo1-type=posix\n":                       "set database.archive to that",
		"pg1-path=/tmp\n":                          ":1 is no setting",
		"repo1-storage-ca-file=ca.pem\n":           ":1: ca.pem is no absolute path",
		"repo1-storage-ca-file=/none/ca.pem\n":     ":1: open /none/ca.pem: no such file",
		"repo1-s3-key=hunter-2\nrepo1-s3-secret\n": ":2 is no setting",
	} {
		_, _, err := read(text, 0o600)
		var usage *stack.UsageError
		require.ErrorAs(t, err, &usage, text)
		require.ErrorContains(t, err, want)
		assert.NotContains(t, err.Error(), "hunter-2")
	}
	_, _, err = read("repo1-type=s3\n", 0o644)
	require.ErrorContains(t, err, "chmod 600")
	_, _, err = stack.Repository(filepath.Join(dir, "none.conf"), secrets)
	require.ErrorContains(t, err, "no such file")
}
