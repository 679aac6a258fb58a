package stack

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/runner"
)

// schedule is what cron or systemd has been told, in a file of the state directory.
type schedule struct {
	Every string    `json:"every"`
	Dir   string    `json:"dir"`   // of the backups
	Since time.Time `json:"since"` // when it was told
}

// period is how a schedule is written in a crontab and in a timer of systemd's, and how long it is.
type period struct {
	fields   string // with the minute
	calendar string // with the minute; systemd.time(7)
	length   time.Duration
}

// noSchedule ends what cron does.
const noSchedule = "off"

// periods are the schedules. The nights are those of the machine's clock.
func periods() map[string]period {
	return map[string]period{
		"hourly": {"%d * * * *", "*:%02d", time.Hour},
		"daily":  {"%d 3 * * *", "03:%02d", 24 * time.Hour},
		"weekly": {"%d 3 * * 0", "Sun 03:%02d", 7 * 24 * time.Hour},
	}
}

func (s *Stack) scheduleFile() string   { return filepath.Join(s.Config.StateDir, "backup.json") }
func (s *Stack) scheduleScript() string { return filepath.Join(s.Config.StateDir, "backup.sh") }

// schedule reads it; nil is none.
func (s *Stack) schedule() (*schedule, error) {
	var out schedule
	there, err := readJSON(s.scheduleFile(), &out)
	if err != nil {
		return nil, fmt.Errorf("read the schedule of backups: %w", err)
	}
	if !there {
		return nil, nil //nolint:nilnil // most stacks have none
	}
	return &out, nil
}

// ScheduleBackup has cron make backups with those options, or systemd where there is no cron; or no more.
func (s *Stack) ScheduleBackup(ctx context.Context, every string, o BackupOptions) error {
	return s.run(ctx, "db:backup", Unexpected, func(ctx context.Context, r event.Reporter) (ended, error) {
		if every == noSchedule {
			had, err := s.unschedule(ctx)
			if err != nil || had {
				return ended{Outcome: event.Done, Text: "backups of this stack are not scheduled any more"}, err
			}
			return ended{Outcome: event.Unchanged, Text: "no backups of this stack are scheduled"}, nil
		}
		p, known := periods()[every]
		if !known {
			return ended{}, badUsage("-schedule=%s: it is hourly, daily, weekly or off", every)
		}
		err := o.check()
		if err != nil {
			return ended{}, err
		}
		if o.To, err = s.backupDir(o.To); err != nil {
			return ended{}, err
		}
		script, err := s.backupScript(o)
		if err != nil {
			return ended{}, err
		}
		if o.Keep == nil {
			r.Notice("all backups stay, until the disk is full; -keep=14 has the newest 14 stay")
		}
		err = keep("schedule", s.scheduleScript(), script)
		who := ""
		if err == nil {
			who, err = s.arrange(ctx, r, p)
		}
		if err == nil {
			err = keepJSON("schedule", s.scheduleFile(), schedule{Every: every, Dir: o.To, Since: time.Now()})
		}
		return ended{Outcome: event.Done, Text: fmt.Sprintf("%s makes a backup %s, in %s", who, every, o.To)}, err
	})
}

// arrange has one of the two run the script, and tells which.
func (s *Stack) arrange(ctx context.Context, r event.Reporter, p period) (who string, err error) {
	err = s.crontab(ctx, fmt.Sprintf(p.fields, s.minute())+" "+s.cronCommand())
	if err == nil {
		return "cron", s.endTimer(ctx)
	}
	if !errors.Is(err, runner.ErrNotFound) {
		return "", err
	}
	if err := s.timer(ctx, r, fmt.Sprintf(p.calendar, s.minute())); err != nil {
		return "", errors.Join(&UsageError{Reason: "there is no cron on this machine, and systemd does not do it: " +
			"install cron (Debian: apt-get install cron): " + err.Error()}, s.forgetSchedule())
	}
	return "systemd", nil
}

