// Package nameserver asks a name server for what the tables have, over UDP and TCP, and tells where its answers are
// others. It changes nothing.
package nameserver

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sync/errgroup"

	"github.com/poststack/poststack/pkg/hosting"
)

// Server is a name server.
type Server struct {
	UDP, TCP string // addresses with ports
	// how long it may take until it has what the tables have; they may have changed just now
	Settle time.Duration
	Tells  func(context.Context) Told // nil for a server that tells nothing
}

// Told is what a server tells of itself.
type Told struct {
	LeftOut map[string]string // why zones are not served as the tables have them, by their names
	Read    time.Time         // when it last read the tables; what has changed later is not in it
}

// Answered is how a zone was answered for.
type Answered struct {
	Zone    string `json:"name"`
	Kind    string `json:"kind"`
	Serial  uint32 `json:"serial"`        // of the tables
	Served  uint32 `json:"served_serial"` // what the server has; 0 if it does not answer for the zone
	Signed  bool   `json:"signed"`        // it has keys, with which its answers are signed
	Records int    `json:"records"`       // rows that were asked for
	Wrong   int    `json:"problems"`      // of it
}

// UnreachableError is a server that does not answer at all.
type UnreachableError struct {
	Network, Address string
	Err              error
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("the name server does not answer at %s over %s: %v", e.Address, e.Network, e.Err)
}

// Unwrap gives the cause.
func (e *UnreachableError) Unwrap() error { return e.Err }

// Check asks the server for each of the zones, or for the one of that name. All zones of the server must be given,
// since one may have names that others of them answer for.
func (s Server) Check(
	ctx context.Context, zones []hosting.ServedZone, only hosting.Domain,
) ([]Answered, []hosting.Problem, error) {
	if err := s.reach(ctx); err != nil {
		return nil, nil, err
	}
	settled, cancel := context.WithTimeout(ctx, s.Settle)
	defer cancel()
	owned := names(zones)
	var first Told
	again := func() Told { return Told{} }
	if s.Tells != nil {
		first = s.Tells(ctx)
		again = sync.OnceValue(func() Told { return s.Tells(ctx) })
	}
	answered, problems := make([]Answered, len(zones)), make([][]hosting.Problem, len(zones))
	const most = 8
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(most)
	for i, z := range zones {
		if only != "" && z.Name != string(only) {
			continue
		}
		group.Go(func() (err error) {
			c := &check{server: s, zone: z, owned: owned, zones: zones, settled: settled, told: first, again: again}
			defer c.close()
			answered[i], problems[i], err = c.all(ctx)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, nil, err
	}
	var list []Answered
	var found []hosting.Problem
	for i := range zones {
		if answered[i].Zone != "" {
			list = append(list, answered[i])
		}
		found = append(found, problems[i]...)
	}
	return list, found, nil
}

// reach asks for anything, to know whether somebody is there.
func (s Server) reach(ctx context.Context) error {
	c := &check{server: s}
	defer c.close()
	for _, network := range []string{"udp", "tcp"} {
		if _, err := c.ask(ctx, network, ".", dns.TypeSOA); err != nil {
			return err
		}
	}
	return nil
}

// names are those that are zones of their own.
func names(zones []hosting.ServedZone) map[string]bool {
	owned := map[string]bool{}
	for _, z := range zones {
		if !z.Enabled {
			continue
		}
		owned[dns.Fqdn(z.Name)] = true
		for _, c := range z.Challenges {
			if c.Obstacle == "" {
				owned[dns.Fqdn(c.Name)] = true
			}
		}
	}
	return owned
}

// How long an answer may take, and how often it is asked for: a packet may be lost.
const (
	patience = 3 * time.Second
	tries    = 3
)

// question asks for a name and type; signed asks for signatures, too.
func question(name string, kind uint16, signed bool) *dns.Msg {
	const size = 1232 // that no network splits
	m := new(dns.Msg).SetQuestion(name, kind)
	m.RecursionDesired = false
	m.SetEdns0(size, signed)
	return m
}
