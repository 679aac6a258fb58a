package stack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/hosting"
	"github.com/poststack/poststack/pkg/nameserver"
)

// CheckDNS reports what is wrong in the zones, or in one, and fails if anything is. It looks at the tables, and asks
// the name server of this stack, if it runs, or the one that is named.
func (s *Stack) CheckDNS(ctx context.Context, typed, server string) error {
	const target = "dns:check"
	var asked nameServer
	of, err := some(typed, hosting.ParseZone)
	if err == nil {
		asked, err = s.askedNameServer(ctx, server)
	}
	var zones []hosting.ServedZone
	var problems []hosting.Problem
	err = s.look(ctx, target, err, func(ctx context.Context, conn hosting.Conn) (err error) {
		if problems, err = hosting.Check(ctx, conn, of,
			func(name hosting.Domain) []hosting.Shown { return s.shownFor(ctx, target, name) }); err == nil {
			zones, err = hosting.ServedZones(ctx, conn, asked.service)
		}
		return err
	})
	if err != nil {
		return err
	}
	served, more, err := asked.check(ctx, zones, of)
	switch {
	case interrupted(ctx, err):
		return context.Cause(ctx)
	case err != nil:
		more = append(more, hosting.Problem{State: hosting.NotServed, Text: err.Error()})
	case asked.why != "":
		s.Sink.For(target).Warn(asked.why)
	}
	data := DNSCheckData{ // lists for machines, also without anything in them
		Zones:    append([]nameserver.Answered{}, served...),
		Problems: append(append([]hosting.Problem{}, problems...), more...),
	}
	if asked.server != nil {
		data.Server = &NameServerData{Service: asked.service, UDP: asked.server.UDP, TCP: asked.server.TCP}
	}
	s.Sink.Result(data.report())
	if len(data.Problems) == 0 {
		return nil
	}
	return s.failure(target, Unexpected, fmt.Errorf("%s in the zones", count(len(data.Problems), "problem")))
}

func (d DNSCheckData) report() event.Report {
	report := event.Report{Header: []string{"zone", "record", "is", "problem"}, Data: d}
	for _, p := range d.Problems {
		report.Rows = append(report.Rows, []string{p.Zone, p.Record, string(p.State), p.Text})
	}
	if len(d.Problems) > 0 {
		return report
	}
	report.Text = "nothing is wrong in the tables"
	if d.Server != nil {
		records := 0
		for _, z := range d.Zones {
			records += z.Records
		}
		report.Text += fmt.Sprintf("; the name server at %s serves them as they are: %s, %s",
			d.Server.UDP, count(len(d.Zones), "zone"), count(records, "record"))
	}
	return report
}

// nameServer is the one that is asked.
type nameServer struct {
	service string // of this stack; "" if no image is one
	server  *nameserver.Server
	why     string // why none is asked
	wrong   bool   // and that it should be
}

// check asks it; a server that should answer and does not run is an error.
func (n nameServer) check(
	ctx context.Context, zones []hosting.ServedZone, of hosting.Domain,
) ([]nameserver.Answered, []hosting.Problem, error) {
	switch {
	case n.wrong:
		return nil, nil, errors.New(n.why)
	case n.server == nil:
		return nil, nil, nil
	}
	return n.server.Check(ctx, zones, of)
}

// askedNameServer is the one that is named, or the service of this stack.
func (s *Stack) askedNameServer(ctx context.Context, named string) (nameServer, error) {
	var n nameServer
	services, err := s.servicesHere()
	if err != nil {
		return n, err
	}
	for _, d := range services {
		if signsInAs(d, hosting.NameServerRole) {
			n.service = d.Name
		}
	}
	if named != "" {
		n.server, err = namedServer(named)
		return n, err
	}
	if n.service == "" {
		n.why = noNameServer
		return n, nil
	}
	return s.ownNameServer(ctx, n), nil
}

const noNameServer = "no name server runs here: the tables alone were looked at; ask another one with -server=ADDRESS"

// ownNameServer is the service of this stack, as it is now.
func (s *Stack) ownNameServer(ctx context.Context, n nameServer) nameServer {
	_, chosen := s.Config.Services[n.service]
	var is ServiceStatus
	e, err := s.engine(ctx)
	if err == nil {
		is, err = s.serviceStatus(ctx, e, n.service)
	}
	switch {
	case err != nil:
		n.why, n.wrong = "the name server was not asked: "+err.Error(), chosen
	case is.State == string(engine.Running):
		n.server = s.runningServer(e, is)
	case chosen:
		n.why, n.wrong = fmt.Sprintf("the name server does not run; start it with: mage services:start -of=%s", n.service),
			true
	default:
		n.why = noNameServer
	}
	return n
}

// runningServer is the name server of this stack: where it is published over both protocols, and what it leaves out.
func (s *Stack) runningServer(e Engine, is ServiceStatus) *nameserver.Server {
	const settle = 5 * time.Second
	server := &nameserver.Server{Settle: settle, Tells: func(ctx context.Context) nameserver.Told {
		told := nameserver.Told{LeftOut: map[string]string{}}
		now, err := s.serviceStatus(ctx, e, is.Service)
		if err != nil || now.Tells == nil {
			return told
		}
		for _, row := range now.Tells.LeftOut {
			if row.Query == "zones" {
				told.LeftOut[row.Key] = row.Error
			}
		}
		if now.Tells.LastRead != nil {
			told.Read = *now.Tells.LastRead
		}
		return told
	}}
	d, err := s.definition(is.Service)
	if err != nil {
		return server
	}
	for _, p := range is.Ports {
		for _, declared := range d.Service.Ports {
			if both := declared.Speaks("tcp") && declared.Speaks(engine.UDP); !both || declared.Port != p.Container {
				continue
			}
			if p.Protocol == engine.UDP { // the first one is of IPv4
				server.UDP = cmp.Or(server.UDP, p.Address)
			} else {
				server.TCP = cmp.Or(server.TCP, p.Address)
			}
		}
	}
	return server
}

// namedServer is one that somebody has named, by its address, perhaps with a port.
func namedServer(typed string) (*nameserver.Server, error) {
	const usual = "53"
	host, port, err := net.SplitHostPort(typed)
	if err != nil {
		host, port = typed, usual
	}
	if address, err := netip.ParseAddr(host); err == nil {
		host = address.String()
	} else if _, err := hosting.ParseDomain(host); err != nil {
		return nil, badUsage("%q is neither an address nor a name of a server; write it as 192.0.2.53 or 192.0.2.53:5353",
			typed)
	}
	at := net.JoinHostPort(host, port)
	return &nameserver.Server{UDP: at, TCP: at}, nil
}
