// Package doctor looks a machine over: it runs checks side by side, each within a time of its own, and mends
// what is safe to mend when it is asked to. What is particular to a stack is checked by package stack; here are
// the checks that only know the machine. Nothing here changes anything but [Mend].
package doctor

import (
	"context"
	"fmt"
	"time"
)

// State is how bad a finding is.
type State string

// The states.
const (
	OK      State = "ok"
	Warning State = "warning" // it works, but slowly, or not for long
	Problem State = "problem" // something does not work
)

// Finding is what a check saw of one thing.
type Finding struct {
	Check  string `json:"check"` // such as "disk space"
	State  State  `json:"state"`
	Seen   string `json:"seen"`            // one line
	Remedy string `json:"remedy"`          // a command, or what else to do; empty when all is well
	Fixed  string `json:"fixed,omitempty"` // what [Mend] did

	// Fix mends it and says what it did; nil where that is not safe, or not possible.
	Fix func(ctx context.Context) (string, error) `json:"-"`
}

// Check looks at one kind of thing. It must not change anything, and should end when its context does.
type Check struct {
	Name string
	Look func(ctx context.Context) []Finding
}

// Run makes the checks side by side and returns what they saw, in the order of the checks. One that has not
// ended within limit is left alone, and is a warning: a look-up that hangs in the C library hears of no deadline.
func Run(ctx context.Context, limit time.Duration, checks ...Check) []Finding {
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	seen := make([]chan []Finding, len(checks))
	for i, c := range checks {
		seen[i] = make(chan []Finding, 1)
		go func() { seen[i] <- c.Look(limited) }()
	}
	// What hears of the deadline has a moment to say so.
	late, stop := context.WithTimeout(ctx, limit+grace)
	defer stop()
	var all []Finding
	for i, c := range checks {
		var found []Finding
		select {
		case found = <-seen[i]:
		case <-late.Done():
			select {
			case found = <-seen[i]: // it was in time; another one was not
			default:
				found = []Finding{warn("try again when the machine is less busy", "no answer within %s", limit)}
			}
		}
		for _, f := range found {
			f.Check = c.Name
			all = append(all, f)
		}
	}
	return all
}

// grace is how long a check may take to notice that its time is over.
const grace = time.Second

// Mend does the fixes of findings that are not well, one after the other, and notes in them what was done. What
// was mended is well afterwards.
func Mend(ctx context.Context, findings []Finding) []Finding {
	for i, f := range findings {
		if f.State == OK || f.Fix == nil {
			continue
		}
		done, err := mend(ctx, f.Fix)
		if err != nil {
			f.Seen += "; mending it: " + err.Error()
		} else {
			f.State, f.Remedy, f.Fixed = OK, "", done
		}
		findings[i] = f
	}
	return findings
}

// mendTime bounds one fix: an engine or a server may hang.
const mendTime = 30 * time.Second

func mend(ctx context.Context, fix func(context.Context) (string, error)) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, mendTime, fmt.Errorf("it did not end within %s", mendTime))
	defer cancel()
	done, err := fix(ctx)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return done, err
}

// Count is how many findings have that state.
func Count(findings []Finding, state State) int {
	n := 0
	for _, f := range findings {
		if f.State == state {
			n++
		}
	}
	return n
}

// well, warn and bad are findings in short.
func well(format string, a ...any) Finding {
	return Finding{State: OK, Seen: fmt.Sprintf(format, a...)}
}

func warn(remedy, format string, a ...any) Finding {
	return Finding{State: Warning, Seen: fmt.Sprintf(format, a...), Remedy: remedy}
}

func bad(remedy, format string, a ...any) Finding {
	return Finding{State: Problem, Seen: fmt.Sprintf(format, a...), Remedy: remedy}
}
