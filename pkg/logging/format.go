package logging

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/sirupsen/logrus"

	"github.com/poststack/poststack/pkg/secret"
)

// phaseField is the field that stands before the message.
const phaseField = "phase"

// Colour tells whether the console may be coloured. NO_COLOR, unless it is empty, forbids it; CLICOLOR_FORCE,
// unless it is empty or 0, then demands it; else it needs a terminal, and one that is not dumb.
func Colour(isTerminal bool, getenv func(string) string) bool {
	if getenv("NO_COLOR") != "" {
		return false
	}
	if force := getenv("CLICOLOR_FORCE"); force != "" && force != "0" {
		return true
	}
	return isTerminal && getenv("TERM") != "dumb"
}

// consoleFormatter writes "level  phase  message  key=value", for people.
type consoleFormatter struct {
	level   logrus.Level // less important entries give no text
	colour  bool
	secrets *secret.Set
}

// Format returns the line of e, or nothing.
func (f *consoleFormatter) Format(e *logrus.Entry) ([]byte, error) {
	if e.Level > f.level {
		return nil, nil
	}
	level := fmt.Sprintf("%-5s", levelName(e.Level))
	if f.colour {
		level = paint(e.Level) + level + "\x1b[0m"
	}
	return line(level, e, f.secrets), nil
}

// fileFormatter writes "time level  phase  message  key=value", without colours.
type fileFormatter struct{ secrets *secret.Set }

// Format returns the line of e.
func (f fileFormatter) Format(e *logrus.Entry) ([]byte, error) {
	return line(fmt.Sprintf("%s %-5s", e.Time.UTC().Format(time.RFC3339), levelName(e.Level)), e, f.secrets), nil
}

// line is one entry, redacted. Secrets are masked before anything is quoted or escaped, which would hide them
// from the search. The further lines of a message are indented, so that none can pass for an entry.
func line(start string, e *logrus.Entry, secrets *secret.Set) []byte {
	var b bytes.Buffer
	b.WriteString(start)
	if phase, ok := e.Data[phaseField]; ok {
		b.WriteString("  " + printable(secrets.Redact(text(phase)), ""))
	}
	b.WriteString("  " + printable(secrets.Redact(strings.TrimRight(e.Message, "\r\n")), "\n    "))
	keys := make([]string, 0, len(e.Data))
	for key := range e.Data {
		if key != phaseField {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	for _, key := range keys {
		b.WriteString("  " + quoted(secrets.Redact(key)) + "=" + quoted(secrets.Redact(text(e.Data[key]))))
	}
	b.WriteByte('\n')
	return b.Bytes()
}

// text is a field's value as it would be printed.
func text(value any) string {
	switch v := value.(type) {
	case []byte:
		return string(v)
	case error:
		return fmt.Sprintf("%v", v)
	case time.Time:
		return v.Format(time.RFC3339Nano)
	default:
		return fmt.Sprintf("%+v", v)
	}
}

// quoted puts a value into quotes when it would not be seen as one otherwise.
func quoted(s string) string {
	plain := func(r rune) bool { return unicode.IsPrint(r) && r != ' ' && r != '"' && r != '=' }
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return strconv.Quote(s)
}

// printable replaces what a terminal would obey: a build's output may hold anything. A line break becomes
// newline, unless that is empty.
func printable(s, newline string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\r\n", "\n")
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n' && newline != "":
			b.WriteString(newline)
		case r == '\t' || !unicode.IsControl(r):
			b.WriteRune(r)
		default:
			escaped := strconv.QuoteRune(r)
			b.WriteString(escaped[1 : len(escaped)-1])
		}
	}
	return b.String()
}

// levelName is the level as LOG_LEVEL spells it.
func levelName(level logrus.Level) string {
	if level == logrus.WarnLevel {
		return "warn"
	}
	return level.String()
}

// paint is the escape sequence that begins the colour of a level.
func paint(level logrus.Level) string {
	switch level {
	case logrus.PanicLevel, logrus.FatalLevel, logrus.ErrorLevel:
		return "\x1b[31m"
	case logrus.WarnLevel:
		return "\x1b[33m"
	case logrus.InfoLevel:
		return "\x1b[36m"
	default:
		return "\x1b[90m"
	}
}

// consoleWriter passes on what has any text, to next if there is one. logrus writes to the process's own
// stderr when a writer fails, so a console that has gone away is not an error.
type consoleWriter struct{ next io.Writer }

func (w *consoleWriter) Write(p []byte) (int, error) {
	if w.next != nil && len(p) > 0 {
		_, _ = w.next.Write(p)
	}
	return len(p), nil
}

// fileHook writes every entry to the run's log. It never fails, for the same reason.
type fileHook struct {
	logs   *Logs
	format fileFormatter
}

// Levels returns all of them: the logger's own level decides.
func (h *fileHook) Levels() []logrus.Level { return logrus.AllLevels }

// Fire writes e.
func (h *fileHook) Fire(e *logrus.Entry) error {
	h.logs.write(h.format, e)
	return nil
}
