package database_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/database"
	"github.com/poststack/poststack/pkg/secret"
)

func TestTarget_AddPass_and_WithPassFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "pgpass")
	here := target(password(secret.Value(hard())))
	other := target(func(t *database.Target) { t.User, t.Password = `a:b\c`, "other" })
	socket := target(func(t *database.Target) { t.Host, t.Port, t.Password = "/run/pg", 6000, "by socket" })
	content := here.AddPass(other.AddPass(socket.AddPass([]byte("# mine\n*:1:*:*:mine"))))
	content = here.AddPass(target(password("older")).AddPass(content))
	require.NoError(t, os.WriteFile(file, content, 0o600))
	assert.Equal(t, 5, strings.Count(string(content), "\n"), "one line for each, and what was there before: %s", content)
	for _, want := range []database.Target{here, other, socket} {
		bare := want
		bare.Password, bare.PassPath = "", file
		got, err := bare.WithPassFile()
		require.NoError(t, err)
		assert.Equal(t, want.Password.Reveal(), got.Password.Reveal())
	}
	elsewhere := target(func(t *database.Target) { t.Host, t.Password, t.PassPath = "else.example", "", file })
	_, err := elsewhere.WithPassFile()
	require.ErrorContains(t, err, `has no line for user "app" of database "mail" at else.example:5432`)

	require.NoError(t, os.Chmod(file, 0o640))
	_, err = elsewhere.WithPassFile()
	require.ErrorContains(t, err, "chmod 600")
	elsewhere.PassPath += ".none"
	_, err = elsewhere.WithPassFile()
	require.ErrorIs(t, err, os.ErrNotExist)
}
