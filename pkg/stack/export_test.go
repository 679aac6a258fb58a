package stack

import (
	"io"
	"os"

	"github.com/poststack/poststack/pkg/secret"
)

// Migrator is the migrator that the schema's phases use.
var Migrator = (*Stack).migrator //nolint:gochecknoglobals // a name for tests

// AwaitStandby waits until what stands by has been started, or could not be.
func AwaitStandby(s *Stack) { s.onStandby() }

// GivenPassword is where a password comes from.
var GivenPassword = (*Stack).givenPassword //nolint:gochecknoglobals // a name for tests

// Sweep removes what killed runs have left.
var Sweep = (*Stack).sweep //nolint:gochecknoglobals // a name for tests

// Prune deletes old backups.
var Prune = (*Stack).prune //nolint:gochecknoglobals // a name for tests

// WriteBackup writes to the file of a backup, and returns what it keeps of a failure.
func WriteBackup(file *os.File, text string) error {
	out := &backupFile{to: file}
	_, _ = io.WriteString(out, text)
	return out.err
}

// Enough tells whether there is room for a second database.
var Enough = enough //nolint:gochecknoglobals // a name for tests

// BackupsStatusAt is how the backups of cron are at a moment.
var BackupsStatusAt = (*Stack).backupsStatus //nolint:gochecknoglobals // a name for tests

// Repository reads what a file says of an archive; its secrets go to secrets.
func Repository(file string, secrets *secret.Set) (settings, root string, err error) {
	s := &Stack{Options: Options{Secrets: secrets}}
	s.Config.Database.Archive = file
	return s.repository()
}