// minute spreads the stacks of a machine over the hour.
func (s *Stack) minute() uint32 {
	of := fnv.New32()
	_, _ = of.Write([]byte(s.Config.StateDir)) // never fails
	return of.Sum32() % 60
}

// cronCommand runs the script. To cron a percent sign is the end of the line, whatever quotes it (crontab(5)).
func (s *Stack) cronCommand() string {
	return "sh " + strings.ReplaceAll(quoted(s.scheduleScript()), "%", `\%`)
}

// quoted is a word of the shell.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// backupScript makes a backup with the settings of this run. Cron has next to none of its variables, and systemd not
// even HOME; poststack.yaml is read each time.
func (s *Stack) backupScript(o BackupOptions) (string, error) {
	var set strings.Builder
	carry := engine.Variables()
	passing := []string{"output", "trace", "log.level"}
	for _, setting := range s.Config.Settings() {
		if setting.Source != "environment "+setting.Env || slices.Contains(passing, setting.Key) {
			continue
		}
		if setting.Secret {
			return "", badUsage("%s is set in the environment, which a schedule does not know, and is not for a script: "+
				"write it to poststack.yaml (%s)", setting.Env, setting.Key)
		}
		carry = append(carry, setting.Env)
	}
	for _, name := range carry {
		if value := s.Getenv(name); value != "" {
			fmt.Fprintf(&set, "export %s=%s\n", name, quoted(value))
		}
	}
	flags := ""
	add := func(set bool, flag string) {
		if set {
			flags += " " + quoted(flag)
		}
	}
	add(o.All, "-all")
	add(o.Verify, "-verify")
	add(o.Base, "-base")
	if o.Keep != nil {
		add(true, "-keep="+strconv.Itoa(*o.Keep))
	}
	add(true, "-to="+o.To)
	return "# Written by mage db:backup -schedule: cron or systemd runs it. mage db:backup -schedule=off ends that.\n" +
		set.String() + "cd " + quoted(s.Config.Root) + " || exit 1\n" +
		"POSTSTACK_OUTPUT=quiet exec bin/poststack db:backup" + flags + "\n", nil
}

// crontab puts a line into the user's crontab in the place of the one of this stack; "" puts none.
func (s *Stack) crontab(ctx context.Context, line string) error {
	had, err := s.Runner.Run(ctx, runner.Command{Program: "crontab", Args: []string{"-l"}, Env: []string{"LC_ALL=C"}})
	if err != nil && !strings.Contains(had.Stderr, "no crontab for") {
		return fmt.Errorf("read crontab: %w", err)
	}
	lines := strings.SplitAfter(had.Stdout, "\n")
	wanted := slices.DeleteFunc(slices.Clone(lines), func(l string) bool { return strings.Contains(l, s.cronCommand()) })
	if line != "" {
		wanted = append(wanted, line+"\n")
	}
	if slices.Equal(lines, wanted) {
		return nil
	}
	in := strings.NewReader(strings.Join(wanted, ""))
	if _, err := s.Runner.Run(ctx, runner.Command{Program: "crontab", Args: []string{"-"}, Stdin: in}); err != nil {
		return fmt.Errorf("change crontab: %w", err)
	}
	return nil
}

// unschedule ends what makes backups by itself, and tells whether something did.
func (s *Stack) unschedule(ctx context.Context) (had bool, err error) {
	if _, err := os.Stat(s.scheduleScript()); errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	err = s.crontab(ctx, "")
	if errors.Is(err, runner.ErrNotFound) {
		err = nil
	}
	if err = errors.Join(err, s.endTimer(ctx)); err != nil {
		return true, err
	}
	return true, s.forgetSchedule()
}

func (s *Stack) forgetSchedule() error {
	return errors.Join(forgetFile(s.scheduleFile()), forgetFile(s.scheduleScript()))
}
