package stack

import (
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/poststack/poststack/pkg/event"
)

// PanicError is a fault in this program: code that ran into a panic.
type PanicError struct{ Value any }

func (e *PanicError) Error() string {
	return fmt.Sprintf("panic: %v; this is a fault in Poststack itself: please report it with the log", e.Value)
}

// Recover makes an error of a panic, and tells where it happened. It is to be deferred itself.
func (s *Stack) Recover(err *error) {
	value := recover()
	if value == nil {
		return
	}
	*err = &PanicError{Value: value}
	s.Sink.Send(event.Event{
		Kind: event.Warning, Text: (*err).Error(), Detail: strings.Split(strings.TrimSpace(string(debug.Stack())), "\n"),
	})
}
