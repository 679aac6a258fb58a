package config

import (
	"math"
	"slices"
	"time"
)

// option is a setting and how its value is read.
type option struct {
	Setting
	set setter
	// computed gives the default that depends on the machine; nil if Default is the value itself.
	computed func(scope) (string, error)
	// typed is a path that people type before a command: in the environment it is relative to where they are.
	typed bool
	// structured is a value that is more than a word; its setter reads YAML.
	structured bool
}

// setter reads raw, which is not empty, into a configuration. It returns the value as people should see it.
// Its error continues a sentence that begins with the value.
type setter func(c *Config, s scope, raw string) (string, error)

// options is the table. Its order is that of config:show and of the documentation.
func options() []option {
	return slices.Concat(generalOptions(), serviceOptions(), acmeOptions(), stackOptions(), databaseOptions(),
		schemaOptions(), backupOptions(), timeoutOptions())
}

func generalOptions() []option {
	return []option{
		{Setting: Setting{
			Key: "engine", Env: "POSTSTACK_ENGINE", Default: "auto", Allowed: "auto, podman, docker",
			Help: "Container engine; auto takes the first that works, podman before docker",
		}, set: oneOf(func(c *Config) *string { return &c.Engine }, "auto", "podman", "docker")},
		{Setting: Setting{
			Key: "output", Env: "POSTSTACK_OUTPUT", Default: "auto", Allowed: "auto, live, plain, github, json, quiet",
			Help: "How progress is shown; auto is live on a terminal, github under GitHub Actions and plain elsewhere",
		}, set: oneOf(func(c *Config) *string { return &c.Output }, "auto", "live", "plain", "github", "json", "quiet")},
		{Setting: Setting{
			Key: "log.level", Env: "LOG_LEVEL", Default: "info", Allowed: "error, warn, info, debug, trace",
			Help: "Least important messages that the console shows; also handed to the containers",
		}, set: oneOf(func(c *Config) *string { return &c.LogLevel }, "error", "warn", "info", "debug", "trace")},
		{Setting: Setting{
			Key: "log.keep", Env: "POSTSTACK_LOG_KEEP", Default: "20", Allowed: "a whole number from 1 to 1000000",
			Help: "Log files of each operation to keep",
		}, set: whole(func(c *Config, n int) { c.LogKeep = n }, 1, 1_000_000)},
		{Setting: Setting{
			Key: "trace", Env: "POSTSTACK_TRACE", Allowed: "a file whose directory is there",
			Help: "Trace of the run to write, see tracing.md; a relative path begins at the working directory, in " +
				"poststack.yaml at the checkout",
		}, set: localPath(func(c *Config) *string { return &c.Trace }), typed: true},
	}
}

func serviceOptions() []option {
	return []option{
		{Setting: Setting{
			Key: "services", Env: "POSTSTACK_SERVICES", Allowed: "names of services, such as nginx, bind",
			Help: "Services that run beside the database; in poststack.yaml each may have listen and ports",
		}, set: services, structured: true},
		{Setting: Setting{
			Key: "domain", Env: "DOMAIN", Default: "localhost", Allowed: "a host name such as mail.example.org",
			Help: "Domain that the services answer for",
		}, set: text(func(c *Config) *string { return &c.Domain }, hostName)},
		{Setting: Setting{
			Key: "le_email", Env: "LE_EMAIL", Allowed: "an email address such as admin@example.org",
			Help: "Address that the certificate authority writes to",
		}, set: text(func(c *Config) *string { return &c.LEEmail }, emailAddress)},
		{Setting: Setting{
			Key: "cert_path", Env: "CERT_PATH", Default: "/etc/certs", Allowed: "an absolute path",
			Help: "Directory of the certificates inside the containers",
		}, set: text(func(c *Config) *string { return &c.CertPath }, containerPath)},
	}
}

