package stack

import (
	"bufio"
	"context"
	"errors"
	"io"
	"strings"

	"golang.org/x/term"
)

// question asks for yes, unless that was said already. Without a terminal to ask on it refuses.
func (s *Stack) question(ctx context.Context, target string, yes bool, text, otherwise string) error {
	if yes {
		return nil
	}
	if !s.canAsk() {
		return s.refused(target,
			&UsageError{Reason: "there is no terminal to ask on, and " + otherwise + ": to go on without a question give -yes"})
	}
	s.Sink.For(target).Warn(text)
	answer, err := s.answer(ctx)
	if err != nil {
		return err
	}
	if got := strings.ToLower(answer); got != "yes" && got != "y" {
		return s.refused(target, &UsageError{Reason: "it was not confirmed: " + otherwise})
	}
	return nil
}

// canAsk tells whether a person can answer.
func (s *Stack) canAsk() bool { return term.IsTerminal(int(s.Stdin.Fd())) }

// answer is the line that a person types, without what is blank around it; "" for none.
func (s *Stack) answer(ctx context.Context) (string, error) {
	line, err := s.typed(ctx, func() (string, error) { return bufio.NewReader(s.Stdin).ReadString('\n') })
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return strings.TrimSpace(line), err
}

// typed reads what a person types, until ctx ends.
func (s *Stack) typed(ctx context.Context, read func() (string, error)) (string, error) {
	type line struct {
		text string
		err  error
	}
	answer := make(chan line, 1)
	go func() { // ends with the process if nobody answers: a read of a terminal cannot be cancelled
		text, err := read()
		answer <- line{text, err}
	}()
	select {
	case <-ctx.Done():
		return "", context.Cause(ctx)
	case got := <-answer:
		return got.text, got.err
	}
}
