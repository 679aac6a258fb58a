// Package status is what an agent tells of itself: a JSON file in its container, which health checks and the stack
// read.
package status

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/renameio/v2"
)

// State is how far the agent is.
type State string

// The states.
const (
	Starting State = "starting" // the daemon does not run yet
	Serving  State = "serving"
	Stopping State = "stopping"
)

// Origin is where the rows come from that are served.
type Origin string

// The origins.
const (
	None     Origin = "none"     // nothing was ever read: a configuration without any row
	Kept     Origin = "kept"     // the last good ones of an earlier run
	Database Origin = "database" // of this run
)

// Status is all that is told.
type Status struct {
	Service    string     `json:"service"`
	State      State      `json:"state"`
	PID        int        `json:"pid"`       // of the daemon; 0 until it runs
	Rows       Origin     `json:"rows"`      // what is served
	Connected  bool       `json:"connected"` // the database answers
	Since      time.Time  `json:"since"`     // when that last changed
	LastRead   *time.Time `json:"last_read"` // from the database
	LastRender *time.Time `json:"last_render"`
	LastReload *time.Time `json:"last_reload"` // with a change
	Reloads    int        `json:"reloads"`
	LastChange *Change    `json:"last_change"` // the last one that was told and is served
	LastError  *Error     `json:"last_error"`  // nil when all is well again
	LeftOut    []LeftOut  `json:"left_out"`    // rows that are not served as they are
	Warnings   []string   `json:"warnings"`
	// Certificates are those that the rows name.
	Certificates []Certificate `json:"certificates,omitempty"`
}

// Certificate is a pair on the volume of certificates.
type Certificate struct {
	Directory string     `json:"directory"`
	Names     []string   `json:"names"`
	Serial    string     `json:"serial"`    // in lower-case hex; "" if there is none that can be served
	NotAfter  *time.Time `json:"not_after"` // nil likewise
	Served    bool       `json:"served"`    // some name is served with it
	Problem   string     `json:"problem"`   // why it cannot be
}

// Change is a row that has changed, as the database tells it.
type Change struct {
	At    time.Time `json:"at"`
	Table string    `json:"table"`
	Op    string    `json:"op"`
	Key   string    `json:"key"`
}

// Error is something that went wrong.
type Error struct {
	At   time.Time `json:"at"`
	What string    `json:"what"` // "database", "render", "reload", "daemon"
	Text string    `json:"text"` // with the output of the program that refused
}

// LeftOut is a row that cannot be served.
type LeftOut struct {
	Query string `json:"query"`
	Key   string `json:"key"`
	Kept  bool   `json:"kept"` // the last good one is served instead
	Error string `json:"error"`
}

// Board holds the status of a running agent, and writes each change to its file. Its methods may be called side by
// side.
type Board struct {
	path string
	warn func(error)
	mu   sync.Mutex
	now  Status
}

// NewBoard makes the board of a service; warn is told when the file cannot be written.
func NewBoard(service, path string, warn func(error)) *Board {
	b := &Board{path: path, warn: warn, now: Status{
		Service: service, State: Starting, Rows: None, Since: time.Now(), LeftOut: []LeftOut{}, Warnings: []string{},
	}}
	b.Change(func(*Status) {})
	return b
}

// Change changes the status.
func (b *Board) Change(change func(*Status)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change(&b.now)
	content, err := json.MarshalIndent(b.now, "", "  ")
	if err == nil {
		err = renameio.WriteFile(b.path, append(content, '\n'), 0o644)
	}
	if err != nil {
		b.warn(fmt.Errorf("write the status: %w", err))
	}
}

// Now gives the status as it is.
func (b *Board) Now() Status {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now
	now.LeftOut, now.Warnings, now.Certificates = slices.Clone(now.LeftOut), slices.Clone(now.Warnings),
		slices.Clone(now.Certificates)
	return now
}

// ServeHTTP answers with what [Status.Health] says, for those who ask from outside the container: a command inside
// takes an engine far longer.
func (b *Board) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	line, err := b.Now().Health()
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	_, _ = fmt.Fprintln(w, line)
}

// Read gives the status that a running agent has written.
func Read(path string) (Status, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return Status{}, fmt.Errorf("read the status: %w", err)
	}
	var s Status
	if err := json.Unmarshal(content, &s); err != nil {
		return Status{}, fmt.Errorf("read the status in %s: %w", path, err)
	}
	return s, nil
}

// Log is what the agent tells as it goes, from that level on, one of LOG_LEVEL.
func Log(w io.Writer, level string) *slog.Logger {
	least := map[string]slog.Level{ // others are info
		"error": slog.LevelError, "warn": slog.LevelWarn, "debug": slog.LevelDebug, "trace": slog.LevelDebug,
	}[strings.ToLower(level)]
	return slog.New(slog.NewTextHandler(w,
		&slog.HandlerOptions{Level: least, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{} // the engine knows it
			}
			return a
		}}))
}

// Tell prints what the running agent tells of itself: "health" in one line, or else all of it.
func Tell(w io.Writer, path, how string) error {
	s, err := Read(path)
	if err != nil {
		return err
	}
	if how == "health" {
		line, err := s.Health()
		if err == nil {
			_, err = fmt.Fprintln(w, line)
		}
		return err
	}
	content, err := json.MarshalIndent(s, "", "  ")
	if err == nil {
		_, err = fmt.Fprintf(w, "%s\n", content)
	}
	return err
}

// Health tells in one line how the service is; the error says why it does not serve. A database that is away, or a row
// that cannot be served, takes nothing down, and so is no error.
func (s Status) Health() (string, error) {
	if s.State != Serving {
		return "", fmt.Errorf("%s does not serve: it is %s", s.Service, s.State)
	}
	text := fmt.Sprintf("%s serves, rows: %s", s.Service, s.Rows)
	if !s.Connected {
		text += fmt.Sprintf("; the database is away since %s", s.Since.Format(time.RFC3339))
	}
	if s.LastError != nil {
		text += fmt.Sprintf("; %s: %s", s.LastError.What, s.LastError.Text)
	}
	for _, row := range s.LeftOut {
		text += fmt.Sprintf("; %s %q is left out: %s", row.Query, row.Key, row.Error)
	}
	for _, w := range s.Warnings {
		text += "; " + w
	}
	return text, nil
}
