// Package config is everything a user can set, read once: the environment goes before poststack.yaml in the
// checkout, and that before the defaults. One table owns each setting's key, environment variable, default,
// allowed values and help; the documentation and config:show are made from it.
//
// An empty value, of a variable or in the file, is as good as none.
package config

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/poststack/poststack/pkg/secret"
)

// FileName is the configuration file's name at the checkout's top level. There need not be one.
const FileName = "poststack.yaml"

// Input is where settings come from.
type Input struct {
	Root    string   // the checkout
	Environ []string // KEY=value, as os.Environ returns it; HOME and the XDG directories are taken from it too
	Dir     string   // the user's working directory, absolute; "" is Root
}

// Config is the settings of one run. Every value in it is valid.
type Config struct {
	Root     string // absolute
	Engine   string // auto, podman or docker
	Output   string // auto, live, plain, github, json or quiet
	LogLevel string // error, warn, info, debug or trace
	LogKeep  int    // files of each operation that pruning leaves; at least 1
	Trace    string // absolute path of the file that a trace of the run is written to; "" for none

	Services map[string]Service // that run beside the database, by name

	Domain   string // host name of the mail server, in lower case
	LEEmail  string // address for the certificate authority; may be empty
	CertPath string // directory of certificates inside the containers
	ACME     ACME

	Stack       string // part of every container's, volume's and network's name
	PortOffset  uint16 // added to the numbers from which free ports are looked for
	DebianSuite string
	ArtifactDir string // absolute directory that is searched for artifacts before they are downloaded; may be empty

	Database Database
	Schema   Schema
	Backup   Backup
	Timeout  Timeout

	StateDir string // absolute; what must outlive the checkout's clean-up. No other stack uses it
	CacheDir string // absolute; shared by all stacks of the user

	settings []Setting
	typed    scope // of a path that is typed
}

// Database is the database to use: URL, or else Poststack's own server with the other settings.
type Database struct {
	URL          secret.Value // as it was given: package database reads it
	EmptyURL     bool         // DATABASE_URL is set and empty, as by a secret that CI does not have
	Name, User   string
	Port         uint16 // on 127.0.0.1; 0 is the first free one from 5432, remembered
	PasswordFile string // absolute; empty: generated, in StateDir
	TLS          string // TLSOff, TLSOwn, or the absolute directory of a certificate; "" is TLSOff
	// Archive is where the log and base backups go: the absolute path of a directory or, if it ends in .conf, of a file
	// with pgBackRest's settings of a repository; "" is nowhere.
	Archive     string
	ArchiveDays int // how far back the archive goes
}

// Values of [Database.TLS] that are no directories.
const (
	TLSOff = "off" // no TLS
	TLSOwn = "own" // a certificate of a local authority, in StateDir
)

// Schema is what the database is migrated with.
type Schema struct {
	Changelog string // relative to Root, cleaned, with slashes: it becomes part of each changeset's identity
	Contexts  string // names of Liquibase contexts, with commas
	Labels    string // Liquibase label filter
	// Transaction is what is one transaction: "all" changesets of an update, or each "changeset".
	Transaction string
}

// Backup is where backups go, and who can read them.
type Backup struct {
	Dir string // absolute; "" is backups in StateDir
	// age's: "age1…", several with blanks between, or the absolute path of a file of them; "" encrypts nothing
	Recipients string
	Identity   string // absolute path of the file with which encrypted backups are opened; may be empty
}

// Timeout is how long each kind of operation may take. All are positive.
type Timeout struct {
	Build, Pull, Start, Connect, Schema, Stop time.Duration
}

// Setting is one row of the table, and in a loaded configuration also its value.
type Setting struct {
	Key     string `json:"key"`         // in poststack.yaml: "log.level" is level below log
	Value   string `json:"value"`       // masked if Secret
	Source  string `json:"source"`      // "default", "poststack.yaml:12" or "environment LOG_LEVEL"
	Env     string `json:"environment"` // the variable that sets it
	Default string `json:"-"`           // in words, in angle brackets, when it depends on the machine
	Allowed string `json:"-"`
	Help    string `json:"-"`
	Secret  bool   `json:"-"`
}

