package stack_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/backup"
	"github.com/poststack/poststack/pkg/runner"
	"github.com/poststack/poststack/pkg/secret"
	"github.com/poststack/poststack/pkg/stack"
)

func TestScheduleBackup_refuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		every string
		keep  int
		says  string
	}{
		{"nightly", 1, "-schedule=nightly: it is hourly, daily, weekly or off"},
		{"daily", -1, "-keep=-1: it is how many backups stay, from 1"},
		{"daily", 0, "-keep=0: it is how many backups stay, from 1"},
	} {
		o := stack.BackupOptions{Keep: &c.keep}
		_, err := newBench(t).phase(t, func(s *stack.Stack, ctx context.Context) error {
			return s.ScheduleBackup(ctx, c.every, o)
		})
		require.ErrorContains(t, err, c.says)
		assert.Equal(t, 2, stack.ExitStatus(err))
		if c.every == "daily" {
			_, err = newBench(t).phase(t, func(s *stack.Stack, ctx context.Context) error { return s.Backup(ctx, o) })
			require.ErrorContains(t, err, c.says)
		}
	}
}

func TestScheduleBackup_without_cron(t *testing.T) {
	t.Parallel()
	schedule := func(b *bench, every string) error {
		keep := 3
		_, err := b.phase(t, func(s *stack.Stack, ctx context.Context) error {
			return s.ScheduleBackup(ctx, every, stack.BackupOptions{To: "/backups", Keep: &keep})
		})
		return err
	}
	left := func(b *bench) []string {
		found, err := filepath.Glob(filepath.Join(b.config.StateDir, "*backup*"))
		require.NoError(t, err)
		return found
	}
	t.Run("systemd has a timer", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		var told []string
		b.program = func(c runner.Command) (runner.Result, error) {
			if c.Program == "crontab" {
				return runner.Result{}, runner.ErrNotFound
			}
			args := strings.TrimPrefix(strings.Join(c.Args, " "), "--user ") // of an ordinary user
			told = append(told, regexp.MustCompile(`[0-9a-f]{8}\.`).ReplaceAllString(args, "N."))
			return runner.Result{}, nil
		}
		require.NoError(t, schedule(b, "weekly"))
		unit := filepath.Join(b.config.StateDir, "poststack-backup-N")
		assert.Equal(t, []string{"link " + unit + ".service", "enable --now " + unit + ".timer"}, told)
		require.Len(t, left(b), 4, "two units, the script and the schedule")
		var units string
		for _, path := range left(b) {
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			units += string(text)
		}
		assert.Regexp(t, `(?m)^OnCalendar=Sun 03:[0-5]\d$`, units)
		assert.Contains(t, units, "\nExecStart=/bin/sh \""+b.config.StateDir+"/backup.sh\"\n")

		told = nil
		require.NoError(t, schedule(b, "hourly"))
		assert.Equal(t, "disable --now poststack-backup-N.timer poststack-backup-N.service", told[0], "the former times end")
		require.NoError(t, schedule(b, "off"))
		assert.Len(t, told, 4)
		assert.Equal(t, told[0], told[3])
		assert.Empty(t, left(b))
	})
	t.Run("nothing is kept where systemd does not run either", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		b.program = func(c runner.Command) (runner.Result, error) {
			if c.Program == "crontab" {
				return runner.Result{}, runner.ErrNotFound
			}
			return runner.Result{}, errors.New("System has not been booted with systemd")
		}
		err := schedule(b, "daily")
		require.ErrorContains(t, err, "no cron")
		require.ErrorContains(t, err, "not been booted")
		assert.Equal(t, 2, stack.ExitStatus(err))
		assert.Empty(t, left(b))
	})
}

func TestBackupsStatus(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		every string
		since time.Duration // ago
		last  time.Duration // ago; 0 is none
		late  bool
		stack string
		url   string // of the database in use, which the backup is of
	}{
		"none yet":                       {every: "daily", since: time.Hour},
		"none since long":                {every: "daily", since: 31 * time.Hour, late: true},
		"one of this night":              {every: "daily", since: 99 * time.Hour, last: 9 * time.Hour},
		"one that waited for another":    {every: "hourly", since: 99 * time.Hour, last: 119 * time.Minute},
		"one of two nights ago":          {every: "daily", since: 99 * time.Hour, last: 33 * time.Hour, late: true},
		"one of another day of the week": {every: "weekly", since: 999 * time.Hour, last: 99 * time.Hour},
		"one of the server in DATABASE_URL": {
			every: "daily", since: 99 * time.Hour, last: time.Hour, url: "postgres://u:p@db.example/d",
		},
		"one of another stack": {every: "daily", since: 99 * time.Hour, last: time.Hour, late: true, stack: "o"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			dir := t.TempDir()
			require.NoError(t, os.MkdirAll(b.config.StateDir, 0o700))
			plan, err := json.Marshal(map[string]any{"every": c.every, "dir": dir, "since": now.Add(-c.since)})
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(filepath.Join(b.config.StateDir, "backup.json"), plan, 0o600))
			if c.last > 0 {
				h := backup.Header{
					Stack: cmp.Or(c.stack, b.config.Stack), Database: b.config.Database.Name, Created: now.Add(-c.last),
				}
				if c.url != "" {
					b.config.Database.URL = secret.Value(c.url)
					h.Database, h.Place = "d", "db.example:5432"
				}
				backedUp(t, filepath.Join(dir, "one.tar"), h)
			}
			s, _, _ := b.open(t)
			got, err := stack.BackupsStatusAt(s, now)
			require.NoError(t, err)
			assert.Equal(t, c.late, got.Late)
			assert.Equal(t, c.last > 0 && c.stack == "", got.Last != nil)
		})
	}
}
