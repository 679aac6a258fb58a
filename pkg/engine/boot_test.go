package engine_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/runner"
	"github.com/poststack/poststack/pkg/runner/runnertest"
)

// machine answers the commands that [engine.Boot] runs, and keeps them.
type machine struct {
	answers  map[string]string // command → what it prints; others fail
	commands []string
	said     []string
}

func (m *machine) boot(t *testing.T, s engine.System) engine.Boot {
	t.Helper()
	s.Known, s.User = true, "nobody-who-lingers"
	return engine.Boot{Dir: t.TempDir(), System: s, Getenv: func(string) string { return "" }, Runner: runner.Func(m.run)}
}

func (m *machine) run(_ context.Context, c runner.Command) (runner.Result, error) {
	command := strings.Join(append([]string{c.Program}, c.Args...), " ")
	m.commands = append(m.commands, command)
	for begin, answer := range m.answers {
		if strings.HasPrefix(command, begin) {
			return runner.Result{Stdout: answer}, nil
		}
	}
	return runner.Result{Code: 1}, errors.New("exit status 1")
}

func (m *machine) reporter() event.Reporter {
	return event.Sink(func(e event.Event) { m.said = append(m.said, e.Text) }).For("engine:install")
}

func TestBoot_Look(t *testing.T) {
	t.Parallel()
	docker := engine.Info{Kind: engine.Docker, Endpoint: "unix:///run/docker.sock"}
	rootlessDocker := docker
	rootlessDocker.Rootless = true
	for name, tc := range map[string]struct {
		info    engine.Info
		systemd bool
		answers map[string]string
		returns bool
		why     string
		remedy  string
	}{
		"docker with its unit": {
			docker, true, map[string]string{"systemctl is-enabled docker.service": "enabled\n"}, true, "", "",
		},
		"docker without it": {
			docker, true,
			map[string]string{"systemctl is-enabled": "disabled\n"},
			false, "dockerd does not start", "sudo systemctl enable docker",
		},
		"docker of another package": {docker, true, nil, true, "cannot be told", ""},
		"docker without systemd":    {docker, false, nil, true, "cannot be told", ""},
		"docker elsewhere": {
			engine.Info{Kind: engine.Docker, Endpoint: "tcp://far:1"},
			true,
			map[string]string{"systemctl": "disabled"},
			true, "cannot be told", "",
		},
		"rootless docker": {
			rootlessDocker, true,
			map[string]string{"systemctl --user": "disabled"},
			false, "dockerd does not start", "systemctl --user enable docker",
		},
		"rootless docker until login": {
			rootlessDocker, true,
			map[string]string{"systemctl --user": "enabled"},
			false, "wait for a login", "sudo loginctl enable-linger nobody-who-lingers",
		},
		"podman with our unit": {
			engine.Info{Kind: engine.Podman},
			true,
			map[string]string{"systemctl is-enabled poststack-at-boot-": "enabled"},
			true, "", "",
		},
		"podman without it": {
			engine.Info{Kind: engine.Podman}, true, nil, false, "no unit starts its containers", "mage engine:install",
		},
		"rootless podman until login": {
			engine.Info{Kind: engine.Podman, Rootless: true},
			true,
			map[string]string{"systemctl --user": "enabled"},
			false, "wait for a login", "enable-linger",
		},
		"podman without systemd": {
			engine.Info{Kind: engine.Podman}, false, nil, false, "systemd does not run here", "mage engine:install, which tells",
		},
		"podman with another's crontab": {
			engine.Info{Kind: engine.Podman},
			false,
			map[string]string{"crontab -l": "@reboot sh /elsewhere/at-boot.sh start"},
			false, "systemd does not run here", "mage engine:install",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := (&machine{answers: tc.answers}).boot(t, engine.System{Systemd: tc.systemd}).Look(t.Context(), tc.info)
			assert.Equal(t, tc.returns, at.Returns)
			assert.Contains(t, at.Why, tc.why)
			assert.Equal(t, tc.why == "", at.Why == "", at.Why)
			assert.Contains(t, at.Remedy, tc.remedy)
			assert.Equal(t, at.Returns, at.Remedy == "", "a remedy where there is need of one")
		})
	}
}

func TestBoot_Look_of_a_dockerd_that_we_started(t *testing.T) {
	t.Parallel()
	b := (&machine{}).boot(t, engine.System{})
	comm, err := os.ReadFile("/proc/self/comm")
	require.NoError(t, err)
	require.NotEqual(t, "dockerd\n", string(comm))
	info := engine.Info{Kind: engine.Docker, Endpoint: "unix:///run/docker.sock"}
	require.NoError(t, os.WriteFile(filepath.Join(b.Dir, "dockerd.pid"), []byte("1"), 0o600))
	assert.True(t, b.Look(t.Context(), info).Returns, "another process has its number by now")
}

