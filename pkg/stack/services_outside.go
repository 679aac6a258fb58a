package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/poststack/poststack/pkg/doctor"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/hosting"
	"github.com/poststack/poststack/pkg/image"
	"github.com/poststack/poststack/pkg/service"
)

// outside is what a service finds of what it needs from outside of the stack.
type outside struct {
	Well   bool   `json:"well"`
	Seen   string `json:"seen"`
	Remedy string `json:"remedy"`
}

// String is it in one line.
func (o outside) String() string {
	if o.Remedy == "" {
		return o.Seen
	}
	return o.Seen + "; " + o.Remedy
}

// askOutside has a service that runs ask for what it needs from outside, with more arguments; nil if it needs
// nothing, or does not run.
func (s *Stack) askOutside(ctx context.Context, e Engine, d image.Definition, arguments ...string) (*outside, error) {
	if d.Service == nil || len(d.Service.Outside) == 0 {
		return nil, nil //nolint:nilnil // nothing to ask is no error
	}
	c, err := s.serviceContainer(ctx, e, d.Name)
	if err != nil || c.State != engine.Running {
		return nil, err
	}
	limited, cancel := context.WithTimeoutCause(ctx, askTime, fmt.Errorf("it took longer than %s", askTime))
	defer cancel()
	command := append(append([]string{}, d.Service.Outside...), arguments...)
	res, err := e.ContainerExec(limited, c.ID, engine.ExecSpec{Command: command})
	if err == nil && res.Code != 0 {
		err = errors.New(service.Ending(res))
	}
	var found outside
	if err == nil {
		err = json.Unmarshal([]byte(res.Stdout), &found)
	}
	if err != nil {
		return nil, fmt.Errorf("run %s in the container of %s: %w", service.CommandText(command), d.Name, err)
	}
	return &found, nil
}

// checkOutside has each service that runs ask for what it needs from outside of the stack.
func (s *Stack) checkOutside(ctx context.Context) []doctor.Finding {
	services, err := s.servicesHere()
	if err != nil {
		return nil // another check tells of it
	}
	e, err := s.seenEngine(ctx)
	if err != nil {
		return nil // likewise
	}
	var out []doctor.Finding
	for _, d := range services {
		name := d.Name
		found, err := s.askOutside(ctx, e, d)
		switch {
		case err != nil:
			out = append(out, finding(doctor.Warning, "mage services:status -of="+name, "%v", err))
		case found != nil && found.Well:
			out = append(out, finding(doctor.OK, "", "%s: %s", name, found.Seen))
		case found != nil:
			// What is served stays as it is for weeks: nothing is broken yet.
			out = append(out, finding(doctor.Warning, found.Remedy, "%s: %s", name, found.Seen))
		}
	}
	return out
}

// issuingAuthority asks the authority of a certificate for those names, from inside the container of the service that
// has certificates issued; nil if none runs here.
func (s *Stack) issuingAuthority(ctx context.Context, names ...string) (*outside, error) {
	services, err := s.servicesHere()
	if err != nil {
		return nil, err
	}
	for _, d := range services {
		if !signsInAs(d, hosting.IssuerRole) {
			continue
		}
		e, err := s.engine(ctx)
		if err != nil {
			return nil, err
		}
		if found, err := s.askOutside(ctx, e, d, names...); found != nil || err != nil {
			return found, err
		}
	}
	return nil, nil //nolint:nilnil // nobody here asks any
}

// reachable refuses to ask for a certificate while its authority would not be reached: a try that fails shuts out the
// next one for a time.
func (s *Stack) reachable(ctx context.Context, target string, names ...string) error {
	found, err := s.issuingAuthority(ctx, names...)
	switch {
	case err != nil:
		s.Sink.For(target).Warn("whether the authority can be reached is not known: " + err.Error())
	case found != nil && !found.Well:
		return s.failure(target, Unexpected, &CertificateError{fmt.Errorf("nothing was changed: %s", found)})
	}
	return nil
}
