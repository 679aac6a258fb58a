package engine

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"

	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/runner"
)

//go:embed at-boot.sh
var bootScript string

// bootMarks is the directory below a stack's state directory that says which containers of podman's are to run.
const bootMarks = "at-boot"

// Boot is what has containers run again after a reboot. Docker does so itself, by their restart policy, once dockerd
// runs. Podman has no daemon: a unit starts the containers that are marked in the state directories of their stacks.
//
// Podman's own podman-restart.service with the policy "always" is no way. Measured with 4.3: it starts those as well
// that were stopped, the policy stays what it was when the container was made, and a program that ends at once is
// started again several times a second, without an end.
type Boot struct {
	Dir    string // the one that all stacks of this user have their state directories in
	System System // the zero value is this one
	Runner runner.Runner
	Getenv func(string) string
}

// AtBoot tells whether an engine has its containers run again after a reboot.
type AtBoot struct {
	Returns bool
	Why     string // why not; or what it depends on, and cannot be told
	Remedy  string // a command, or what else to do; "" where it returns
}

// MarkAtBoot has podman's container of that name started after a reboot. stateDir is its stack's.
func MarkAtBoot(stateDir, name string) error {
	mark := filepath.Join(stateDir, bootMarks, name)
	if MarkedAtBoot(stateDir, name) {
		return nil // since when it is there is the order in which they start
	}
	err := os.MkdirAll(filepath.Dir(mark), 0o700)
	if err == nil {
		err = os.WriteFile(mark, nil, 0o600)
	}
	if err != nil {
		return fmt.Errorf("mark container %q for the next boot: %w", name, err)
	}
	return nil
}

// MarkedAtBoot tells whether it is.
func MarkedAtBoot(stateDir, name string) bool {
	return written(filepath.Join(stateDir, bootMarks, name))
}

// UnmarkAtBoot has it stay down.
func UnmarkAtBoot(stateDir, name string) error {
	err := os.Remove(filepath.Join(stateDir, bootMarks, name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("have container %q stay down after the next boot: %w", name, err)
	}
	_ = os.Remove(filepath.Join(stateDir, bootMarks)) // unless there are others
	return nil
}

// Look finds out what the machine does for an engine when it starts. It changes nothing.
func (b Boot) Look(ctx context.Context, info Info) AtBoot {
	if !b.System.Known {
		b.System = thisSystem(b.Getenv)
	}
	if info.Kind == Docker {
		return b.lookDocker(ctx, info)
	}
	if !b.System.Systemd {
		return b.lookCron(ctx)
	}
	switch {
	case b.enabled(ctx, info, b.unit()) == "enabled":
		return b.lookLinger(info)
	case info.Rootless && written(b.unitFile()):
		enable := "systemctl --user enable --now " + b.unitFile()
		return AtBoot{Why: "podman has no daemon, and its unit is not enabled", Remedy: enable}
	default:
		return AtBoot{Why: "podman has no daemon, and no unit starts its containers", Remedy: "mage engine:install"}
	}
}

// lookCron is for podman where systemd does not run.
func (b Boot) lookCron(ctx context.Context) AtBoot {
	lines, err := b.Runner.Run(ctx, runner.Command{Program: "crontab", Args: []string{"-l"}})
	if err == nil && strings.Contains(lines.Stdout, b.script()) {
		return AtBoot{Returns: true}
	}
	if text, err := os.ReadFile("/etc/rc.local"); err == nil && strings.Contains(string(text), b.script()) {
		return AtBoot{Returns: true}
	}
	out := AtBoot{
		Why:    "podman has no daemon, and systemd does not run here",
		Remedy: "mage engine:install, which tells what the machine has to run",
	}
	if written(b.script()) {
		out.Remedy = "crontab -e, and add: @reboot sh " + b.script() + " start"
	}
	return out
}

// lookLinger tells whether the units of a user start with the machine.
func (b Boot) lookLinger(info Info) AtBoot {
	if info.Rootless && !written(filepath.Join("/var/lib/systemd/linger", b.System.User)) {
		user := b.System.User
		return AtBoot{Why: "the units of " + user + " wait for a login", Remedy: "sudo loginctl enable-linger " + user}
	}
	return AtBoot{Returns: true}
}

// lookDocker asks whether dockerd starts with the machine.
func (b Boot) lookDocker(ctx context.Context, info Info) AtBoot {
	unknown := AtBoot{Returns: true, Why: "if dockerd starts with the machine, which cannot be told here"}
	switch local := strings.HasPrefix(info.Endpoint, "unix://"); {
	case !local:
		return unknown
	case daemonAlive(filepath.Join(b.Dir, daemonPid)):
		return AtBoot{
			Why:    "dockerd was started by mage engine:install, and not by the machine",
			Remedy: "have the machine start dockerd, such as by crontab -e: @reboot dockerd",
		}
	case !b.System.Systemd:
		return unknown
	}
	switch b.enabled(ctx, info, "docker.service") {
	case "enabled":
		return b.lookLinger(info)
	case "disabled":
		command := "sudo systemctl enable docker"
		if info.Rootless {
			command = "systemctl --user enable docker"
		}
		return AtBoot{Why: "dockerd does not start with the machine", Remedy: command}
	default:
		return unknown
	}
}

// enabled is systemd's word for what it does with a unit when the machine starts.
func (b Boot) enabled(ctx context.Context, info Info, unit string) string {
	res, _ := b.Runner.Run(ctx, b.systemctl(info, "is-enabled", unit)) // its status is not 0 for most words
	return strings.TrimSpace(res.Stdout)
}

func (b Boot) systemctl(info Info, args ...string) runner.Command {
	if info.Rootless {
		args = append([]string{"--user"}, args...)
	}
	return runner.Command{Program: "systemctl", Args: args}
}

// Install has podman's containers run again after a reboot, and tells whether it changed something. Where this process
// may not, or there is no systemd, the user is told what to do; so it is for docker, whose unit is not ours.
func (b Boot) Install(ctx context.Context, info Info, r event.Reporter) (bool, error) {
	if !b.System.Known {
		b.System = thisSystem(b.Getenv)
	}
	changed := false
	if info.Kind == Podman {
		var err error
		if changed, err = b.write(); err != nil {
			return false, err
		}
		if b.System.Systemd && !info.Rootless && (changed || b.enabled(ctx, info, b.unit()) != "enabled") {
			changed = true
			if _, err := b.Runner.Run(ctx, b.systemctl(info, "enable", "--now", b.unitFile())); err != nil {
				return false, fmt.Errorf("have containers run again after a reboot: %w", err)
			}
		}
	}
	if at := b.Look(ctx, info); !at.Returns {
		r.Notice(fmt.Sprintf("after a reboot containers stay down: %s; remedy: %s", at.Why, at.Remedy))
	}
	return changed, nil
}

// write writes the script and, where there is systemd, its unit, unless they are there as they should be.
func (b Boot) write() (changed bool, err error) {
	files := map[string]string{b.script(): bootScript}
	if b.System.Systemd {
		files[b.unitFile()] = b.unitText()
	}
	for path, text := range files {
		if have, err := os.ReadFile(path); err == nil && string(have) == text {
			continue
		}
		err := os.MkdirAll(b.Dir, 0o700)
		if err == nil {
			err = renameio.WriteFile(path, []byte(text), 0o644)
		}
		if err != nil {
			return changed, fmt.Errorf("have containers run again after a reboot: %w", err)
		}
		changed = true
	}
	return changed, nil
}

func (b Boot) script() string { return filepath.Join(b.Dir, "at-boot.sh") }

func written(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
