package engine

import (
	"bytes"
	"io"
	"regexp"
	"strings"
	"sync"
)

// lineWriter makes whole lines of a builder's two streams: for the log as they are, without colours, and for
// the parser one at a time.
type lineWriter struct {
	log  io.Writer // may be nil
	line func(string)

	mu      sync.Mutex
	streams []*lineStream
}

// lineStream is one of the streams; a line of one is not broken by the other's.
type lineStream struct {
	to   *lineWriter
	held []byte
}

func (w *lineWriter) stream() *lineStream {
	s := &lineStream{to: w}
	w.streams = append(w.streams, s)
	return s
}

// Write passes on the lines that are complete.
func (s *lineStream) Write(p []byte) (int, error) {
	s.to.mu.Lock()
	defer s.to.mu.Unlock()
	s.held = append(s.held, p...)
	for {
		i := bytes.IndexByte(s.held, '\n')
		if i < 0 {
			return len(p), nil
		}
		s.to.emit(string(s.held[:i]))
		s.held = s.held[i+1:]
	}
}

// emit ignores errors of the log: a full disk must not look like a failed build.
func (w *lineWriter) emit(line string) {
	line = plain(line)
	if w.log != nil {
		_, _ = io.WriteString(w.log, line+"\n")
	}
	w.line(line)
}

// flush passes on what never got its line end.
func (w *lineWriter) flush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.streams {
		if len(s.held) > 0 {
			w.emit(string(s.held))
			s.held = nil
		}
	}
}

// plain drops colours (the classic builder paints stderr red) and what a carriage return overwrote.
func plain(line string) string {
	line = strings.TrimRight(line, "\r")
	if i := strings.LastIndexByte(line, '\r'); i >= 0 {
		line = line[i+1:]
	}
	if !strings.Contains(line, "\x1b") {
		return line
	}
	return regexp.MustCompile(`\x1b\[[0-9;?]*[A-Za-z]`).ReplaceAllString(line, "")
}
