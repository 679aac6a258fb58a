package verify

import (
	"cmp"
	"context"
	"crypto/x509"
	"fmt"
	"time"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/health"
	"github.com/poststack/poststack/pkg/image"
	"github.com/poststack/poststack/pkg/service"
)

// probeInterval is how often a starting container is asked.
const probeInterval = 25 * time.Millisecond

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
	return cmp.Or(s.Image.Runtime.Ready, image.DefaultReady)
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
	q := question{check: service.CheckName(c), expected: "answers within " + s.limitOfReady().String(), line: c.Line}
	q.ask = func(ctx context.Context) (answer, error) {
		start := time.Now()
		if err := s.await(ctx, c); err != nil {
			return answer{}, err
		}
		return answer{seen: "answers after " + short(time.Since(start)), ok: true}, nil
	}
	return q
}

// await waits until a health check answers, the container has ended, or the answer is one that no waiting cures.
func (s *scene) await(ctx context.Context, c image.Check) error {
	p, err := s.prober(ctx, c)
	if err != nil {
		return err
	}
	return health.Wait(ctx, p, health.Options{Interval: probeInterval, Alive: s.alive, Final: service.Final})
}

// prober asks what a health check asks. With TLS only the certificate that was made for the scene is trusted.
func (s *scene) prober(ctx context.Context, c image.Check) (health.Prober, error) {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(s.trust.Certificate)
	inspect := func(ctx context.Context) (engine.Container, error) {
		return s.Engine.ContainerInspect(ctx, string(s.box.ID()))
	}
	return service.Place{Inspect: inspect, Alive: s.alive, Exec: s.exec, Password: s.password, Roots: roots}.Prober(ctx, c)
}
