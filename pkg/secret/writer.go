package secret

import (
	"bytes"
	"io"
	"sync"
)

// maxLine is how much of an unfinished line a [Writer] holds back, in bytes, before it passes it on.
const maxLine = 64 << 10

// Writer passes whole lines on to another writer, redacted: a secret that arrives in two pieces is seen only
// when its line is complete. It is safe for concurrent use. Close passes on an unfinished last line; it does
// not close the other writer.
type Writer struct {
	mu   sync.Mutex
	set  *Set
	next io.Writer
	held []byte
}

// NewWriter returns a writer that redacts the secrets of set, which may be nil, and writes to next.
func NewWriter(next io.Writer, set *Set) *Writer { return &Writer{set: set, next: next} }

// Write holds p back until its lines are complete. The count it returns is len(p) unless next fails.
func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held = append(w.held, p...)
	end := bytes.LastIndexByte(w.held, '\n') + 1
	if end == 0 && len(w.held) < maxLine {
		return len(p), nil
	}
	if end == 0 {
		end = len(w.held)
	}
	if _, err := io.WriteString(w.next, w.set.Redact(string(w.held[:end]))); err != nil {
		return 0, err
	}
	w.held = append(w.held[:0], w.held[end:]...)
	return len(p), nil
}

// Close writes the unfinished line, if there is one.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.held) == 0 {
		return nil
	}
	_, err := io.WriteString(w.next, w.set.Redact(string(w.held)))
	w.held = nil
	return err
}
