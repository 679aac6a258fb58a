package agent_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/agent"
	"github.com/poststack/poststack/pkg/agent/declaration"
	"github.com/poststack/poststack/pkg/agent/feed"
	"github.com/poststack/poststack/pkg/agent/rows"
	"github.com/poststack/poststack/pkg/agent/status"
	"github.com/poststack/poststack/pkg/certificate"
)

// The agent reaps every child of its process, so each test runs one in a process of its own: this program again.
func TestMain(m *testing.M) {
	if path := os.Getenv("AGENT_TEST_DECLARATION"); path != "" {
		os.Exit(child(path))
	}
	os.Exit(m.Run())
}

// child is an agent whose database is the file that AGENT_TEST_DATABASE names.
func child(path string) int {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGHUP, syscall.SIGUSR1,
		syscall.SIGUSR2, syscall.SIGWINCH)
	d, err := declaration.Load(path, os.Getenv)
	code := 1
	if err == nil {
		database := fileDatabase(os.Getenv("AGENT_TEST_DATABASE"))
		a := &agent.Agent{
			Declaration: d, Open: database.open, Getenv: os.Getenv, Environ: os.Environ(),
			Stdout: os.Stdout, Stderr: os.Stderr, Log: os.Stderr, Signals: signals,
		}
		switch {
		case os.Getenv("AGENT_TEST_TRY") != "":
			code, err = 0, a.Try(context.Background())
		case os.Getenv("AGENT_TEST_REHEARSE") != "":
			code, err = 0, a.Rehearse(context.Background())
		default:
			code, err = a.Run(context.Background())
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return max(code, 1)
	}
	return code
}

// fileDatabase is a database in a JSON file: query → rows. Without the file it is down; one with an "error" refuses.
type fileDatabase string

func (f fileDatabase) open(context.Context) (feed.Session, error) {
	if _, err := os.Stat(string(f)); err != nil {
		return nil, errors.New("the database is down")
	}
	return &fileSession{path: string(f)}, nil
}

type fileSession struct {
	path string
	seen []byte
	dead bool
}

func (s *fileSession) Alive() bool                { return !s.dead }
func (s *fileSession) Close()                     { s.dead = true }
func (s *fileSession) Ping(context.Context) error { return nil }

