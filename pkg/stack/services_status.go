package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/docker/go-units"

	"github.com/poststack/poststack/pkg/agent/status"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/service"
)

// ServiceStatus is how a service is.
type ServiceStatus struct {
	Service string         `json:"service"`
	State   string         `json:"state"` // of its container, or "not there"
	Ports   []PortStatus   `json:"ports"`
	Tells   *status.Status `json:"tells"`             // what it says of itself; null if it does not run, or says nothing
	Problem string         `json:"problem,omitempty"` // why it says nothing though it should
}

// ServicesStatus reports how the chosen services are, with those that run without being chosen, or how one is. It
// starts nothing.
func (s *Stack) ServicesStatus(ctx context.Context, only string) error {
	found, err := s.servicesStatus(ctx, only)
	if err != nil {
		return s.failure("services:status", Unexpected, err)
	}
	report := event.Report{Header: []string{"service", "what", "is"}, Data: found}
	for _, one := range found {
		first := one.Service
		for _, line := range one.lines(time.Now()) {
			report.Rows = append(report.Rows, []string{first, line[0], line[1]})
			first = ""
		}
	}
	if len(found) == 0 {
		images, err := s.catalogue()
		if err != nil {
			return s.failure("services:status", Unexpected, err)
		}
		report.Text = noneChosen(images)
	}
	s.Sink.Result(report)
	return nil
}

// servicesStatus asks all of them, side by side.
func (s *Stack) servicesStatus(ctx context.Context, only string) ([]ServiceStatus, error) {
	images, err := s.catalogue()
	if err != nil {
		return nil, err
	}
	names, err := s.selected(images, serviceWork{only: only, backwards: true})
	if err != nil {
		return nil, err
	}
	e, err := s.engine(ctx)
	if err != nil {
		return nil, err
	}
	all, failed := make([]ServiceStatus, len(names)), make([]error, len(names))
	var group sync.WaitGroup
	for i, name := range names {
		group.Go(func() { all[i], failed[i] = s.serviceStatus(ctx, e, name) })
	}
	group.Wait()
	found := []ServiceStatus{}
	for _, one := range all {
		if _, chosen := s.Config.Services[one.Service]; chosen || one.Service == only || one.State != notThere {
			found = append(found, one)
		}
	}
	return found, errors.Join(failed...)
}

// notThere is the state of a service without a container.
const notThere = "not there"

// askTime is how long a service may take to say how it is.
const askTime = 10 * time.Second

func (s *Stack) serviceStatus(ctx context.Context, e Engine, name string) (ServiceStatus, error) {
	out := ServiceStatus{Service: name, State: notThere, Ports: portsOf(nil)}
	d, err := s.definition(name)
	if err != nil {
		return out, err
	}
	c, err := s.serviceContainer(ctx, e, name)
	if err != nil || c.ID == "" {
		return out, err
	}
	out.State, out.Ports = string(c.State), portsOf(c.Ports)
	if c.State != engine.Running || len(d.Service.Status) == 0 {
		return out, nil
	}
	limited, cancel := context.WithTimeoutCause(ctx, askTime, fmt.Errorf("it took longer than %s", askTime))
	defer cancel()
	res, err := e.ContainerExec(limited, c.ID, engine.ExecSpec{Command: d.Service.Status})
	if err == nil && res.Code != 0 {
		err = errors.New(service.Ending(res))
	}
	if err == nil {
		err = json.Unmarshal([]byte(res.Stdout), &out.Tells)
	}
	if ctx.Err() != nil {
		return out, context.Cause(ctx)
	}
	if err != nil {
		out.Tells = nil
		out.Problem = folded(fmt.Sprintf("run %s: %v", service.CommandText(d.Service.Status), err))
	}
	return out, nil
}

// lines are it in words, each with what it is about.
func (s ServiceStatus) lines(now time.Time) [][2]string {
	lines := [][2]string{{"state", s.summary(now)}}
	add := func(what, format string, args ...any) {
		lines = append(lines, [2]string{what, fmt.Sprintf(format, args...)})
	}
	for _, p := range s.Ports {
		add("port", "%d on %s", p.Container, p)
	}
	if s.Tells == nil {
		return lines
	}
	t := *s.Tells
	if t.LastRender != nil {
		add("last render", "%s ago", since(now, *t.LastRender))
	}
	if t.LastReload != nil {
		add("reloads", "%d, the last %s ago", t.Reloads, since(now, *t.LastReload))
	}
	if c := t.LastChange; c != nil {
		add("last change", "%s %s in %s, %s ago", c.Op, c.Key, c.Table, since(now, c.At))
	}
	if t.LastError != nil {
		add("error", "%s, %s ago: %s", t.LastError.What, since(now, t.LastError.At), folded(t.LastError.Text))
	}
	for _, row := range t.LeftOut {
		how := "left out"
		if row.Kept {
			how = "as it last was"
		}
		add(how, "%s %q: %s", row.Query, row.Key, folded(row.Error))
	}
	for _, c := range t.Certificates {
		add("certificate", "%s: %s", c.Directory, certificateText(c, now))
	}
	for _, w := range t.Warnings {
		add("warning", "%s", w)
	}
	return lines
}

// summary is it in one line.
func (s ServiceStatus) summary(now time.Time) string {
	return strings.TrimSuffix(s.word()+"; "+s.more(now), "; ")
}

// word is how it is, in a word or two.
func (s ServiceStatus) word() string {
	if s.Tells == nil {
		return s.State
	}
	return string(s.Tells.State)
}

// more is what there is to say of that.
func (s ServiceStatus) more(now time.Time) string {
	switch {
	case s.State == notThere:
		return "start with: mage services:start"
	case s.Tells == nil:
		return s.Problem
	}
	t := *s.Tells
	text := map[status.Origin]string{
		status.None: "without any row", status.Kept: "with the rows that it had kept",
		status.Database: "with rows of the database",
	}[t.Rows]
	if t.Rows == status.Database && t.LastRead != nil {
		text += fmt.Sprintf(" of %s ago", since(now, *t.LastRead))
	}
	if !t.Connected {
		text += fmt.Sprintf("; the database has been away for %s", since(now, t.Since))
	}
	if n := len(t.LeftOut); n > 0 {
		text += "; " + count(n, "row") + " not served as it is"
	}
	if n := len(t.Warnings); n > 0 {
		text += "; " + count(n, "warning")
	}
	if len(t.LeftOut)+len(t.Warnings) > 0 || t.LastError != nil {
		text += ": see mage services:status"
	}
	return text
}

// certificateText is a certificate in words.
func certificateText(c status.Certificate, now time.Time) string {
	if c.NotAfter == nil {
		return c.Problem
	}
	text := strings.Join(c.Names, ", ")
	if left := c.NotAfter.Sub(now); left > 0 {
		text += ", " + units.HumanDuration(left) + " left"
	} else {
		text += ", ended " + units.HumanDuration(-left) + " ago"
	}
	if !c.Served {
		text += "; no name is served with it"
	}
	return text
}

// folded is text in one line.
func folded(text string) string { return strings.Join(strings.Fields(text), " ") }

// since is how long ago something was.
func since(now, at time.Time) string {
	return strings.ToLower(units.HumanDuration(max(now.Sub(at), 0)))
}

// portsOf are published ports as a value for machines.
func portsOf(ports []engine.Port) []PortStatus {
	list := []PortStatus{}
	for _, p := range ports {
		list = append(list, PortStatus{net.JoinHostPort(p.HostIP, strconv.Itoa(int(p.Host))), p.Container, p.Protocol})
	}
	return list
}
