package trace

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/google/renameio/v2"
)

// beginning is how every trace file of ours begins.
const beginning = `{"traceEvents":[`

// writable finds out whether a trace can be written to path in the end, and returns the path without a symbolic
// link at its end.
func writable(path string) (string, error) {
	if to, err := filepath.EvalSymlinks(path); err == nil {
		path = to
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist): // it is made
	case err != nil:
		return "", refusal(path, err)
	case info.IsDir():
		return "", refusal(path, errors.New("it is a directory"))
	case !info.Mode().IsRegular():
		return "", refusal(path, errors.New("it is not a regular file"))
	default:
		if err := ours(path); err != nil {
			return "", refusal(path, err)
		}
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".poststack-trace-")
	if err != nil {
		return "", refusal(path, cause(err))
	}
	_ = f.Close()
	if err := os.Remove(f.Name()); err != nil {
		return "", refusal(path, cause(err))
	}
	return path, nil
}

func refusal(path string, err error) error { return fmt.Errorf("write trace %q: %w", path, err) }

// cause is what went wrong without the name of a temporary file.
func cause(err error) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path.Err
	}
	return err
}

// ours refuses a file that holds something and is no trace: a mistyped name must not cost anybody a file.
func ours(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return cause(err)
	}
	defer func() { _ = f.Close() }()
	head := make([]byte, len(beginning))
	n, err := io.ReadFull(f, head)
	if n == 0 && errors.Is(err, io.EOF) || n == len(head) && string(head) == beginning {
		return nil
	}
	return errors.New("it is a file that holds no trace, and is not overwritten")
}

// Path is where the trace is written; "" for a nil recorder.
func (r *Recorder) Path() string {
	if r == nil {
		return ""
	}
	return r.options.Path
}

// Close ends the recording and writes the file, all of it or nothing: whoever reads it meanwhile gets the old one
// or the new one. Spans that have not ended, of a run that was interrupted, end now. A second call does nothing.
func (r *Recorder) Close() error {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil
	}
	r.closed = true
	r.finish(time.Now())
	text, err := r.encode(r.before())
	if err != nil {
		return err
	}
	// The temporary file stands beside the file itself: only so can it take its place.
	if err := renameio.WriteFile(r.options.Path, text, 0o600,
		renameio.WithTempDir(filepath.Dir(r.options.Path))); err != nil {
		return refusal(r.options.Path, err)
	}
	return nil
}

// before returns the spans that this process has written to the file already, for another target of its command
// line. What other processes wrote is replaced.
func (r *Recorder) before() []event {
	text, err := os.ReadFile(r.options.Path)
	if err != nil || !bytes.HasPrefix(text, []byte(beginning)) {
		return nil
	}
	var doc document
	if err := json.Unmarshal(text, &doc); err != nil || doc.Other.Run != r.options.Run {
		return nil
	}
	lanes := map[int]string{}
	var spans []event
	for _, e := range doc.Events {
		switch {
		case e.Phase == "M" && e.Name == "thread_name":
			lanes[e.Thread], _ = e.Args["lane"].(string)
		case e.Phase == "X" && e.Duration != nil:
			e.lane = lanes[e.Thread]
			spans = append(spans, e)
		}
	}
	return spans
}
