package verify

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/poststack/poststack/pkg/database"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/health"
	"github.com/poststack/poststack/pkg/image"
)

// How often a starting container is asked, and how long one answer may take.
const (
	probeInterval = 25 * time.Millisecond
	answerTime    = 5 * time.Second
)

// ready asks every health check, in order, until each answers or the deadline they share is over. A container
// without any is ready when it runs.
func (s *scene) ready(ctx context.Context) bool {
	ctx, cancel := s.deadline(ctx)
	defer cancel()
	ok := s.ask(ctx, s.runs())
	for _, c := range s.Image.Runtime.Checks {
		if !c.Health() {
			continue
		}
		q := s.healthy(c)
		if !ok {
			s.skip(q)
			continue
		}
		ok = s.ask(ctx, q)
	}
	return ok
}

// readyAgain waits until every health check answers once more, after a restart.
func (s *scene) readyAgain(ctx context.Context) error {
	ctx, cancel := s.deadline(ctx)
	defer cancel()
	for _, c := range s.Image.Runtime.Checks {
		if !c.Health() {
			continue
		}
		if err := s.await(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// limitOfReady is how long becoming ready may take.
func (s *scene) limitOfReady() time.Duration {
	if s.Image.Runtime.Ready > 0 {
		return s.Image.Runtime.Ready
	}
	return image.DefaultReady
}

func (s *scene) deadline(ctx context.Context) (context.Context, context.CancelFunc) {
	limit := s.limitOfReady()
	return context.WithTimeoutCause(ctx, limit, fmt.Errorf("it is not ready within %s", limit))
}

// runs checks that the container did not end at once.
func (s *scene) runs() question {
	return question{check: "start", expected: "runs", ask: func(ctx context.Context) (answer, error) {
		c, err := s.Engine.ContainerInspect(ctx, string(s.box.ID()))
		if err == nil {
			err = exited(c)
		}
		return answer{seen: "runs", ok: true}, err
	}}
}

// healthy is a health check as a question.
func (s *scene) healthy(c image.Check) question {
	q := question{check: nameOf(c), expected: "answers within " + s.limitOfReady().String(), line: c.Line}
	q.ask = func(ctx context.Context) (answer, error) {
		start := time.Now()
		if err := s.await(ctx, c); err != nil {
			return answer{}, err
		}
		return answer{seen: "answers after " + short(time.Since(start)), ok: true}, nil
	}
	return q
}

// nameOf names a health check.
func nameOf(c image.Check) string {
	switch {
	case c.TCP != nil:
		return fmt.Sprintf("tcp %d", c.TCP.Port)
	case c.HTTP != nil && c.HTTP.TLS:
		return fmt.Sprintf("https %d %s", c.HTTP.Port, c.HTTP.Path)
	case c.HTTP != nil:
		return fmt.Sprintf("http %d %s", c.HTTP.Port, c.HTTP.Path)
	case c.SQL != nil:
		return fmt.Sprintf("sql %d %s/%s", c.SQL.Port, c.SQL.User, c.SQL.Database)
	}
	return "exec " + commandText(c.Exec.Run)
}

// await waits until a health check answers, the container has ended, or the answer is one that no waiting cures.
func (s *scene) await(ctx context.Context, c image.Check) error {
	p, err := s.prober(ctx, c)
	if err != nil {
		return err
	}
	return health.Wait(ctx, p, health.Options{Interval: probeInterval, Alive: s.alive, Final: final})
}

// final tells the refusals that no waiting cures.
func final(err error) bool {
	var refused *database.ConnectError
	return errors.As(err, &refused) && !refused.Passing()
}

// prober asks what a health check asks. Ports are looked up each time: a restart may publish them elsewhere.
func (s *scene) prober(ctx context.Context, c image.Check) (health.Prober, error) {
	if c.Exec != nil {
		return health.Exec(nameOf(c), func(ctx context.Context) error {
			res, err := s.exec(ctx, c.Exec.User, c.Exec.Run)
			if err == nil && res.Code != 0 {
				err = errors.New(ending(res))
			}
			return err
		}), nil
	}
	port, err := s.published(ctx, c.Port())
	if err != nil {
		return nil, err
	}
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(int(port)))
	switch {
	case c.TCP != nil:
		return health.TCP(address), nil
	case c.HTTP != nil:
		return s.http(address, *c.HTTP), nil
	}
	target := database.Target{
		Host: "127.0.0.1", Port: port, User: c.SQL.User, Database: c.SQL.Database, Password: s.password,
		Application: "poststack verify", ConnectTimeout: answerTime,
	}
	if c.SQL.TLS {
		target.SSLMode = "require"
	}
	return health.SQL(target.Redacted(), target.Connect), nil
}

// http asks a server for a page. With TLS only the certificate that was made for the scene is trusted.
func (s *scene) http(address string, c image.HTTPCheck) health.Prober {
	transport := &http.Transport{DisableKeepAlives: true}
	scheme := "http://"
	if c.TLS {
		scheme = "https://"
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(s.trust.certificate)
		transport.TLSClientConfig = &tls.Config{RootCAs: roots, ServerName: "localhost", MinVersion: tls.VersionTLS12}
	}
	return health.HTTP(scheme+address+c.Path, &http.Client{Transport: transport, Timeout: answerTime})
}

// published is where a port of the container is on this machine.
func (s *scene) published(ctx context.Context, port uint16) (uint16, error) {
	c, err := s.Engine.ContainerInspect(ctx, string(s.box.ID()))
	if err != nil {
		return 0, err
	}
	for _, p := range c.Ports {
		if p.Container == port && p.Host != 0 {
			return p.Host, nil
		}
	}
	if err := s.alive(ctx); err != nil {
		return 0, err
	}
	return 0, fmt.Errorf("port %d is not published", port)
}

// ending is how a command ended, with the last line that it printed.
func ending(res engine.ExecResult) string {
	text := fmt.Sprintf("status %d", res.Code)
	for _, out := range []string{res.Stderr, res.Stdout} {
		if out = strings.TrimSpace(out); out != "" {
			return text + ": " + out[strings.LastIndexByte(out, '\n')+1:]
		}
	}
	return text
}