func (s *fileSession) Read(context.Context) (rows.Set, error) {
	content, err := os.ReadFile(s.path)
	if err != nil {
		s.dead = true
		return nil, err
	}
	s.seen = content
	var all map[string]json.RawMessage
	if err := json.Unmarshal(content, &all); err != nil {
		return nil, err
	}
	if why, refused := all["error"]; refused {
		return nil, fmt.Errorf("refused: %s", why)
	}
	out := rows.Set{}
	for name, list := range all {
		if out[name], err = rows.Parse(list, "name"); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (s *fileSession) Wait(ctx context.Context) (status.Change, error) {
	for ctx.Err() == nil {
		content, err := os.ReadFile(s.path)
		if errors.Is(err, fs.ErrNotExist) {
			s.dead = true
			return status.Change{}, errors.New("the database has gone")
		}
		if !bytes.Equal(content, s.seen) {
			s.seen = content
			return status.Change{Table: "domains", Op: "update", Key: "1"}, nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return status.Change{}, ctx.Err()
}

// The daemon of the tests writes down which file it has read, at each start and reload, and what it was told.
const daemon = `
note() { echo "$1 $(cat files/list | tr '\n' ' ')" >>"$TEST_DIR/daemon"; }
trap 'note reload' HUP; trap 'note user' USR1; trap 'note winch' WINCH; trap 'note quit; exit 5' QUIT
note start
while :; do sleep 1 >/dev/null 2>&1 & wait $!; done # a signal ends the wait
`

const declared = `
service: test
daemon:
  run: [/bin/sh, -c, 'cd .. && . ./daemon.sh']
  reload: { signal: SIGHUP }
  stop: { signal: SIGQUIT, again: SIGKILL, timeout: 1m }
check: { run: [/bin/sh, -c, '! grep -H bad list sites/*'] }
directory: ${TEST_DIR}/files
kept: ${TEST_DIR}/kept/rows.json
status: ${TEST_DIR}/status.json
start: { wait: 1m, without: true }
bounds: { alone: 30ms, burst: 100ms, ping: 200ms, retry: 50ms }
queries: { domains: { key: name, sql: select 1 } }
outputs:
  - { template: site.tmpl, each: domains, path: "sites/{{.row.name}}" }
  - { template: list.tmpl, path: list }
`

// run is a running agent.
type run struct {
	*testing.T
	dir   string
	cmd   *exec.Cmd
	ended chan struct{}
}

// prepare writes a declaration, whose lines are replaced in pairs.
func prepare(t *testing.T, replace ...string) *run {
	t.Helper()
	r := &run{T: t, dir: t.TempDir()}
	r.write("agent.yaml", strings.NewReplacer(replace...).Replace(declared))
	r.write("daemon.sh", daemon)
	r.write("site.tmpl", "{{.row.name}} {{.row.text}}\n")
	r.write("list.tmpl", "{{range .domains}}{{.name}}={{.text}}\n{{end}}")
	return r
}

func (r *run) write(name, content string) {
	r.Helper()
	path := filepath.Join(r.dir, name)
	require.NoError(r, os.WriteFile(path+".new", []byte(content), 0o644))
	require.NoError(r, os.Rename(path+".new", path))
}

// rows are what the database holds: name, text, name, text…
func (r *run) rows(pairs ...string) {
	r.Helper()
	list := []map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, map[string]string{"name": pairs[i], "text": pairs[i+1]})
	}
	content, err := json.Marshal(map[string]any{"domains": list})
	require.NoError(r, err)
	r.write("database.json", string(content))
}

func (r *run) down() {
	r.Helper()
	require.NoError(r, os.Remove(filepath.Join(r.dir, "database.json")))
}

// start starts the agent.
func (r *run) start(env ...string) *run {
	r.Helper()
	self, err := os.Executable()
	require.NoError(r, err)
	r.cmd = exec.Command(self)
	r.cmd.Env = append(os.Environ(), "TEST_DIR="+r.dir, "AGENT_TEST_DECLARATION="+filepath.Join(r.dir, "agent.yaml"),
		"AGENT_TEST_DATABASE="+filepath.Join(r.dir, "database.json"), "LOG_LEVEL=debug")
	r.cmd.Env = append(r.cmd.Env, env...)
	output, err := os.Create(filepath.Join(r.dir, "output"))
	require.NoError(r, err)
	r.cmd.Stdout, r.cmd.Stderr = output, output // a file: the daemon may outlive the agent, and would keep a pipe open
	require.NoError(r, r.cmd.Start())
	ended := make(chan struct{})
	r.ended = ended
	cmd := r.cmd
	go func() { defer close(ended); _ = cmd.Wait(); _ = output.Close() }()
	r.Cleanup(func() {
		select {
		case <-ended:
			return
		default:
		}
		_ = cmd.Process.Kill() // first, as it would start the daemon again
		<-ended
		if s, err := status.Read(filepath.Join(r.dir, "status.json")); err == nil && s.PID > 0 {
			_ = syscall.Kill(-s.PID, syscall.SIGKILL)
		}
	})
	return r
}

// log is what the agent has written.
func (r *run) log() string {
	r.Helper()
	content, err := os.ReadFile(filepath.Join(r.dir, "output"))
	require.NoError(r, err)
	return string(content)
}

func (r *run) signal(s syscall.Signal) {
	r.Helper()
	require.NoError(r, r.cmd.Process.Signal(s))
}

// code waits for the end, and gives the exit status.
func (r *run) code() int {
	r.Helper()
	select {
	case <-r.ended:
	case <-time.After(time.Minute):
		require.Fail(r, "the agent goes on")
	}
	return r.cmd.ProcessState.ExitCode()
}

func (r *run) stop() int {
	r.Helper()
	r.signal(syscall.SIGTERM)
	return r.code()
}

// said waits until the daemon has written this line last.
func (r *run) said(line string) {
	r.Helper()
	last := ""
	ok := assert.Eventually(r, func() bool {
		lines := r.daemon()
		last = lines[len(lines)-1]
		return last == line
	}, time.Minute, 20*time.Millisecond)
	require.True(r, ok, "the daemon said %q, not %q", last, line)
}

// daemon is what the daemon has written.
func (r *run) daemon() []string {
	content, _ := os.ReadFile(filepath.Join(r.dir, "daemon"))
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return lines
}

// tells waits for a status.
func (r *run) tells(is func(status.Status) bool) status.Status {
	r.Helper()
	var last status.Status
	ok := assert.Eventually(r, func() bool {
		s, err := status.Read(filepath.Join(r.dir, "status.json"))
		last = s
		return err == nil && is(s)
	}, time.Minute, 20*time.Millisecond)
	require.True(r, ok, "%+v", last)
	return last
}

func TestAgent(t *testing.T) {
	t.Parallel()
	r := prepare(t)
	r.rows("a", "1")
	r.start()
	r.said("start a=1")
	r.rows("a", "1", "b", "2")
	r.said("reload a=1 b=2")
	r.rows("b", "2")
	r.said("reload b=2")
	s := r.tells(func(s status.Status) bool { return s.Reloads == 2 })
	assert.Equal(t, status.Serving, s.State)
	assert.Equal(t, status.Database, s.Rows)
	assert.True(t, s.Connected)
	assert.Equal(t, "domains", s.LastChange.Table)
	line, err := s.Health()
	require.NoError(t, err)
	assert.Equal(t, "test serves, rows: database", line)
	assert.Equal(t, 5, r.stop(), "the daemon's own status")
	assert.Equal(t, "quit b=2", r.daemon()[3])
	assert.Equal(t, status.Stopping, r.tells(func(status.Status) bool { return true }).State)
}

func TestAgent_without_the_database(t *testing.T) {
	t.Parallel()
	r := prepare(t, "wait: 1m", "wait: 300ms")
	r.start()
	r.said("start")
	s := r.tells(func(s status.Status) bool { return s.State == status.Serving })
	assert.Equal(t, status.None, s.Rows)
	assert.False(t, s.Connected)
	line, err := s.Health()
	require.NoError(t, err, "it serves")
	assert.Contains(t, line, "the database is away since")

	r.rows("a", "1")
	r.said("reload a=1")
	r.down()
	s = r.tells(func(s status.Status) bool { return !s.Connected })
	assert.Equal(t, "database", s.LastError.What)
	r.stop()

	require.NoError(t, os.Remove(filepath.Join(r.dir, "daemon")))
	r.start()
	r.said("start a=1")
	s = r.tells(func(s status.Status) bool { return s.State == status.Serving })
	assert.Equal(t, status.Kept, s.Rows)
	r.rows("a", "1", "b", "2")
	r.said("reload a=1 b=2")
	r.tells(func(s status.Status) bool { return s.Rows == status.Database && s.LastError == nil })
}

func TestAgent_that_may_not_start_without_rows(t *testing.T) {
	t.Parallel()
	r := prepare(t, "wait: 1m, without: true", "wait: 300ms, without: false")
	r.start()
	require.Eventually(t, func() bool { return strings.Contains(r.log(), "the daemon does not start yet") }, time.Minute,
		20*time.Millisecond)
	assert.Equal(t, status.Starting, r.tells(func(status.Status) bool { return true }).State)
	assert.NoFileExists(t, filepath.Join(r.dir, "daemon"))
	assert.Zero(t, r.stop(), "it ends at once")

	r.start()
	r.rows("a", "1")
	r.said("start a=1")
}

func TestAgent_leaves_out_a_bad_row(t *testing.T) {
	t.Parallel()
	r := prepare(t)
	r.rows("a", "1", "b", "bad")
	r.start()
	r.said("start a=1")
	s := r.tells(func(s status.Status) bool { return len(s.LeftOut) == 1 })
	assert.Equal(t, "b", s.LeftOut[0].Key)
	assert.Contains(t, s.LeftOut[0].Error, "sites/b:b bad")
	line, err := s.Health()
	require.NoError(t, err)
	assert.Contains(t, line, `domains "b" is left out`)

	r.rows("a", "bad", "b", "2")
	r.said("reload a=1 b=2")
	s = r.tells(func(s status.Status) bool { return len(s.LeftOut) == 1 && s.LeftOut[0].Kept })
	assert.Equal(t, "a", s.LeftOut[0].Key)

	r.rows("a", "3", "b", "2")
	r.said("reload a=3 b=2")
	r.tells(func(s status.Status) bool { return len(s.LeftOut) == 0 })
}

func TestAgent_keeps_serving_what_was_good(t *testing.T) {
	t.Parallel()
	r := prepare(t)
	r.rows("a", "1")
	r.start()
	r.said("start a=1")
	r.write("database.json", `{"error": "relation is missing"}`)
	s := r.tells(func(s status.Status) bool { return s.LastError != nil })
	assert.Contains(t, s.LastError.Text, "relation is missing")
	r.rows("a", "2")
	r.said("reload a=2")
	r.tells(func(s status.Status) bool { return s.LastError == nil && s.Connected })
}

func TestAgent_reloads_only_for_a_change(t *testing.T) {
	t.Parallel()
	r := prepare(t)
	r.rows("a", "1")
	r.start()
	r.said("start a=1")
	first := r.tells(func(s status.Status) bool { return s.LastRead != nil }).LastRead
	r.write("database.json", `{"domains": [{"name":"a","text":"1","unused":"x"}]}`)
	r.tells(func(s status.Status) bool { return s.LastRead.After(*first) })
	assert.Len(t, r.daemon(), 1)
	before := r.tells(func(status.Status) bool { return true }).LastRender
	r.signal(syscall.SIGHUP)
	r.tells(func(s status.Status) bool { return s.LastRender.After(*before) })
	assert.Len(t, r.daemon(), 1)
}

func TestAgent_passes_signals_on(t *testing.T) {
	t.Parallel()
	r := prepare(t)
	r.rows("a", "1")
	r.start()
	r.said("start a=1")
	r.signal(syscall.SIGWINCH)
	r.signal(syscall.SIGUSR1)
	r.said("user a=1")
	assert.Len(t, r.daemon(), 2, "a window that is resized is no matter of the daemon's")
	assert.Equal(t, 5, r.stop())
}

func TestAgent_ends_with_the_daemon(t *testing.T) {
	t.Parallel()
	for script, want := range map[string]int{"exit 7": 7, "exit 0": 0, "kill -SEGV $$": 139} {
		r := prepare(t)
		r.rows("a", "1")
		r.write("daemon.sh", script)
		r.start()
		assert.Equal(t, want, r.code(), script)
		assert.Contains(t, r.log(), "the daemon has ended by itself")
	}
}

func TestAgent_starts_a_daemon_again_that_had_come_up(t *testing.T) {
	t.Parallel()
	r := prepare(t, "daemon:", "daemon:\n  steady: 100ms")
	r.rows("a", "1")
	r.write("daemon.sh", `
		if ! [ -e second ]; then
			: >second; sleep 300 & echo $! >left; sleep 0.2; kill -KILL $$
		fi`+daemon)
	r.start()
	s := r.tells(func(s status.Status) bool { return s.PID > 0 })
	again := r.tells(func(now status.Status) bool { return now.PID > 0 && now.PID != s.PID })
	assert.Equal(t, status.Serving, again.State)
	assert.Equal(t, "daemon: it ended by itself with status 137", again.LastError.What+": "+again.LastError.Text)
	left, err := os.ReadFile(filepath.Join(r.dir, "left"))
	require.NoError(t, err)
	child, err := strconv.Atoi(strings.Fields(string(left))[0])
	require.NoError(t, err)
	assert.ErrorIs(t, syscall.Kill(child, 0), syscall.ESRCH, "what it had left behind would hold its ports")

	r.rows("a", "2")
	r.said("reload a=2")
	assert.Nil(t, r.tells(func(s status.Status) bool { return s.Reloads > 0 }).LastError)
	assert.Equal(t, 5, r.stop())
}

func TestAgent_is_told_to_end_while_the_daemon_is_down(t *testing.T) {
	t.Parallel()
	r := prepare(t, "daemon:", "daemon:\n  steady: 100ms")
	r.rows("a", "1")
	r.write("daemon.sh", "sleep 0.2; rm daemon.sh; exit 7") // it does not come up again
	r.start()
	r.tells(func(s status.Status) bool { return s.LastError != nil && s.LastError.What == "daemon" })
	assert.NotZero(t, r.stop())
}

func TestAgent_kills_a_daemon_that_does_not_end(t *testing.T) {
	t.Parallel()
	stubborn := "trap '' QUIT; echo start >>$TEST_DIR/daemon; while :; do sleep 0.01; done"
	r := prepare(t, "timeout: 1m", "timeout: 200ms")
	r.rows("a", "1")
	r.write("daemon.sh", stubborn)
	r.start()
	r.said("start")
	assert.Equal(t, 137, r.stop())

	r = prepare(t)
	r.rows("a", "1")
	r.write("daemon.sh", stubborn)
	r.start()
	r.said("start")
	r.signal(syscall.SIGTERM)
	r.tells(func(s status.Status) bool { return s.State == status.Stopping })
	r.signal(syscall.SIGINT)
	assert.Equal(t, 137, r.code(), "a second signal is the other one")
}

func TestAgent_reaps_orphans(t *testing.T) {
	t.Parallel()
	r := prepare(t)
	r.rows("a", "1")
	r.write("daemon.sh", `sh -c 'sleep 0.05 & echo orphan $! >>"$TEST_DIR/daemon"'; while :; do sleep 0.01; done`)
	r.start()
	require.Eventually(t, func() bool { return strings.HasPrefix(r.daemon()[0], "orphan ") }, time.Minute,
		20*time.Millisecond)
	pid := strings.TrimPrefix(r.daemon()[0], "orphan ")
	require.Eventually(t, func() bool {
		_, err := os.Stat("/proc/" + pid)
		return errors.Is(err, fs.ErrNotExist)
	}, time.Minute, 20*time.Millisecond)
}

func TestAgent_reloads_by_a_command(t *testing.T) {
	t.Parallel()
	r := prepare(t, "reload: { signal: SIGHUP }",
		`reload: { run: [/bin/sh, -c, 'test -e ../works && echo "command $(cat list)" >>../daemon'] }`)
	r.rows("a", "1")
	r.start()
	r.said("start a=1")
	r.rows("a", "2")
	s := r.tells(func(s status.Status) bool { return s.LastError != nil })
	assert.Equal(t, "reload", s.LastError.What)
	r.write("works", "")
	r.said("command a=2")
	r.tells(func(s status.Status) bool { return s.LastError == nil })
}

func TestAgent_Try(t *testing.T) {
	t.Parallel()
	r := prepare(t, "grep -H bad list sites/*", "grep -H bad list")
	r.start("AGENT_TEST_TRY=1")
	assert.Zero(t, r.code(), r.log())
	assert.NoFileExists(t, filepath.Join(r.dir, "status.json"))
	r.write("list.tmpl", "bad\n")
	r.start("AGENT_TEST_TRY=1")
	assert.Equal(t, 1, r.code())
	assert.Contains(t, r.log(), "bad")
}

func TestAgent_of_a_declaration_that_is_wrong(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ old, new, want string }{
		{"service: test", "serivce: test", "field serivce not found"},
		{"service: test", "service: ''", "service is missing"},
		{"signal: SIGHUP", "signal: HUP", `"HUP" is not a signal such as SIGHUP`},
		{"run: [/bin/sh, -c, '!", "run: [sh, -c, '!", `"sh" is not the absolute path of a program`},
		{"each: domains", "each: nothing", `"nothing", which is not in queries`},
		{"key: name, ", "", "which has no key"},
		{"alone: 30ms", "alone: -1s", "bounds.alone -1s must be more than nothing"},
		{"list.tmpl", "none.tmpl", "none.tmpl: no such file"},
		{"directory: ${TEST_DIR}/files", "directory: files", `directory "files" is not an absolute path`},
	} {
		r := prepare(t, tc.old, tc.new)
		r.start()
		assert.Equal(t, 1, r.code(), tc.want)
		assert.Contains(t, r.log(), tc.want)
	}
}

func TestAgent_tries_again_by_itself(t *testing.T) {
	t.Parallel()
	for _, database := range []bool{true, false} {
		r := prepare(t, "! grep -H bad list sites/*", "test -e ../works || test ! -e sites/c && ! grep -H bad list sites/*")
		r.rows("a", "1")
		r.start()
		r.said("start a=1")
		r.rows("a", "1", "c", "3")
		r.tells(func(s status.Status) bool { return len(s.LeftOut) == 1 })
		if !database {
			r.down()
			r.tells(func(s status.Status) bool { return !s.Connected })
		}
		r.write("works", "")
		r.said("reload a=1 c=3")
	}
}

func TestAgent_warns_of_a_host_that_cannot_be_handed_on_to(t *testing.T) {
	t.Parallel()
	r := prepare(t)
	r.write("site.tmpl", "{{reach .row.text}}")
	r.rows("a", "http://localhost:1", "b", "https://nowhere.invalid", "c", "http://[::1]:1", "d", "http://192.0.2.1")
	r.start()
	s := r.tells(func(s status.Status) bool { return len(s.Warnings) > 0 })
	const itself = "is this container itself: what runs on the machine or in another container has a name of its own there"
	assert.Equal(t, []string{
		`host "::1", which requests are handed on to, ` + itself,
		`host "localhost", which requests are handed on to, ` + itself,
		`host "nowhere.invalid", which requests are handed on to, has no address`,
	}, s.Warnings)
	r.rows("d", "http://192.0.2.1")
	r.tells(func(s status.Status) bool { return len(s.Warnings) == 0 })
}

func TestAgent_sees_certificates_by_itself(t *testing.T) {
	t.Parallel()
	r := prepare(t, "outputs:",
		"pairs: { directory: '${TEST_DIR}/certs', query: domains, startup: '${TEST_DIR}/startup' }\noutputs:")
	r.write("list.tmpl", "{{range .domains}}{{pair .name}}\n{{end}}")
	r.write("database.json", `{"domains": [{"name": "a.example.org", "text": "", "directory": "a"}]}`)
	r.start()
	r.said("start " + filepath.Join(r.dir, "startup"))
	made, err := certificate.SelfSigned(certificate.Names{DNS: []string{"a.example.org"}}, time.Hour)
	require.NoError(t, err)
	dir := filepath.Join(r.dir, "certs", "a")
	require.NoError(t, os.MkdirAll(dir, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "privkey.pem"), made.Key, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "fullchain.pem"), made.Certificate, 0o644))
	r.said("reload " + dir)
	r.down()
	require.NoError(t, os.RemoveAll(dir))
	r.said("reload " + filepath.Join(r.dir, "startup"))
}
