package runner

import (
	"cmp"
	"io"
	"sync"

	"github.com/poststack/poststack/pkg/secret"
)

// output is the two output streams of a program.
type output struct {
	stdout, stderr stream
}

// stream keeps the end of what is written to it, and passes it on in whole lines if someone listens.
type stream struct {
	tail   tailBuffer
	live   *secret.Writer // nil if no one listens; it redacts nothing here
	failed error          // the listener's error
}

// newOutput connects the streams to the listeners of c. Those may be the same writer: they are called one at
// a time, with whole lines, so that the lines of the two streams do not mix.
func newOutput(c Command) *output {
	lock := &sync.Mutex{}
	return &output{stdout: newStream(c.Stdout, lock), stderr: newStream(c.Stderr, lock)}
}

func newStream(w io.Writer, lock *sync.Mutex) stream {
	s := stream{tail: tailBuffer{max: MaxCapture}}
	if w != nil {
		s.live = secret.NewWriter(&lockedWriter{lock: lock, next: w}, nil)
	}
	return s
}

// Write fails when the listener does; the program's next write then fails too, as in a shell's pipe.
func (s *stream) Write(p []byte) (int, error) {
	_, _ = s.tail.Write(p)
	if s.live == nil {
		return len(p), nil
	}
	n, err := s.live.Write(p)
	s.failed = err
	return n, err
}

// close passes on unfinished last lines, and returns the first error of a listener.
func (o *output) close() error {
	for _, s := range []*stream{&o.stdout, &o.stderr} {
		if s.live != nil && s.failed == nil {
			s.failed = s.live.Close()
		}
	}
	return cmp.Or(o.stdout.failed, o.stderr.failed)
}

// lockedWriter serialises the writes to next.
type lockedWriter struct {
	lock *sync.Mutex
	next io.Writer
}

func (w *lockedWriter) Write(p []byte) (int, error) {
	w.lock.Lock()
	defer w.lock.Unlock()
	return w.next.Write(p)
}

// tailBuffer keeps the last max bytes written to it.
type tailBuffer struct {
	max  int
	data []byte
}

func (b *tailBuffer) Write(p []byte) (int, error) {
	b.data = append(b.data, p[max(0, len(p)-b.max):]...)
	if over := len(b.data) - b.max; over > b.max/4 {
		b.data = append(b.data[:0], b.data[over:]...)
	}
	return len(p), nil
}

// String returns what is kept.
func (b *tailBuffer) String() string { return string(b.data[max(0, len(b.data)-b.max):]) }
