package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/poststack/poststack/pkg/runner"
)

// InstallOptions say what to install, and on what kind of machine.
type InstallOptions struct {
	Options
	StateDir string // for the log and the pid file of a dockerd that we start; required
	// System describes the machine; the zero value is this one.
	System System
	// Works tells whether the wanted engine works; nil tries [Open].
	Works func(ctx context.Context) error
}

// System is what matters of a machine for installing.
type System struct {
	Known   bool   // the other fields are filled in
	Root    bool   // this process may install packages
	Systemd bool   // systemd is process 1
	Release string // content of /etc/os-release
	User    string // name of the user, for the commands that are shown
}

// Install leaves a working engine behind: podman, or docker when that is wanted. Where the wanted engine
// works it changes nothing. On Debian and its kin it installs packages with apt, and mmdebstrap with them,
// which makes the base image where no registry answers; elsewhere it names the packages. Without systemd it
// starts dockerd itself, detached, with its log and pid file in StateDir.
//
// A user who is not root gets an error with the exact commands.
func Install(ctx context.Context, o InstallOptions) error {
	complete, err := o.complete()
	if err != nil {
		return err
	}
	o.Options = complete
	if !o.System.Known {
		o.System = thisSystem(o.Getenv)
	}
	if o.Works == nil {
		o.Works = o.open
	}
	works := o.Works(ctx)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if works == nil {
		return o.completeTools(ctx)
	}
	if err := o.misled(works); err != nil {
		return err
	}
	o.Report.Step("installing " + string(o.kind()) + ": " + oneLine(works))
	if err := o.provide(ctx); err != nil {
		return err
	}
	if err := o.Works(ctx); err != nil {
		return fmt.Errorf("install engine %q: it is installed, but does not work: %w", o.kind(), err)
	}
	return nil
}

// misled refuses where packages would change nothing, since a setting leads podman elsewhere. A docker is started
// wherever its address says, see [InstallOptions.startDocker].
func (o InstallOptions) misled(works error) error {
	var unusable *UnusableError
	if o.kind() != Podman || !errors.As(works, &unusable) {
		return nil
	}
	for _, r := range unusable.Rejected {
		if r.Kind == Podman && r.Remedy != "" {
			return fmt.Errorf("install engine %q: nothing was installed, since that would not help: %s (remedy: %s)",
				r.Kind, r.Reason, r.Remedy)
		}
	}
	return nil
}

func (o InstallOptions) open(ctx context.Context) error {
	e, err := Open(ctx, o.Options)
	if err != nil {
		return err
	}
	o.Report.Notice(fmt.Sprintf("%s %s works", e.Info().Kind, e.Info().Version))
	return e.Close()
}

// kind is the engine to install.
func (o InstallOptions) kind() Kind {
	if o.Want == string(Docker) {
		return Docker
	}
	return Podman
}

// provide installs what is missing and starts docker's daemon.
func (o InstallOptions) provide(ctx context.Context) error {
	needsPackages := o.kind() == Podman || o.lookSystem("dockerd") == ""
	if needsPackages && !o.System.debian() {
		return fmt.Errorf("install engine %q on %s: this is only automated for Debian and Ubuntu; install %s with the "+
			"system's package manager",
			o.kind(), o.System.name(), elsewhere(o.kind()))
	}
	if !o.System.Root {
		return errors.New("install an engine: this needs root; run:\n  " +
			strings.Join(o.commands(ctx, needsPackages), "\n  "))
	}
	if needsPackages {
		if err := o.apt(ctx, packagesOf(o.kind())); err != nil {
			return err
		}
	}
	if o.kind() == Podman {
		return nil
	}
	return o.startDocker(ctx)
}

// completeTools installs what an offline base image needs beside an engine that works. A user who cannot is
// told how: the base may come from a registry as well.
func (o InstallOptions) completeTools(ctx context.Context) error {
	if o.lookSystem("mmdebstrap") != "" || !o.System.debian() {
		return nil
	}
	if !o.System.Root {
		o.Report.Notice("without a registry the base image also needs: sudo apt-get install -y --no-install-recommends " +
			strings.Join(tools().needed, " "))
		return nil
	}
	return o.apt(ctx, tools())
}

// commands are what root has to run, as they are typed.
func (o InstallOptions) commands(ctx context.Context, needsPackages bool) []string {
	var out []string
	if needsPackages {
		out = append(out, "sudo apt-get update",
			"sudo apt-get install -y --no-install-recommends "+strings.Join(o.available(ctx, packagesOf(o.kind())), " "))
	}
	user := o.System.User
	switch {
	case o.kind() == Podman && !hasSubordinate(user):
		out = append(out, "sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 "+user)
	case o.kind() == Docker && o.System.Systemd:
		out = append(out, "sudo systemctl enable --now docker", "sudo usermod -aG docker "+user+"   # then log in again")
	case o.kind() == Docker:
		out = append(out, "sudo usermod -aG docker "+user+"   # then log in again",
			"sudo sh -c 'dockerd >/var/log/dockerd.log 2>&1 &'")
	}
	return out
}

// hasSubordinate tells whether a user may map other user IDs, which rootless containers need.
func hasSubordinate(user string) bool {
	data, err := os.ReadFile("/etc/subuid")
	return err == nil &&
		slices.ContainsFunc(strings.Split(string(data), "\n"), func(l string) bool { return strings.HasPrefix(l, user+":") })
}

// lookSystem also looks where daemons are, which a user's PATH may leave out.
func (o InstallOptions) lookSystem(program string) string {
	path := o.Getenv("PATH")
	if o.System.Release == o.hostRelease() {
		path += ":/usr/local/sbin:/usr/sbin:/sbin"
	}
	return runner.Look(program, path)
}

func (o InstallOptions) hostRelease() string { return thisSystem(o.Getenv).Release }

// apt installs packages; optional ones that this release does not have are left out.
func (o InstallOptions) apt(ctx context.Context, wanted packages) error {
	if _, err := o.Runner.Run(ctx, aptCommand("update")); err != nil {
		return fmt.Errorf("update the package lists: %w", err)
	}
	args := append([]string{"install", "-y", "--no-install-recommends"}, o.available(ctx, wanted)...)
	if _, err := o.Runner.Run(ctx, aptCommand(args...)); err != nil {
		return errors.Join(fmt.Errorf("install packages: %w", err), context.Cause(ctx))
	}
	return nil
}

// available leaves out the optional packages that apt does not know. When it knows none at all, because its
// lists were never fetched, the current Debian's are assumed.
func (o InstallOptions) available(ctx context.Context, wanted packages) []string {
	unknown := func(name string) bool { return !o.known(ctx, name) }
	if unknown(wanted.needed[0]) {
		return append(wanted.needed, wanted.usual...)
	}
	return append(wanted.needed, slices.DeleteFunc(append(wanted.usual, wanted.rare...), unknown)...)
}

func (o InstallOptions) known(ctx context.Context, name string) bool {
	_, err := o.Runner.Run(ctx, runner.Command{Program: "apt-cache", Args: []string{"show", "--no-all-versions", name}})
	return err == nil
}

// aptCommand never asks, and waits for another apt instead of failing.
func aptCommand(args ...string) runner.Command {
	return runner.Command{
		Program: "apt-get", Args: append([]string{"-o", "DPkg::Lock::Timeout=300"}, args...),
		Env: []string{"DEBIAN_FRONTEND=noninteractive"},
	}
}
