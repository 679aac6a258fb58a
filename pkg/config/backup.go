package config

import "strings"

func backupOptions() []option {
	return []option{
		{
			Setting: Setting{
				Key: "backup.dir", Env: "POSTSTACK_BACKUP_DIR", Allowed: "a directory, absolute or relative to the checkout",
				Help: "Directory of backups, see backup.md; without it they are in backups, in the stack's state directory",
			},
			set: localPath(func(c *Config) *string { return &c.Backup.Dir }),
		},
		{
			Setting: Setting{
				Key: "backup.recipients", Env: "POSTSTACK_BACKUP_RECIPIENTS",
				Allowed: "recipients of age (age1…), or a file of them",
				Help:    "Whom backups are encrypted for; without it they are not encrypted",
			},
			set: recipients,
		},
		{
			Setting: Setting{
				Key: "backup.identity", Env: "POSTSTACK_BACKUP_IDENTITY",
				Allowed: "a file of age identities, absolute or relative to the checkout",
				Help:    "File that encrypted backups are read with, as age-keygen makes it",
			},
			set: localPath(func(c *Config) *string { return &c.Backup.Identity }),
		},
	}
}

// recipients reads keys, or a file of them. Package backup reads the keys themselves.
func recipients(c *Config, s scope, raw string) (string, error) {
	if !strings.HasPrefix(raw, "age1") {
		return localPath(func(c *Config) *string { return &c.Backup.Recipients })(c, s, raw)
	}
	keys, err := oneLine(
		strings.Join(strings.FieldsFunc(raw, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' }), " "),
	)
	if err == nil {
		c.Backup.Recipients = keys
	}
	return keys, err
}