func stackOptions() []option {
	return []option{
		{Setting: Setting{
			Key: "stack", Env: "POSTSTACK_STACK", Default: "<from the checkout's path>",
			Allowed: "at most 40 of a-z, 0-9, dot, dash and underscore, a letter or digit first",
			Help:    "Name of this stack; its containers, volumes and networks carry it",
		}, set: text(func(c *Config) *string { return &c.Stack }, stackName), computed: defaultStack},
		{Setting: Setting{
			Key: "port_offset", Env: "POSTSTACK_PORT_OFFSET", Default: "0", Allowed: "a whole number from 0 to 50000",
			Help: "Added to the ports that free ones are looked for from, for stacks that take turns: 1000 makes 5432 6432",
		}, set: whole(func(c *Config, n int) { c.PortOffset = uint16(n) }, 0, 50000)},
		{Setting: Setting{
			Key: "debian_suite", Env: "POSTSTACK_DEBIAN_SUITE", Default: "bookworm",
			Allowed: "a suite's name such as bookworm or trixie",
			Help:    "Debian suite that the images are built on",
		}, set: text(func(c *Config) *string { return &c.DebianSuite }, suiteName)},
		{Setting: Setting{
			Key: "artifacts", Env: "POSTSTACK_ARTIFACTS", Allowed: "a directory, absolute or relative to the checkout",
			Help: "Directory that is searched for artifacts before they are downloaded",
		}, set: localPath(func(c *Config) *string { return &c.ArtifactDir })},
		{
			Setting: Setting{
				Key: "state_dir", Env: "POSTSTACK_STATE_DIR", Default: "<XDG_STATE_HOME or ~/.local/state>/poststack",
				Allowed: "an absolute path",
				Help:    "Directory for the generated password and the chosen port; each stack has its own below it",
			}, set: absolutePath(func(c *Config) *string { return &c.StateDir }),
			computed: userDir("XDG_STATE_HOME", ".local/state"),
		},
		{Setting: Setting{
			Key: "cache_dir", Env: "POSTSTACK_CACHE_DIR", Default: "<XDG_CACHE_HOME or ~/.cache>/poststack",
			Allowed: "an absolute path",
			Help:    "Directory for downloads and for what was found out about the engines; it may be deleted at any time",
		}, set: absolutePath(func(c *Config) *string { return &c.CacheDir }), computed: userDir("XDG_CACHE_HOME", ".cache")},
	}
}

func databaseOptions() []option {
	return []option{
		{Setting: Setting{
			Key: "database.url", Env: "DATABASE_URL", Secret: true, Allowed: "a PostgreSQL connection URL",
			Help: "Database to use instead of Poststack's own; the other database settings do not matter then",
		}, set: databaseURL},
		{Setting: Setting{
			Key: "database.name", Env: "POSTSTACK_DATABASE_NAME", Default: "poststack",
			Allowed: "1 to 63 bytes without control characters",
			Help:    "Database in Poststack's own server",
		}, set: text(func(c *Config) *string { return &c.Database.Name }, databaseName)},
		{Setting: Setting{
			Key: "database.user", Env: "POSTSTACK_DATABASE_USER", Default: "poststack",
			Allowed: "1 to 63 bytes without control characters, not pg_…",
			Help:    "User of Poststack's own server",
		}, set: text(func(c *Config) *string { return &c.Database.User }, roleName)},
		{Setting: Setting{
			Key: "database.port", Env: "POSTSTACK_DATABASE_PORT", Default: "0", Allowed: "a port from 0 to 65535",
			Help: "Port on 127.0.0.1 of Poststack's own server; 0 is the first free one from 5432, which is then kept",
		}, set: whole(func(c *Config, n int) { c.Database.Port = uint16(n) }, 0, math.MaxUint16)},
		{Setting: Setting{
			Key: "database.password_file", Env: "POSTSTACK_DATABASE_PASSWORD_FILE",
			Allowed: "a file, absolute or relative to the checkout",
			Help:    "File with the password of Poststack's own server; one is generated if this is not set",
		}, set: localPath(func(c *Config) *string { return &c.Database.PasswordFile })},
		{Setting: Setting{
			Key: "database.tls", Env: "POSTSTACK_DATABASE_TLS", Default: "off",
			Allowed: "off, own, or a directory, absolute or relative to the checkout",
			Help: "Certificate of Poststack's own server, see database.md: one of a local authority, or the fullchain.pem " +
				"and privkey.pem of a directory",
		}, set: tlsSource},
		{Setting: Setting{
			Key: "database.archive", Env: "POSTSTACK_DATABASE_ARCHIVE",
			Allowed: "a directory, or a file whose name ends in .conf, absolute or relative to the checkout",
			Help: "Where Poststack's own server keeps its log and base backups, see backup.md: a directory, or what the file " +
				"says, such as an S3 bucket; without it nowhere",
		}, set: localPath(func(c *Config) *string { return &c.Database.Archive })},
		{Setting: Setting{
			Key: "database.archive_days", Env: "POSTSTACK_DATABASE_ARCHIVE_DAYS", Default: "14",
			Allowed: "a whole number from 1 to 3650",
			Help:    "Days that the archive goes back at least, with older base backups as far as these need them",
		}, set: whole(func(c *Config, n int) { c.Database.ArchiveDays = n }, 1, 3650)},
	}
}

