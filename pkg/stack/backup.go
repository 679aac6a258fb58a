package stack

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	"filippo.io/age"
	"github.com/docker/go-units"

	"github.com/poststack/poststack/pkg/backup"
	"github.com/poststack/poststack/pkg/event"
)

// BackupOptions say where a backup goes, and what else is done.
type BackupOptions struct {
	To     string // directory; "" is the one of the settings
	All    bool   // volumes of services too
	Verify bool   // restore it on trial
	Base   bool   // a base backup in the archive, too
	Keep   *int   // of the stack's backups of this database there; nil keeps all
}

// check refuses what cannot be meant.
func (o BackupOptions) check() error {
	if o.Keep != nil && *o.Keep < 1 {
		return badUsage("-keep=%d: it is how many backups stay, from 1; without -keep all do", *o.Keep)
	}
	return nil
}

// BackupData is a backup as a value for machines.
type BackupData struct {
	File      string    `json:"file"`
	Created   time.Time `json:"created"` // when the database was as it is in it
	Bytes     int64     `json:"bytes"`
	Stack     string    `json:"stack"`
	Database  string    `json:"database"`
	Server    string    `json:"server"`
	Schema    string    `json:"schema"` // fingerprint
	Encrypted bool      `json:"encrypted"`
	Volumes   []string  `json:"volumes"`           // of services, that are in it beside the database
	Checked   string    `json:"checked,omitempty"` // "whole", or why not; empty if it was not read
	Base      string    `json:"base,omitempty"`    // the base backup that the archive has got beside it
	Place     string    `json:"-"`                 // which server; "" is not known
}

// backupName is the name of a file that is made here.
func backupName(stack string, created time.Time) string {
	return stack + "_" + created.UTC().Format("20060102T150405.000Z") + ".tar"
}

// backupDir is the directory that -to names, or else the one of the settings.
func (s *Stack) backupDir(to string) (string, error) {
	if to == "" {
		return s.Config.BackupDir(), nil
	}
	dir, err := s.Config.Typed(to)
	if err != nil {
		return "", badUsage("-to=%s %v", to, err)
	}
	return dir, nil
}

// named tells whether a file has a name that [backupName] gives.
func named(file string) bool {
	return regexp.MustCompile(`^.+_\d{8}T\d{6}\.\d{3}Z\.tar$`).MatchString(file)
}

// Backup writes the database in use into one file, while it is used. It starts nothing.
func (s *Stack) Backup(ctx context.Context, o BackupOptions) error {
	return s.run(ctx, "db:backup", Database, func(ctx context.Context, r event.Reporter) (ended, error) {
		if err := o.check(); err != nil {
			return ended{}, err
		}
		b, err := s.newBackup(ctx, r, o)
		if err != nil {
			return ended{}, err
		}
		s.sayNotes(r)
		made, err := b.make(ctx)
		if err != nil {
			return ended{}, err
		}
		text := fmt.Sprintf("%s, %s, %s, %s", made.path, units.HumanSize(float64(made.bytes)),
			holds(made.header, made.rows), encryption(made.header))
		if o.Verify {
			if err := b.verify(ctx, made.path); err != nil {
				return ended{}, fmt.Errorf("verify %s, which stays: %w", made.path, err)
			}
			text += ", restored on trial and equal"
		}
		if o.Keep != nil {
			if err := b.keep(made.header, *o.Keep); err != nil {
				return ended{}, err
			}
		}
		data := backupData(made.path, made.bytes, made.header)
		if o.Verify {
			data.Checked = wholeBackup
		}
		if o.Base {
			more, err := b.base(ctx, &data)
			if err != nil {
				return ended{}, err
			}
			text += more
		}
		return ended{Outcome: event.Done, Text: text, Data: data}, nil
	})
}

// keep deletes the backups that are older than the newest ones of the same.
func (b *taking) keep(made backup.Header, newest int) error {
	pruned, err := b.prune(b.dir, made, newest)
	for _, path := range pruned {
		b.report.Notice(fmt.Sprintf("deleted %s: the newest %d stay", path, newest))
	}
	return err
}

// holds says what a backup holds.
func holds(h backup.Header, rows map[string]int64) string {
	text := fmt.Sprintf("%d tables with %d rows", len(rows), rowsOf(rows))
	if len(h.Volumes) > 0 {
		text += ", volumes " + strings.Join(h.Volumes, ", ")
	}
	return text
}

// encryption says whether others can read a backup.
func encryption(h backup.Header) string {
	if h.Encrypted {
		return "encrypted"
	}
	return "not encrypted"
}

func backupData(path string, size int64, h backup.Header) BackupData {
	return BackupData{
		File: path, Created: h.Created, Bytes: size, Stack: h.Stack, Database: h.Database, Server: h.Server,
		Schema: h.Schema, Encrypted: h.Encrypted, Volumes: append([]string{}, h.Volumes...),
		Place: h.Place,
	}
}

// headerOf reads what a backup says of itself.
func headerOf(path string) (backup.Header, error) {
	file, err := os.Open(path)
	if err != nil {
		return backup.Header{}, err
	}
	defer func() { _ = file.Close() }()
	return backup.ReadHeader(file)
}

// keys are whom backups are encrypted for, and what opens them.
type keys struct {
	recipients []age.Recipient
	identities []age.Identity
}

// keys reads the settings of backups. Errors are *[UsageError].
func (s *Stack) keys() (k keys, err error) {
	if of := s.Config.Backup.Recipients; of != "" {
		text := strings.ReplaceAll(of, " ", "\n")
		if !strings.HasPrefix(of, "age1") {
			read, err := os.ReadFile(of)
			if err != nil {
				return k, badUsage("backup.recipients: %v", err)
			}
			text = string(read)
		}
		if k.recipients, err = age.ParseRecipients(strings.NewReader(text)); err != nil {
			return k, badUsage("backup.recipients: %v", err)
		}
	}
	if path := s.Config.Backup.Identity; path != "" {
		file, err := os.Open(path)
		if err != nil {
			return k, badUsage("backup.identity: %v", err)
		}
		defer func() { _ = file.Close() }()
		if k.identities, err = age.ParseIdentities(file); err != nil {
			return k, badUsage("backup.identity: %v", err)
		}
	}
	return k, nil
}
