package e2e_test

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
	"github.com/poststack/poststack/tests/checkout"
)

// session is a person at a terminal in which mage runs.
type session struct {
	t   *testing.T
	tty *os.File
	cmd *exec.Cmd
	out chan string
	// unseen is what was read after the last text seen.
	unseen string
}

// sit starts mage in a terminal.
func sit(t *testing.T, c *checkout.Checkout, env []string, args ...string) *session {
	t.Helper()
	s := &session{t: t, cmd: c.Command(t.Context(),
		append([]string{"TERM=xterm", "PSQLRC=/dev/null", "PSQL_HISTORY=/dev/null"}, env...),
		args...), out: make(chan string, 1000)}
	var err error
	s.tty, err = pty.StartWithSize(s.cmd, &pty.Winsize{Rows: 24, Cols: 80})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.tty.Close() })
	go func() {
		defer close(s.out)
		in := bufio.NewReader(s.tty)
		for piece := make([]byte, 4096); ; {
			n, err := in.Read(piece)
			if n > 0 {
				s.out <- string(piece[:n])
			}
			if err != nil {
				return
			}
		}
	}()
	return s
}

// see reads on until the terminal has shown text after what was seen before.
func (s *session) see(text string) {
	s.t.Helper()
	for limit := time.After(2 * time.Minute); ; {
		if _, after, found := strings.Cut(s.unseen, text); found {
			s.unseen = after
			return
		}
		select {
		case piece, more := <-s.out:
			require.True(s.t, more, "waiting for %q; the terminal showed %q", text, s.unseen)
			s.unseen += piece
		case <-limit:
			require.Fail(s.t, "no sign", "waiting for %q; the terminal showed %q", text, s.unseen)
		}
	}
}

func (s *session) keys(text string) {
	s.t.Helper()
	_, err := s.tty.WriteString(text)
	require.NoError(s.t, err)
}

// end waits for mage and returns its exit status.
func (s *session) end() int {
	s.t.Helper()
	for range s.out { // what is still coming must be read
	}
	_ = s.cmd.Wait()
	return s.cmd.ProcessState.ExitCode()
}

// withoutPsql is a PATH of this machine's programs but psql.
func withoutPsql(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, from := range filepath.SplitList(os.Getenv("PATH")) {
		entries, _ := os.ReadDir(from)
		for _, entry := range entries {
			if entry.Name() != "psql" {
				_ = os.Symlink(filepath.Join(from, entry.Name()), filepath.Join(dir, entry.Name()))
			}
		}
	}
	return "PATH=" + dir
}

// awaitSleep returns when the server runs a query that sleeps.
func awaitSleep(t *testing.T, c *checkout.Checkout) {
	t.Helper()
	conn := connect(t, c.URL(t))
	defer conn.Close(t.Context())
	require.Eventually(t, func() bool {
		var sleeping bool
		err := conn.QueryRow(t.Context(),
			`select exists (select from pg_stat_activity where wait_event = 'PgSleep')`).Scan(&sleeping)
		return err == nil && sleeping
	}, time.Minute, 20*time.Millisecond)
}

// TestTerminal holds mage psql and mage shell to what a person at a terminal expects.
func TestTerminal(t *testing.T) {
	enginetest.AnyEngine(t)
	enginetest.ForEach(t, func(t *testing.T, kind engine.Kind) {
		c, e := checkout.New(t, kind), enginetest.Open(t, kind)
		r := c.Mage(t, nil, "psql")
		assert.Equal(t, 5, r.Code)
		assert.Contains(t, r.Stderr, "run mage setup", "nothing is started for it")
		c.OK(t, "db:start")

		for name, path := range map[string]string{
			"this machine's psql": "PATH=" + os.Getenv("PATH"), "the image's psql": withoutPsql(t),
		} {
			r = c.Mage(t, []string{path, "PGPASSWORD=wrong", "PGOPTIONS=-c search_path=nowhere"}, "psql",
				"-command=select 40 + 2, current_setting('search_path')")
			assert.Zero(t, r.Code, name)
			assert.Regexp(t, `42 \| .*public`, r.Stdout, name)
			r = c.Mage(t, []string{path}, "psql", "-command=select 1/0")
			assert.Equal(t, 1, r.Code, "%s: its own status", name)

			s := sit(t, c, []string{path}, "psql")
			s.see("=> ")
			s.keys("select 'slept' || pg_sleep(60);\r")
			s.see("60);")
			awaitSleep(t, c)
			s.keys("\x03")
			s.see("canceling statement due to user request")
			s.see("=> ")
			s.keys("select 20 + 3;\r")
			s.see("23")
			s.keys("\\q\r")
			assert.Zero(t, s.end(), name)
		}
		leftovers, err := filepath.Glob(filepath.Join(c.State, "*", "*psql-*"))
		require.NoError(t, err)
		assert.Empty(t, leftovers, "no password file stays")

		s := sit(t, c, nil, "logs", "-follow")
		s.see("ready to accept connections")
		s.keys("\x03")
		assert.Equal(t, 130, s.end(), "Ctrl-C ends what is followed")
		assert.Contains(t, c.OK(t, "logs", "-of=postgres", "-last=0").Stdout, "ready to accept connections")

		s = sit(t, c, nil, "shell", "base")
		s.see("# ")
		// What says so is what Ctrl-C ends: bash loses one that comes while it starts a program, or ends of it.
		s.keys("until [ \"$(stty size)\" = '24 80' ]; do :; done; bash -c 'echo sized-$((1 + 1)); exec sleep 60'\r")
		s.see("sized-2")
		require.NoError(t, pty.Setsize(s.tty, &pty.Winsize{Rows: 30, Cols: 100}))
		s.keys("\x03")
		s.see("# ") // what is typed before the prompt is lost when the shell changes the terminal's mode
		s.keys("until [ \"$(stty size)\" = '30 100' ]; do :; done; echo resized-$((1 + 1)); exit 9\r")
		s.see("resized-2") // the engine passes the new size on in its own time
		assert.Equal(t, 9, s.end(), "the shell's own status")
		mine, err := e.ContainerList(t.Context(), map[string]string{container.LabelRole: "base-debian"})
		require.NoError(t, err)
		assert.Empty(t, mine, "the disposable container has gone")
	})
}
