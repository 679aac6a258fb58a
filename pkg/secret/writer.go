package secret

import (
	"bytes"
	"io"
	"sync"
)

// maxLine is how much of an unfinished line a [Writer] holds back, in bytes, before it passes it on.
const maxLine = 64 << 10

// Writer passes whole lines on to another writer, redacted: a secret that arrives in two pieces is seen only
// when its line is complete. Of a line that is longer than 64 KiB it passes on the part that no secret
// crosses. It is safe for concurrent use. Close passes on an unfinished last line; it does not close the
// other writer.
type Writer struct {
	mu   sync.Mutex
	set  *Set
	next io.Writer
	held []byte
}

// NewWriter returns a writer that redacts the secrets of set, which may be nil, and writes to next.
func NewWriter(next io.Writer, set *Set) *Writer { return &Writer{set: set, next: next} }

// Write holds p back until its lines are complete. The count it returns is len(p) unless next fails; then it
// is 0, and what was held is dropped rather than written twice.
func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held = append(w.held, p...)
	end := bytes.LastIndexByte(w.held, '\n') + 1
	if end == 0 && len(w.held) >= maxLine {
		end = w.set.safeCut(string(w.held))
	}
	if err := w.pass(end); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Close writes the unfinished line, if there is one.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.pass(len(w.held))
}

// pass writes the first n bytes of what is held.
func (w *Writer) pass(n int) error {
	if n == 0 {
		return nil
	}
	text := w.set.Redact(string(w.held[:n]))
	w.held = append(w.held[:0], w.held[n:]...)
	if _, err := io.WriteString(w.next, text); err != nil {
		w.held = w.held[:0]
		return err
	}
	return nil
}
