package process

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// maxOutput is how much of what a command prints is kept: its end.
const maxOutput = 16 << 10

// lastWords is how long a command that has ended may keep its output open, through a child that it left.
const lastWords = time.Second

// ExitError is a command that did not end with 0.
type ExitError struct {
	Argv   []string
	Code   int    // exit status, 128 and more if a signal ended it
	Output string // the end of what it printed, on both outputs
	Err    error  // why it was ended; nil if it ended by itself
}

// Unwrap gives the reason for which it was ended.
func (e *ExitError) Unwrap() error { return e.Err }

// Error tells the program and what it printed.
func (e *ExitError) Error() string {
	text := fmt.Sprintf("run %s: exit status %d", e.Argv[0], e.Code)
	if e.Err != nil {
		text = fmt.Sprintf("run %s: %v", e.Argv[0], e.Err)
	}
	if e.Output != "" {
		text += ": " + e.Output
	}
	return text
}

// Run runs a command to its end, and gives what it printed. It is killed with its group when ctx ends. The error of one
// that does not end with 0 is an [*ExitError].
func (t *Table) Run(ctx context.Context, s Spec) (string, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return "", fmt.Errorf("run %s: %w", s.Argv[0], err)
	}
	defer read.Close()
	s.Stdout, s.Stderr = write, write
	p, err := t.Start(s)
	_ = write.Close()
	if err != nil {
		return "", err
	}
	printed := make(chan string, 1)
	go func() { printed <- tail(read) }()
	var ended error
	select {
	case <-p.Done():
	case <-ctx.Done():
		ended = context.Cause(ctx)
		p.Kill()
		<-p.Done()
	}
	_ = read.SetReadDeadline(time.Now().Add(lastWords))
	output := strings.TrimSpace(<-printed)
	if code := p.Code(); code != 0 || ended != nil {
		return output, &ExitError{Argv: s.Argv, Code: code, Output: output, Err: ended}
	}
	return output, nil
}

// tail reads r to its end, and gives the last [maxOutput] bytes.
func tail(r io.Reader) string {
	var kept []byte
	part := make([]byte, 4096)
	for {
		n, err := r.Read(part)
		kept = append(kept, part[:n]...)
		if over := len(kept) - maxOutput; over > 0 {
			kept = append(kept[:0], kept[over:]...)
		}
		if err != nil {
			return string(kept)
		}
	}
}
