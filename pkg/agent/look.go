package agent

import (
	"context"
	"time"

	"github.com/poststack/poststack/pkg/agent/rows"
	"github.com/poststack/poststack/pkg/agent/status"
)

// beginRendering gets ready for files of these rows.
func (a *Agent) beginRendering(set rows.Set) {
	a.reached.forget()
	a.findPairs(set)
}

// findPairs looks at the certificates that the rows name.
func (a *Agent) findPairs(set rows.Set) {
	if a.pairs == nil {
		return
	}
	var directories []string
	for _, row := range set[a.Declaration.Pairs.Query] {
		values, err := row.Values()
		if name, ok := values["directory"].(string); err == nil && ok {
			directories = append(directories, name)
		}
	}
	a.pairs.Refresh(directories)
}

// again makes the files anew from the rows that are known.
func (a *Agent) again(ctx context.Context, why string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	set, origin := a.served, a.origin
	if a.wanted != nil {
		set, origin = a.wanted, status.Database
	}
	if set == nil {
		return
	}
	a.log.Debug("making the files anew", "why", why)
	a.files.Forget()
	_ = a.apply(ctx, set, origin, nil) // it is in the log and in the status
}

// look makes the files anew from time to time: certificates come and go without the database, and what failed for the
// machine's sake may work by now.
func (a *Agent) look(ctx context.Context) {
	every := time.NewTicker(a.Declaration.Bounds.Ping)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
			if a.settled() {
				a.lookUp(ctx)
			} else {
				a.lookAgain(ctx, "it is time to")
			}
		}
	}
}

// lookAgain looks at all that the database tells nothing of.
func (a *Agent) lookAgain(ctx context.Context, why string) {
	a.again(ctx, why)
	a.lookUp(ctx)
}

// settled tells whether nothing would come of making the files anew.
func (a *Agent) settled() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.pending || a.wrong || a.served == nil {
		return false
	}
	if a.pairs == nil {
		return true
	}
	before := a.pairs.Stamp()
	a.findPairs(a.served)
	return a.pairs.Stamp() == before
}
