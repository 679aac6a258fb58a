// Package declaration is what an image says of the agent that runs in it: the daemon, the queries, the files that are
// rendered from their rows.
package declaration

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Declaration is the file, with ${NAME} in paths and commands replaced by the environment's variable.
type Declaration struct {
	Service   string  `yaml:"service"`
	Version   string  `yaml:"version"` // file that says which version the daemon is of, for templates
	Prepare   Command `yaml:"prepare"` // what is done once, before the first files are made
	Daemon    Daemon  `yaml:"daemon"`
	Check     Command `yaml:"check"` // of all files, in the directory that they are prepared in
	Directory string  `yaml:"directory"`
	// file with the last good rows, for a start without the database; "" keeps none
	Kept    string           `yaml:"kept"`
	Status  string           `yaml:"status"` // file that the agent tells its state in
	Pairs   *Pairs           `yaml:"pairs"`
	Queries map[string]Query `yaml:"queries"`
	Outputs []Output         `yaml:"outputs"`
	Start   Start            `yaml:"start"`
	Bounds  Bounds           `yaml:"bounds"`

	Dir string `yaml:"-"` // of the file itself: templates are beside it
}

// Daemon is the service itself.
type Daemon struct {
	Run    []string `yaml:"run"`
	Reload Reload   `yaml:"reload"`
	Stop   Stop     `yaml:"stop"`
	Ignore []string `yaml:"ignore"` // signals that are not passed on, beside SIGWINCH
	// Steady is how long it has run when it counts as having come up: it is then started again when it ends by itself.
	Steady time.Duration `yaml:"steady"`
}

// Reload is how the daemon takes changed files: a signal, or a command. Neither means that it reads them by itself.
type Reload struct {
	Signal  string `yaml:"signal"`
	Command `yaml:",inline"`
}

// Command is a program that ends by itself. ${stage} in an argument is the directory in which files are prepared, and
// ${changed} a file that lists those that differ from what the daemon has: in each line added, changed or removed,
// and the path below the directory.
type Command struct {
	Run     []string      `yaml:"run"`
	Timeout time.Duration `yaml:"timeout"`
}

// Stop is how the daemon ends, whichever signal asks the agent to.
type Stop struct {
	Signal  string        `yaml:"signal"`
	Again   string        `yaml:"again"`   // when it is asked a second time
	Timeout time.Duration `yaml:"timeout"` // before it is killed
}

// Pairs are the certificates with their keys.
type Pairs struct {
	Directory string `yaml:"directory"` // each in a directory below
	Query     string `yaml:"query"`     // whose rows name those directories, in the column "directory"
	Startup   string `yaml:"startup"`   // directory in which a pair is made that stands in for a missing one
	Reload    bool   `yaml:"reload"`    // whether the daemon must be told when a pair has changed
}

// Query is a single SELECT.
type Query struct {
	Key string `yaml:"key"` // the column that tells its rows apart; without it, none can be left out
	SQL string `yaml:"sql"`
}

// Output is a file, or with each one file for each row of that query.
type Output struct {
	Template string `yaml:"template"`
	Path     string `yaml:"path"` // a template too, relative to the directory; "" only tries whether the rows are right
	Each     string `yaml:"each"`
}

// Start is what happens while the database does not answer.
type Start struct {
	Wait    time.Duration `yaml:"wait"`    // before the daemon starts with the kept rows
	Without bool          `yaml:"without"` // it also starts when there are none; otherwise it goes on waiting
}

// Bounds are the times of the feed.
type Bounds struct {
	Connect time.Duration `yaml:"connect"`
	Read    time.Duration `yaml:"read"`
	Alone   time.Duration `yaml:"alone"`
	Burst   time.Duration `yaml:"burst"`
	Ping    time.Duration `yaml:"ping"`
	Full    time.Duration `yaml:"full"`
	Retry   time.Duration `yaml:"retry"`
}

// Load reads a declaration; getenv gives the environment's variables.
func Load(path string, getenv func(string) string) (Declaration, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return Declaration{}, fmt.Errorf("read the declaration: %w", err)
	}
	var d Declaration
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	decoder.KnownFields(true)
	if err := decoder.Decode(&d); err != nil {
		return Declaration{}, fmt.Errorf("read the declaration %s: %w", path, err)
	}
	d.Dir = filepath.Dir(path)
	d.expand(getenv)
	d.fill()
	if err := d.validate(); err != nil {
		return Declaration{}, fmt.Errorf("read the declaration %s: %w", path, err)
	}
	return d, nil
}

// expand puts the variables in.
func (d *Declaration) expand(getenv func(string) string) {
	expand := func(s string) string {
		return os.Expand(s, func(name string) string {
			if name == "stage" || name == "changed" {
				return "${" + name + "}"
			}
			return getenv(name)
		})
	}
	for _, list := range [][]string{d.Prepare.Run, d.Daemon.Run, d.Daemon.Reload.Run, d.Check.Run} {
		for i := range list {
			list[i] = expand(list[i])
		}
	}
	for _, path := range []*string{&d.Version, &d.Directory, &d.Kept, &d.Status} {
		*path = expand(*path)
	}
	if d.Pairs != nil {
		d.Pairs.Directory, d.Pairs.Startup = expand(d.Pairs.Directory), expand(d.Pairs.Startup)
	}
}

// fill sets what was left out.
func (d *Declaration) fill() {
	d.Status = cmp.Or(d.Status, "/run/poststack/status.json")
	d.Daemon.Stop.Signal = cmp.Or(d.Daemon.Stop.Signal, "SIGTERM")
	d.Daemon.Stop.Again = cmp.Or(d.Daemon.Stop.Again, d.Daemon.Stop.Signal)
	d.Start.Wait = cmp.Or(d.Start.Wait, 3*time.Second)
	for _, t := range d.times() {
		*t.value = cmp.Or(*t.value, t.usual)
	}
}

// bound is a time that is more than nothing.
type bound struct {
	name  string
	value *time.Duration
	usual time.Duration
}

// times are all bounds.
func (d *Declaration) times() []bound {
	b := &d.Bounds
	return []bound{
		{"bounds.connect", &b.Connect, 5 * time.Second},
		{"bounds.read", &b.Read, 20 * time.Second},
		{"bounds.alone", &b.Alone, 20 * time.Millisecond},
		{"bounds.burst", &b.Burst, 500 * time.Millisecond},
		{"bounds.ping", &b.Ping, 30 * time.Second},
		{"bounds.full", &b.Full, 5 * time.Minute},
		{"bounds.retry", &b.Retry, 2 * time.Second},
		{"prepare.timeout", &d.Prepare.Timeout, 20 * time.Second},
		{"check.timeout", &d.Check.Timeout, 20 * time.Second},
		{"daemon.steady", &d.Daemon.Steady, 5 * time.Second},
		{"daemon.stop.timeout", &d.Daemon.Stop.Timeout, 30 * time.Second},
		{"daemon.reload.timeout", &d.Daemon.Reload.Timeout, 20 * time.Second},
	}
}

// Argv is the command with the directory and the list of changed files put in.
func (c Command) Argv(stage, changed string) []string {
	out := make([]string, len(c.Run))
	for i, arg := range c.Run {
		out[i] = strings.NewReplacer("${stage}", stage, changedFiles, changed).Replace(arg)
	}
	return out
}

// changedFiles stands in an argument for the list.
const changedFiles = "${changed}"

// AsksWhatChanged tells whether the command wants the list of changed files.
func (c Command) AsksWhatChanged() bool {
	return slices.ContainsFunc(c.Run, func(arg string) bool { return strings.Contains(arg, changedFiles) })
}
