// Package logging writes what happens to the console and to files: one for the whole run, and one for each
// operation on a container or on the database. Known secrets are masked in all of them.
//
//	logs/poststack_TS.log               the run; made when its first line is written
//	logs/containers/OPERATION_TS.log    one operation of a container engine, such as postgres_build
//	logs/database/OPERATION_TS.log      one operation on a database, such as liquibase_update
//
// TS is the UTC time to the second, 20251125T084712Z; a counter follows it when the name is taken.
//
// Directories are 0755 and files 0600: masking knows the secrets it was told of and no others, and the output
// of a build or a migration shows hosts, names and data that are nobody else's business.
package logging

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/poststack/poststack/pkg/secret"
)

// The directories of the operations' logs below Options.Dir.
const (
	containers = "containers"
	databases  = "database"
)

// Options say where logs go and what they show.
type Options struct {
	Dir     string           // ROOT/logs; made if it is missing
	Level   string           // of the console: error, warn, info, debug or trace; "" is info. The file has debug at least
	Console io.Writer        // nil shows nothing
	Colour  bool             // of the console; files have none
	Secrets *secret.Set      // masked everywhere; those added later too
	Keep    int              // how many files of each operation Close leaves; 0 or less is all
	Now     func() time.Time // nil is time.Now; it names and ages the files, it does not stamp lines
	Args    []string         // the command line, for the run's log
}

// Logs are the logs of one run. Its methods may be called from several goroutines.
type Logs struct {
	o      Options
	logger *logrus.Logger
	none   error // why there is no directory; nil if there is one

	mu     sync.Mutex
	run    *File   // nil until the first line
	failed bool    // the run's log could not be made, which was said once
	closed bool    // no more files are made
	files  []*File // every one this run has made
}

// Open makes the directories and returns the logs. It makes no file yet. Where no file can be made, as in a checkout
// that is read-only, that is said, and everything goes on without.
func Open(o Options) (*Logs, error) {
	level := logrus.InfoLevel
	if o.Level != "" {
		var err error
		if level, err = logrus.ParseLevel(o.Level); err != nil {
			return nil, fmt.Errorf("read log level %q: %w", o.Level, err)
		}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	l := &Logs{o: o, logger: logrus.New()}
	for _, dir := range []string{o.Dir, filepath.Join(o.Dir, containers), filepath.Join(o.Dir, databases)} {
		if err := os.MkdirAll(dir, 0o755); err != nil && l.none == nil {
			l.none = fmt.Errorf("make log directory %q: %w", dir, err)
		}
	}
	l.logger.SetLevel(max(level, logrus.DebugLevel))
	l.logger.SetOutput(&consoleWriter{next: o.Console})
	l.logger.SetFormatter(&consoleFormatter{level: level, colour: o.Colour, secrets: o.Secrets})
	l.logger.AddHook(&fileHook{logs: l, format: fileFormatter{secrets: o.Secrets}})
	return l, nil
}

// Logger writes to the console what has at least its level, and to the run's log what has at least debug.
// A phase field stands before the message, the others behind it by name.
func (l *Logs) Logger() *logrus.Logger { return l.logger }

// Path is the run's log relative to the checkout, "logs/poststack_TS.log"; "" if nothing has been logged.
func (l *Logs) Path() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.run == nil {
		return ""
	}
	return l.run.Path()
}

// Container makes the log of one operation of a container engine, logs/containers/OPERATION_TS.log.
func (l *Logs) Container(operation string) (*File, error) { return l.open(containers, operation) }

// Database makes the log of one operation on a database, logs/database/OPERATION_TS.log.
func (l *Logs) Database(operation string) (*File, error) { return l.open(databases, operation) }

// Close closes every file that is still open and then removes the oldest ones of each operation, but none of
// this run; that some cannot be removed is said. The logger goes on to write to the console.
func (l *Logs) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	var errs []error
	own := map[string]bool{}
	for _, f := range l.files {
		own[f.file.Name()] = true
		errs = append(errs, f.Close())
	}
	for _, dir := range []string{"", containers, databases} {
		if l.none == nil {
			l.warn(prune(filepath.Join(l.o.Dir, dir), l.o.Keep, l.o.Now(), own))
		}
	}
	return errors.Join(errs...)
}

func (l *Logs) open(dir, operation string) (*File, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f, err := l.openLocked(dir, operation)
	if err != nil && !l.closed {
		return &File{lines: secret.NewWriter(io.Discard, nil), lost: err}, nil
	}
	return f, err
}

func (l *Logs) openLocked(dir, operation string) (*File, error) {
	if l.closed {
		return nil, fmt.Errorf("make log of %q: %w", operation, os.ErrClosed)
	}
	if l.none != nil {
		return nil, l.none
	}
	f, err := create(filepath.Join(l.o.Dir, dir), fileName(operation), l.o.Now(), l.o.Secrets)
	if err != nil {
		return nil, fmt.Errorf("make log of %q: %w", operation, err)
	}
	f.path = filepath.ToSlash(filepath.Join(filepath.Base(l.o.Dir), dir, filepath.Base(f.file.Name())))
	l.files = append(l.files, f)
	return f, nil
}

// write appends an entry to the run's log, which it makes first. When that cannot be made or written, it says
// so on the console, once, and the run goes on.
func (l *Logs) write(format logrus.Formatter, e *logrus.Entry) {
	text, err := format.Format(e)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.failed {
		return
	}
	if l.run == nil && err == nil {
		if l.run, err = l.openLocked("", "poststack"); err == nil {
			err = l.writeHeader(format, e)
		}
	}
	if err == nil {
		_, err = l.run.add(text)
	}
	if l.failed = err != nil; l.failed {
		l.warn(fmt.Errorf("no log file: %w", err))
	}
}

// warn says on the console alone that something about the files is wrong.
func (l *Logs) warn(err error) {
	if err != nil && l.o.Console != nil {
		text, _, _ := strings.Cut(err.Error(), "\n")
		_, _ = fmt.Fprintf(l.o.Console, "warn   %s\n", l.o.Secrets.Redact(text))
	}
}

// writeHeader begins the run's log with the command that the run was started by.
func (l *Logs) writeHeader(format logrus.Formatter, e *logrus.Entry) error {
	header := &logrus.Entry{
		Time: e.Time, Level: logrus.InfoLevel, Message: "run started",
		Data: logrus.Fields{"args": strings.Join(l.o.Args, " "), "pid": os.Getpid()},
	}
	text, err := format.Format(header)
	if err != nil {
		return err
	}
	_, err = l.run.add(text)
	return err
}
