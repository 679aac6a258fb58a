package stack

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/logging"
	"github.com/poststack/poststack/pkg/secret"
)

// LogsOptions say which log to show, and how much of it.
type LogsOptions struct {
	Of     string // a source's name, or the beginning of one; "" is the database's container, or else the newest run
	Last   int    // lines; 0 is all
	Follow bool   // go on until the container ends, or until interrupted
}

// LogsReport is what was shown, for machines.
type LogsReport struct {
	Of    string   `json:"of"`
	From  string   `json:"from"` // the container's name, or the file's path
	Lines []string `json:"lines"`
}

// logSource is something that has a log: a container of the stack, or a file.
type logSource struct {
	name  string
	id    engine.ContainerID // of a container
	from  string             // its name, or the file's path
	stamp string             // when a file was begun
}

// followPoll is how often a file that is followed is looked at.
const followPoll = 100 * time.Millisecond

// ShowLogs writes a log as [event.Output], line by line. Secrets are masked in it.
func (s *Stack) ShowLogs(ctx context.Context, o LogsOptions) error {
	return s.targetEnded(ctx, "logs", Unexpected, s.showLogs(ctx, o))
}

func (s *Stack) showLogs(ctx context.Context, o LogsOptions) error {
	switch {
	case o.Last < 0:
		return badUsage("-last=%d is not a number of lines; 0 shows all", o.Last)
	case o.Follow && s.documents():
		return badUsage("-follow has no end, and a JSON document needs one: leave out -follow, or set POSTSTACK_OUTPUT=plain")
	}
	if password, err := s.password(false); err == nil {
		s.Secrets.Add(password.Reveal())
	}
	source, err := s.findLog(ctx, o.Of)
	if err != nil {
		return err
	}
	// Nothing is said of the source: that would begin a log of this run, and be the last one to look at.
	report := LogsReport{Of: source.name, From: source.from, Lines: []string{}}
	lines := secret.NewWriter(writerFunc(func(p []byte) (int, error) {
		for line := range strings.Lines(string(p)) {
			line = strings.TrimRight(line, "\r\n")
			s.Sink.Send(event.Event{Kind: event.Output, Text: line})
			if !o.Follow {
				report.Lines = append(report.Lines, line)
			}
		}
		return len(p), nil
	}), s.Secrets)
	if source.id != "" {
		err = s.containerLog(ctx, source.id, o, lines)
	} else {
		err = fileLog(ctx, source.from, o, lines)
	}
	if err = errors.Join(err, lines.Close()); err != nil {
		return err
	}
	s.Sink.Result(event.Report{Data: report})
	return nil
}

// writerFunc is a function as an io.Writer.
type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// containerLog copies what a container printed, on both of its streams in one order.
func (s *Stack) containerLog(ctx context.Context, id engine.ContainerID, o LogsOptions, out io.Writer) error {
	e, err := s.seenEngine(ctx)
	if err != nil {
		return err
	}
	return e.ContainerLogs(ctx, id, engine.LogOptions{Follow: o.Follow, Tail: o.Last}, out, out)
}

// fileLog copies the end of a file, and what is added to it until ctx ends.
func fileLog(ctx context.Context, path string, o LogsOptions, out io.Writer) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read log: %w", err)
	}
	defer file.Close()
	text, err := io.ReadAll(bufio.NewReader(file))
	if err != nil {
		return fmt.Errorf("read log: %w", err)
	}
	lines := bytes.SplitAfter(text, []byte("\n"))
	if o.Last > 0 && len(lines) > o.Last+1 { // behind the last line break stands an empty one
		lines = lines[len(lines)-o.Last-1:]
	}
	if _, err := out.Write(bytes.Join(lines, nil)); err != nil || !o.Follow {
		return err
	}
	tick := time.NewTicker(followPoll)
	defer tick.Stop()
	for {
		if _, err := io.Copy(out, file); err != nil {
			return fmt.Errorf("read log: %w", err)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// findLog finds the source that name means.
func (s *Stack) findLog(ctx context.Context, name string) (logSource, error) {
	sources, err := s.logSources(ctx)
	if err != nil {
		return logSource{}, err
	}
	names := make([]string, len(sources))
	var like []logSource
	for i, source := range sources {
		names[i] = source.name
		if source.name == name || name == "" && (source.id != "" || source.name == runLog) {
			return source, nil
		}
		if name != "" && strings.HasPrefix(source.name, name) {
			like = append(like, source)
		}
	}
	if len(like) > 0 { // "build" is the newest of all builds, "build:base" the only one that begins so
		return slices.MaxFunc(like, func(a, b logSource) int { return strings.Compare(a.stamp, b.stamp) }), nil
	}
	slices.Sort(names)
	switch {
	case len(names) == 0:
		return logSource{}, badUsage("nothing has a log yet: run mage setup")
	case name == "":
		return logSource{}, &UsageError{Reason: "no container has a log; name one of these with -of=NAME: " +
			strings.Join(names, ", ")}
	}
	return logSource{}, badUsage("there is no log of %q; there are those of: %s", name, strings.Join(names, ", "))
}

// runLog is the name of the log of the last run.
const runLog = "run"

// logSources are the containers of the stack, and the newest log of each operation: build:IMAGE, liquibase:OPERATION
// and run.
func (s *Stack) logSources(ctx context.Context) ([]logSource, error) {
	var sources []logSource
	e, err := s.seenEngine(ctx)
	if err == nil {
		found, err := e.ContainerList(ctx, map[string]string{container.LabelStack: s.Config.Stack})
		if err != nil {
			return nil, err
		}
		for _, c := range found {
			sources = append(sources, logSource{name: c.Labels[container.LabelRole], id: c.ID, from: c.Name})
		}
	}
	var unusable *engine.UnusableError
	if err != nil && !errors.As(err, &unusable) { // without an engine there are still the files
		return nil, err
	}
	files, err := logging.Newest(s.Config.LogDir(), s.Logs.Path())
	if err != nil {
		return nil, fmt.Errorf("look for logs: %w", err)
	}
	for _, f := range files {
		sources = append(sources, logSource{name: logName(f), from: f.Path, stamp: f.Stamp})
	}
	return sources, nil
}

// logName is what people call the log of an operation: as its target, where it has one.
func logName(f logging.Found) string {
	switch image, build := strings.CutSuffix(f.Operation, "_build"); {
	case f.Dir == "" && f.Operation == "poststack":
		return runLog
	case build && f.Dir == "containers":
		return "build:" + image
	default:
		return strings.Replace(f.Operation, "_", ":", 1)
	}
}
