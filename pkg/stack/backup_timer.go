package stack

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"

	"github.com/google/renameio/v2"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/runner"
)

// unitFile is where a unit of this stack's backups lies; its name tells it from those of other stacks. Systemd has a
// link to it.
func (s *Stack) unitFile(suffix string) string {
	of := fnv.New32()
	_, _ = of.Write([]byte(s.Config.StateDir)) // never fails
	return filepath.Join(s.Config.StateDir, fmt.Sprintf("poststack-backup-%08x.%s", of.Sum32(), suffix))
}

// timer has systemd run the script of backups at those times: its own, or the user's.
func (s *Stack) timer(ctx context.Context, r event.Reporter, calendar string) error {
	const written = "# Written by mage db:backup -schedule. mage db:backup -schedule=off ends it.\n"
	about := "[Unit]\nDescription=Backup of the Poststack stack " + s.Config.Stack + "\n\n"
	service, timer := s.unitFile("service"), s.unitFile("timer")
	units := map[string]string{
		service: "[Service]\nType=oneshot\nExecStart=/bin/sh " + engine.UnitWord(s.scheduleScript()) + "\n",
		timer:   "[Timer]\nOnCalendar=" + calendar + "\nPersistent=true\n\n[Install]\nWantedBy=timers.target\n",
	}
	err := s.endTimer(ctx) // one that runs would keep its times
	for path, text := range units {
		if err == nil {
			err = renameio.WriteFile(path, []byte(written+about+text), 0o644) // systemd warns of what others cannot read
		}
	}
	if err == nil {
		err = s.systemctl(ctx, "link", service)
	}
	if err == nil {
		err = s.systemctl(ctx, "enable", "--now", timer)
	}
	if err != nil {
		_ = s.disable(ctx) // what it has of them; it may not run at all
		return errors.Join(err, forgetFile(service), forgetFile(timer))
	}
	if who, err := user.Current(); err == nil && os.Geteuid() != 0 {
		if _, err := os.Stat(filepath.Join("/var/lib/systemd/linger", who.Username)); err != nil {
			r.Notice("systemd runs it while you are signed in; remedy: sudo loginctl enable-linger " + who.Username)
		}
	}
	return nil
}

// endTimer has systemd know nothing of it any more.
func (s *Stack) endTimer(ctx context.Context) error {
	service, timer := s.unitFile("service"), s.unitFile("timer")
	if _, err := os.Stat(timer); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := s.disable(ctx); err != nil {
		return err
	}
	return errors.Join(forgetFile(timer), forgetFile(service))
}

// disable ends the timer, and has systemd drop its links to the units.
func (s *Stack) disable(ctx context.Context) error {
	return s.systemctl(ctx, "disable", "--now", filepath.Base(s.unitFile("timer")), filepath.Base(s.unitFile("service")))
}

// systemctl speaks to the systemd of the machine, or, for an ordinary user, to that of the user.
func (s *Stack) systemctl(ctx context.Context, args ...string) error {
	if os.Geteuid() != 0 {
		args = append([]string{"--user"}, args...)
	}
	if _, err := s.Runner.Run(ctx, runner.Command{Program: "systemctl", Args: args}); err != nil {
		return fmt.Errorf("have systemd make backups: %w", err)
	}
	return nil
}
