package engine

import (
	"io"
	"regexp"
	"strings"
)

// lineWriter takes a builder's output, which comes in whole lines: for the log as they are, without colours, and for
// the parser one at a time.
type lineWriter struct {
	log  io.Writer // may be nil
	line func(string)
}

// Write ignores errors of the log: a full disk must not look like a failed build.
func (w *lineWriter) Write(p []byte) (int, error) {
	for text := range strings.Lines(string(p)) {
		line := plain(strings.TrimSuffix(text, "\n"))
		if w.log != nil {
			_, _ = io.WriteString(w.log, line+"\n")
		}
		w.line(line)
	}
	return len(p), nil
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
