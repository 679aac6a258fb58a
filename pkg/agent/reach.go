package agent

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/poststack/poststack/pkg/agent/pair"
	"github.com/poststack/poststack/pkg/agent/status"
)

// lookUpTime is how long the address of a host may be looked up.
const lookUpTime = 2 * time.Second

// reached are the hosts that the daemon hands requests on to, and those of them that have no address. A daemon that
// looks names up by itself says nothing of them until somebody asks for the site.
type reached struct {
	mu     sync.Mutex
	hosts  map[string]bool
	absent []string
}

// note is the function "reach" of the templates: it gives the address back.
func (r *reached) note(origin string) string {
	if u, err := url.Parse(origin); err == nil && net.ParseIP(u.Hostname()) == nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.hosts[u.Hostname()] = true
	}
	return origin
}

// forget makes a new rendering begin.
func (r *reached) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hosts = map[string]bool{}
}

// lookUp looks for the addresses of all hosts.
func (r *reached) lookUp(ctx context.Context) {
	r.mu.Lock()
	hosts := slices.Sorted(maps.Keys(r.hosts))
	r.mu.Unlock()
	var absent []string
	for _, host := range hosts {
		lookUp, cancel := context.WithTimeout(ctx, lookUpTime)
		_, err := net.DefaultResolver.LookupHost(lookUp, host)
		cancel()
		if err != nil {
			absent = append(absent, host)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.absent = absent
}

// warnings tells what is wrong, and takes nothing down but the sites that it is about.
func (a *Agent) warnings() []string {
	out := []string{}
	if a.pairs != nil {
		out = append(out, a.pairs.Warnings()...)
	}
	a.reached.mu.Lock()
	defer a.reached.mu.Unlock()
	for _, host := range a.reached.absent {
		out = append(out, fmt.Sprintf("host %q, which requests are handed on to, has no address", host))
	}
	return out
}

// certificates are those of the last look.
func (a *Agent) certificates() []status.Certificate {
	if a.pairs == nil {
		return nil
	}
	var out []status.Certificate
	for _, state := range a.pairs.States() {
		c := status.Certificate{Directory: state.Directory, Names: state.Names, Serial: state.Serial, Served: state.Served}
		switch {
		case state.Missing():
			c.Problem = "there is none yet"
		case state.Err != nil:
			c.Problem = state.Err.Error()
		default:
			c.NotAfter = &state.NotAfter
		}
		out = append(out, c)
	}
	return out
}

// lookUp looks for the hosts, and tells of those that have no address.
func (a *Agent) lookUp(ctx context.Context) {
	a.reached.lookUp(ctx)
	a.mu.Lock()
	defer a.mu.Unlock()
	if now := a.warnings(); !slices.Equal(now, a.board.Now().Warnings) {
		a.board.Change(func(s *status.Status) { s.Warnings = now })
	}
}

// pairOf gives the function "pair" of the templates.
func pairOf(s *pair.Store) func(string) string {
	if s == nil {
		return func(string) string { return "" }
	}
	return s.For
}
