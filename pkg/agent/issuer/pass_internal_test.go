package issuer

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/agent/feed"
	"github.com/poststack/poststack/pkg/agent/process"
	"github.com/poststack/poststack/pkg/agent/rows"
	"github.com/poststack/poststack/pkg/agent/status"
	"github.com/poststack/poststack/pkg/runner/runnertest"
)

// working is an issuer whose certbot is a script. The table takes whatever it is told.
func working(t *testing.T, script string) *Issuer {
	t.Helper()
	i := issuerIn(t)
	require.NoError(t, os.MkdirAll(i.Paths.State, 0o700))
	i.Paths.Program, i.Paths.Status = filepath.Join(t.TempDir(), "certbot"), filepath.Join(t.TempDir(), "status.json")
	runnertest.WriteFile(t, i.Paths.Program, "#!/bin/sh\n"+script, 0o755)
	i.Options.Directory = "https://ca/dir"
	i.Exec = func(context.Context, string, ...any) error { return nil }
	i.gone, i.unsaid = map[string]time.Time{}, map[int64]change{}
	i.board = status.NewBoard("certbot", i.Paths.Status, func(err error) { assert.NoError(t, err) })
	var err error
	i.procs, err = processes()
	require.NoError(t, err)
	return i
}

// processes are those of this test binary: a table takes note of every child that ends.
var processes = sync.OnceValues(func() (*process.Table, error) { //nolint:gochecknoglobals // a process has one
	table, err := process.NewTable()
	if err == nil {
		go table.Reap(context.Background())
	}
	return table, err
})

func TestPass_tells_of_one_while_another_is_ordered(t *testing.T) {
	t.Parallel()
	hold := filepath.Join(t.TempDir(), "hold")
	require.NoError(t, os.WriteFile(hold, nil, 0o600))
	i := working(t, `case "$*" in *" a.example.org"*) echo "a.example.org leads nowhere"; exit 1 ;; esac
while [ -e `+hold+` ]; do sleep 0.01; done
exit 1
`)
	wanted, err := rows.Parse([]byte(`[
		{"id": 1, "directory": "a", "names": ["a.example.org"], "status": "wanted", "challenge": "http-01", "enabled": true},
		{"id": 2, "directory": "b", "names": ["b.example.org"], "status": "wanted", "challenge": "http-01", "enabled": true}
	]`), "directory")
	require.NoError(t, err)
	i.latest = &feed.Reading{Rows: rows.Set{"certificates": wanted}, At: time.Now()}
	done := make(chan time.Time)
	go func() { done <- i.pass(t.Context(), t.Context()) }()
	require.Eventually(t, func() bool {
		now := i.board.Now()
		return len(now.LeftOut) == 1 && now.LeftOut[0].Key == "a" && now.LeftOut[0].Error == "a.example.org leads nowhere"
	}, time.Minute, time.Millisecond, "the other order goes on")
	require.NoError(t, os.Remove(hold))
	<-done
	assert.Len(t, i.board.Now().LeftOut, 2)
}

func TestAsk(t *testing.T) {
	t.Parallel()
	for said, tries := range map[string]int{
		"urn:ietf:params:acme:error:badNonce :: The client sent an unacceptable anti-replay nonce": 2,
		"urn:ietf:params:acme:error:accountDoesNotExist :: The request specified an account":       2,
		"urn:ietf:params:acme:error:rateLimited :: There were too many requests":                   1,
	} {
		count := filepath.Join(t.TempDir(), "count")
		i := working(t, "echo >>"+count+"\necho "+said+"\nexit 1\n")
		require.ErrorContains(t, i.ask(t.Context(), []string{i.Paths.Program}, "https://ca.example.org/dir", time.Minute),
			said)
		made, err := os.ReadFile(count)
		require.NoError(t, err)
		assert.Len(t, made, tries, said)
	}
}

func TestCertbot_that_never_ends(t *testing.T) {
	t.Parallel()
	pid := filepath.Join(t.TempDir(), "pid")
	i := working(t, "echo $$ >"+pid+"\nexec sleep 600\n")
	err := i.certbot(t.Context(), []string{i.Paths.Program}, 300*time.Millisecond)
	require.ErrorIs(t, err, errTimeout)
	assert.Empty(t, i.known, "the next one can be asked for")
}