func TestBoot_Install(t *testing.T) {
	t.Parallel()
	podman := engine.Info{Kind: engine.Podman}
	t.Run("root with systemd gets the unit enabled, once", func(t *testing.T) {
		t.Parallel()
		m := &machine{answers: map[string]string{"systemctl": "enabled"}}
		b := m.boot(t, engine.System{Root: true, Systemd: true})
		changed, err := b.Install(t.Context(), podman, m.reporter())
		require.NoError(t, err)
		assert.True(t, changed)
		units, err := filepath.Glob(filepath.Join(b.Dir, "poststack-at-boot-*.service"))
		require.NoError(t, err)
		require.Len(t, units, 1)
		assert.Equal(t, "systemctl enable --now "+units[0], m.commands[0])
		text, err := os.ReadFile(units[0])
		require.NoError(t, err)
		assert.Contains(t, string(text), "\nExecStart=/bin/sh \""+filepath.Join(b.Dir, "at-boot.sh")+"\" start\n")
		assert.Empty(t, m.said)

		m.commands = nil
		changed, err = b.Install(t.Context(), podman, m.reporter())
		require.NoError(t, err)
		assert.False(t, changed)
		assert.NotContains(t, strings.Join(m.commands, "\n"), "enable --now")
	})
	t.Run("who is not root is told how to enable it", func(t *testing.T) {
		t.Parallel()
		m := &machine{}
		_, err := m.boot(t, engine.System{Systemd: true}).Install(t.Context(),
			engine.Info{Kind: engine.Podman, Rootless: true}, m.reporter())
		require.NoError(t, err)
		assert.Contains(t, strings.Join(m.said, "\n"), "remedy: systemctl --user enable --now ")
		assert.NotContains(t, strings.Join(m.commands, "\n"), " enable ")
	})
	t.Run("without systemd cron has to run the script", func(t *testing.T) {
		t.Parallel()
		m := &machine{}
		b := m.boot(t, engine.System{Root: true})
		_, err := b.Install(t.Context(), podman, m.reporter())
		require.NoError(t, err)
		line := "@reboot sh " + filepath.Join(b.Dir, "at-boot.sh") + " start"
		assert.Contains(t, strings.Join(m.said, "\n"), "crontab -e, and add: "+line)
		m.answers = map[string]string{"crontab -l": line + "\n"}
		assert.True(t, b.Look(t.Context(), podman).Returns)
	})
	t.Run("a unit that cannot be enabled is an error", func(t *testing.T) {
		t.Parallel()
		m := &machine{}
		_, err := m.boot(t, engine.System{Root: true, Systemd: true}).Install(t.Context(), podman, m.reporter())
		require.ErrorContains(t, err, "have containers run again after a reboot")
	})
	t.Run("for docker nothing is written", func(t *testing.T) {
		t.Parallel()
		m := &machine{answers: map[string]string{"systemctl": "disabled"}}
		b := m.boot(t, engine.System{Root: true, Systemd: true})
		changed, err := b.Install(t.Context(), engine.Info{Kind: engine.Docker, Endpoint: "unix:///s"}, m.reporter())
		require.NoError(t, err)
		assert.False(t, changed)
		assert.Contains(t, strings.Join(m.said, "\n"),
			"after a reboot containers stay down: dockerd does not start with the machine; remedy: sudo systemctl enable docker")
		entries, err := os.ReadDir(b.Dir)
		require.NoError(t, err)
		assert.Empty(t, entries)
	})
}

// TestBootScript runs the script with a podman that notes what it is asked.
func TestBootScript(t *testing.T) {
	t.Parallel()
	m := &machine{}
	b := m.boot(t, engine.System{Root: true})
	_, err := b.Install(t.Context(), engine.Info{Kind: engine.Podman}, m.reporter())
	require.NoError(t, err)
	bin := t.TempDir()
	asked := filepath.Join(bin, "asked")
	podman := "#!/bin/sh\ncase $* in *gone) exit 1 ;; container*) exit 0 ;; esac\necho \"$*\" >>" + asked +
		"\ncase $* in *broken) exit 125 ;; esac\n"
	runnertest.WriteFile(t, filepath.Join(bin, "podman"), podman, 0o755)
	run := func(how ...string) (string, error) {
		require.NoError(t, os.WriteFile(asked, nil, 0o600))
		cmd := exec.CommandContext(t.Context(), "sh", append([]string{filepath.Join(b.Dir, "at-boot.sh")}, how...)...)
		cmd.Env = []string{"PATH=" + bin}
		_, err := cmd.CombinedOutput()
		text, unread := os.ReadFile(asked)
		require.NoError(t, unread)
		return string(text), err
	}
	at := time.Now().Add(-time.Hour)
	mark := func(stack, name string) {
		require.NoError(t, engine.MarkAtBoot(stack, name))
		at = at.Add(time.Second) // services are healthy one after the other; here the clock may not have ticked
		require.NoError(t, os.Chtimes(filepath.Join(stack, "at-boot", name), at, at))
	}
	one, two := filepath.Join(b.Dir, "one"), filepath.Join(b.Dir, "two")
	out, err := run("start")
	require.NoError(t, err)
	assert.Empty(t, out, "nothing is to run")

	for _, m := range []struct{ stack, name string }{
		{one, "z-postgres"}, {one, "a-web"}, {two, "gone"}, {two, "b-postgres"},
	} {
		mark(m.stack, m.name)
	}
	require.NoError(t, engine.MarkAtBoot(one, "z-postgres"), "once more changes nothing")
	out, err = run("start")
	require.NoError(t, err)
	assert.Equal(t, "start z-postgres\nstart a-web\nstart b-postgres\n",
		out, "what was marked first is started first, what is not there any more is not")
	out, err = run("stop")
	require.NoError(t, err)
	assert.Equal(t, "stop b-postgres\nstop a-web\nstop z-postgres\n", out)

	require.NoError(t, engine.UnmarkAtBoot(one, "z-postgres"))
	require.NoError(t, engine.UnmarkAtBoot(one, "a-web"))
	require.NoError(t, engine.UnmarkAtBoot(one, "a-web"), "it is not marked any more")
	assert.NoDirExists(t, filepath.Join(one, "at-boot"))
	mark(one, "broken")
	mark(two, "last")
	out, err = run("start")
	require.Error(t, err, "one that does not start is told")
	assert.Equal(t, "start b-postgres\nstart broken\nstart last\n", out, "and keeps no other from it")
	_, err = run()
	require.Error(t, err)
}
