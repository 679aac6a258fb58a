package stack

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/hosting"
	"github.com/poststack/poststack/pkg/image"
)

// door is where a service of this stack answers that has the certificates.
type door struct {
	service, address string
	problem          string // why nobody needs to ask there
}

// certificatesServed are certificates with what is served; without that when there is an error.
func (s *Stack) certificatesServed(ctx context.Context, list []hosting.CertificateRow) ([]CertificateData, error) {
	data := make([]CertificateData, len(list))
	for i, c := range list {
		data[i] = certificateData(c, time.Now())
	}
	return data, s.addServed(ctx, data)
}

// addServed asks the services that run which certificate they show for each name. Which of their ports speak TLS,
// they tell themselves.
func (s *Stack) addServed(ctx context.Context, data []CertificateData) error {
	doors, err := s.doors(ctx)
	if err != nil {
		return fmt.Errorf("what is served was not looked at: %w", err)
	}
	const most = 16
	var group errgroup.Group
	group.SetLimit(most)
	for i := range data {
		if data[i].Status != hosting.CertificateIssued {
			continue
		}
		data[i].Served = make([]ServedData, len(doors))
		for k, at := range doors {
			group.Go(func() error {
				data[i].Served[k] = shownTo(ctx, at, data[i].CertificateRow)
				return nil
			})
		}
	}
	_ = group.Wait()
	for i := range data {
		data[i].Served = slices.DeleteFunc(data[i].Served, func(d ServedData) bool { return d.Service == "" })
	}
	return nil
}

// doors are the published ports of all services that has the certificates.
func (s *Stack) doors(ctx context.Context) ([]door, error) {
	services, err := s.servicesHere()
	if err != nil {
		return nil, err
	}
	var out []door
	for _, d := range services {
		name := d.Name
		if !slices.ContainsFunc(d.Service.Volumes,
			func(v image.ServiceVolume) bool { return v.ReadOnly && v.Path == s.Config.CertPath }) {
			continue
		}
		e, err := s.engine(ctx)
		if err != nil {
			return nil, err
		}
		c, err := s.serviceContainer(ctx, e, name)
		if err != nil {
			return nil, err
		}
		if c.State == "" || c.State == engine.Exited || c.State == engine.Created {
			continue
		}
		if c.State != engine.Running {
			out = append(out, door{service: name, problem: "its container is " + string(c.State)})
		}
		for _, p := range portsOf(c.Ports) {
			if p.Protocol == "" {
				out = append(out, door{service: name, address: p.Address})
			}
		}
	}
	return out, nil
}

// shownTo is what a client is shown that asks for the first name of a certificate; nothing of a port that does not
// speak TLS, and of a service that has no certificate for that name.
func shownTo(ctx context.Context, at door, c hosting.CertificateRow) ServedData {
	if at.problem != "" {
		return ServedData{Service: at.service, Problem: at.problem}
	}
	const most = 3 * time.Second
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	name := c.Names[0]
	if rest, wild := strings.CutPrefix(name, "*."); wild {
		name = "any." + rest
	}
	chain, err := presented(ctx, at.address, name)
	var network net.Error
	switch {
	case errors.As(err, &network) && network.Timeout():
		return ServedData{
			Service: at.service, Address: at.address, Problem: fmt.Sprintf("%s: no answer within %s", at.address, most),
		}
	case err != nil:
		return ServedData{Service: at.service, Address: at.address, Problem: at.address + ": " + err.Error()}
	case len(chain) == 0:
		return ServedData{}
	}
	leaf := chain[0]
	serial := leaf.SerialNumber.Text(16)
	// Of two that are for a name, a service shows the one that ends last.
	current := serial == c.Serial || c.NotAfter != nil && !leaf.NotAfter.Before(*c.NotAfter)
	return ServedData{Service: at.service, Address: at.address, Serial: serial, Current: current}
}

// presented is the certificate that a client is shown that asks for a name, with its chain. It is nothing if the port
// does not speak TLS, or shows one that is not for that name.
func presented(ctx context.Context, address, name string) ([]*x509.Certificate, error) {
	//nolint:gosec // it is looked at, not believed
	dialer := tls.Dialer{Config: &tls.Config{ServerName: name, InsecureSkipVerify: true}}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	secure, _ := conn.(*tls.Conn)
	chain := secure.ConnectionState().PeerCertificates
	if chain[0].VerifyHostname(name) != nil {
		return nil, nil
	}
	return chain, nil
}

// shownFor is what the services that run show for the hosts of a domain. What cannot be looked at is warned of.
func (s *Stack) shownFor(ctx context.Context, target string, of hosting.Domain) (shown []hosting.Shown) {
	doors, err := s.doors(ctx)
	if err != nil {
		s.Sink.For(target).Warn("which certificates are served was not looked at: " + err.Error())
		return nil
	}
	const most = 3 * time.Second
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	for _, at := range doors {
		for _, name := range hosting.Hosts(of) {
			if at.problem != "" {
				continue
			}
			if chain, err := presented(ctx, at.address, name); err == nil && len(chain) > 0 {
				shown = append(shown, hosting.Shown{Service: at.service, Name: name, Chain: chain})
			}
		}
	}
	return shown
}

// awaitServed waits until no service shows an older certificate, and says which still do.
func (s *Stack) awaitServed(ctx context.Context, data []CertificateData) error {
	const most, look = 15 * time.Second, 200 * time.Millisecond
	for end := time.Now().Add(most); ; {
		if err := s.addServed(ctx, data); err != nil {
			s.Sink.For("certificates:status").Warn(err.Error())
			return nil
		}
		var stale []error
		for _, c := range data {
			for _, served := range c.Served {
				switch {
				case served.Problem != "":
					stale = append(stale,
						fmt.Errorf("certificate %s is deployed, and %s does not answer: %s", c.Directory, served.Service, served.Problem))
				case !served.Current:
					stale = append(stale,
						fmt.Errorf("certificate %s is deployed, and %s still shows serial %s at %s; try: mage services:reload -of=%s",
							c.Directory, served.Service, served.Serial, served.Address, served.Service))
				}
			}
		}
		if len(stale) == 0 || time.Now().After(end) {
			return errors.Join(stale...)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(look):
		}
	}
}