func schemaOptions() []option {
	return []option{
		{Setting: Setting{
			Key: "schema.changelog", Env: "POSTSTACK_CHANGELOG", Default: "changelogs/db.changelog-root.yaml",
			Allowed: "a relative path inside the checkout",
			Help:    "Root changelog; its path is part of each changeset's identity",
		}, set: text(func(c *Config) *string { return &c.Schema.Changelog }, changelogPath)},
		{Setting: Setting{
			Key: "schema.contexts", Env: "POSTSTACK_CONTEXTS", Allowed: "names of Liquibase contexts, with commas",
			Help: "Changesets with a context run only if this names it",
		}, set: text(func(c *Config) *string { return &c.Schema.Contexts }, contextNames)},
		{Setting: Setting{
			Key: "schema.labels", Env: "POSTSTACK_LABELS", Allowed: "a Liquibase label filter in one line",
			Help: "Changesets with a label run only if this matches it",
		}, set: text(func(c *Config) *string { return &c.Schema.Labels }, oneLine)},
		{Setting: Setting{
			Key: "schema.transaction", Env: "POSTSTACK_TRANSACTION", Default: "all", Allowed: "all or changeset",
			Help: "What is one transaction: all changesets of an update, or each changeset, as with Liquibase itself",
		}, set: oneOf(func(c *Config) *string { return &c.Schema.Transaction }, "all", "changeset")},
	}
}

func timeoutOptions() []option {
	row := func(name, env, fallback, help string, field func(*Config) *time.Duration) option {
		return option{Setting: Setting{
			Key: "timeout." + name, Env: env, Default: fallback,
			Allowed: "a positive duration with its unit, such as 90s or 45m", Help: help,
		}, set: period(field)}
	}
	return []option{
		row("build", "POSTSTACK_TIMEOUT_BUILD", "45m", "Longest build of one image",
			func(c *Config) *time.Duration { return &c.Timeout.Build }),
		row("pull", "POSTSTACK_TIMEOUT_PULL", "30s",
			"Longest pull of the Debian image, before it is made from the host's sources",
			func(c *Config) *time.Duration { return &c.Timeout.Pull }),
		row("start", "POSTSTACK_TIMEOUT_START", "60s", "Longest wait for a container to become ready",
			func(c *Config) *time.Duration { return &c.Timeout.Start }),
		row("connect", "POSTSTACK_TIMEOUT_CONNECT", "10s", "Longest wait for a database connection",
			func(c *Config) *time.Duration { return &c.Timeout.Connect }),
		row("schema", "POSTSTACK_TIMEOUT_SCHEMA", "15m", "Longest schema operation",
			func(c *Config) *time.Duration { return &c.Timeout.Schema }),
		row("stop", "POSTSTACK_TIMEOUT_STOP", "60s", "Longest wait for a container to stop by itself",
			func(c *Config) *time.Duration { return &c.Timeout.Stop }),
	}
}