// BackupDir is where backups are.
func (c Config) BackupDir() string { return cmp.Or(c.Backup.Dir, filepath.Join(c.StateDir, "backups")) }

// Typed is the absolute form of a path that was typed in a command: absolute, below the home directory (~/), which
// shells leave as it is behind -flag=, or relative to where the user is. Its error continues a sentence that begins
// with the path.
func (c Config) Typed(path string) (string, error) {
	if path == "" {
		return "", errors.New("is empty")
	}
	path, err := hostPath(c.typed, path)
	if err != nil {
		return "", err
	}
	return filepath.Abs(path) // of a configuration that was not loaded
}

// LogDir is where logs are written.
func (c Config) LogDir() string { return filepath.Join(c.Root, "logs") }

// Settings returns every setting with its value and where that came from, in the table's order.
func (c Config) Settings() []Setting { return slices.Clone(c.settings) }

// Reference returns the table: every setting without a value.
func Reference() []Setting {
	table := options()
	rows := make([]Setting, 0, len(table))
	for _, o := range table {
		rows = append(rows, o.Setting)
	}
	return rows
}

// Load reads and validates all settings. Its error is an [*Error] with every problem of every source, also of
// a value that another source overrides. Then only Root and Output are set, so that it can be told of; Output
// is "" if that is what is wrong.
func Load(in Input) (Config, error) {
	root, err := filepath.Abs(in.Root)
	if err != nil {
		return Config{}, &Error{Problems: []Problem{{Key: "root", Source: "checkout", Reason: err.Error()}}}
	}
	l := &loader{table: options(), scope: scope{root: root, dir: cmp.Or(in.Dir, root), env: environment(in.Environ)}}
	file := l.readFile(filepath.Join(root, FileName))
	env := l.readEnvironment()
	cfg := Config{Root: root, typed: scope{root: l.scope.dir, env: l.scope.env}}
	l.apply(&cfg, file, env)
	written, set := l.scope.env["DATABASE_URL"]
	cfg.Database.EmptyURL = set && written == "" && cfg.Database.URL == ""
	if len(l.problems) > 0 {
		return Config{Root: root, Output: cfg.Output}, &Error{Problems: l.problems}
	}
	return cfg, nil
}

// Error is a configuration that cannot be used.
type Error struct {
	Problems []Problem // at least one: the file's keys by line, then the variables by name, then values by the table
}

// Error lists the problems, one a line.
func (e *Error) Error() string {
	if len(e.Problems) == 1 {
		return "read configuration: " + e.Problems[0].String()
	}
	lines := make([]string, 0, 1+len(e.Problems))
	lines = append(lines, fmt.Sprintf("read configuration: %d problems", len(e.Problems)))
	for _, p := range e.Problems {
		lines = append(lines, "  - "+p.String())
	}
	return strings.Join(lines, "\n")
}

// Problem is one thing that is wrong with the configuration.
type Problem struct {
	Key     string // of the setting, or as it was written if there is no such setting
	Source  string // "environment DOMAIN", or "poststack.yaml:3:1" with line and column
	Value   string // quoted; the mask if the setting is secret; empty if it does not matter
	Reason  string // follows the value
	Allowed string // may be empty
}

// String is the problem in one line.
func (p Problem) String() string {
	text := strings.TrimSpace(p.Value + " " + p.Reason)
	if p.Key != "" {
		text = fmt.Sprintf("%s (%s): %s", p.Key, p.Source, text)
	} else {
		text = p.Source + ": " + text
	}
	if p.Allowed != "" {
		text += "; allowed: " + p.Allowed
	}
	return text
}
