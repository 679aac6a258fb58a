package stack

import (
	"os"
	"strings"

	"filippo.io/age"
)

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
