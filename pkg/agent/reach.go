package agent

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/poststack/poststack/pkg/agent/pair"
	"github.com/poststack/poststack/pkg/agent/status"
)

// lookUpTime is how long the address of a host may be looked up.
const lookUpTime = 2 * time.Second

// reached are the hosts that the daemon hands requests on to, and what is wrong with them. A daemon that looks names
// up by itself says nothing of them until somebody asks for the site.
type reached struct {
	mu    sync.Mutex
	hosts map[string]bool
	wrong []string
}

// note is the function "reach" of the templates: it gives the address back.
func (r *reached) note(origin string) string {
	if u, err := url.Parse(origin); err == nil {
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
	var wrong []string
	for _, host := range hosts {
		lookUp, cancel := context.WithTimeout(ctx, lookUpTime)
		addresses, err := net.DefaultResolver.LookupNetIP(lookUp, "ip", host)
		cancel()
		var problem string
		switch {
		case err != nil:
			problem = "has no address"
		case slices.ContainsFunc(addresses, ownAddress):
			problem = "is this container itself: what runs on the machine or in another container has a name of its own there"
		default:
			continue
		}
		wrong = append(wrong, fmt.Sprintf("host %q, which requests are handed on to, %s", host, problem))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wrong = wrong
}

// ownAddress tells whether an address is this container's.
func ownAddress(a netip.Addr) bool {
	list, _ := net.InterfaceAddrs()
	return a.IsLoopback() || slices.ContainsFunc(list, func(own net.Addr) bool {
		prefix, err := netip.ParsePrefix(own.String())
		return err == nil && prefix.Addr() == a.Unmap()
	})
}

// warnings tells what is wrong, and takes nothing down but the sites that it is about.
func (a *Agent) warnings() []string {
	out := []string{}
	if a.pairs != nil {
		out = append(out, a.pairs.Warnings()...)
	}
	a.reached.mu.Lock()
	defer a.reached.mu.Unlock()
	return append(out, a.reached.wrong...)
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
