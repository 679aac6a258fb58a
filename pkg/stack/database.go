package stack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/database"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/health"
	"github.com/poststack/poststack/pkg/service"
)

// ownPortRemedy is how to choose another port for the own database.
const ownPortRemedy = "choose another port with POSTSTACK_DATABASE_PORT (setting database.port)"

// probeInterval is how often a starting server is asked whether it answers.
const probeInterval = 10 * time.Millisecond

// StartDatabase has Poststack's own PostgreSQL running and answering. With DATABASE_URL set it starts nothing.
func (s *Stack) StartDatabase(ctx context.Context) error {
	return s.run(ctx, "db:start", Database, func(ctx context.Context, r event.Reporter) (ended, error) {
		if s.External() {
			return ended{Outcome: event.Unchanged, Text: "DATABASE_URL is set: Poststack starts no database of its own"}, nil
		}
		e, err := s.engine(ctx)
		if err != nil {
			return ended{}, err
		}
		s.sayNotes(r)
		how, err := s.startOwn(ctx, e, r)
		if err == nil {
			err = s.settle(ctx, e, r)
		}
		return how, err
	})
}

// startOwn has the own database running on its volume, and waits until it answers.
func (s *Stack) startOwn(ctx context.Context, e Engine, r event.Reporter) (ended, error) {
	kind := e.Info().Kind
	declared, target, err := s.ownService(ctx, e, r)
	if err != nil {
		return ended{}, err
	}
	volumes := &volumeWatch{Engine: e, data: s.volumeName(kind), had: s.hasData(kind)}
	c, change, served, err := s.haveOwn(ctx, volumes, r, &declared, target)
	if err != nil {
		return ended{}, err
	}
	target.Port = declared.Spec.Ports[0].Host
	if err := s.rememberPort(kind, target.Port); err != nil {
		return ended{}, err
	}
	if volumes.made {
		s.standBy(ctx, e, target)
	}
	if change == container.Made {
		s.sayOther(r, kind)
	}
	if change != container.Kept {
		r.Step(fmt.Sprintf("container %s %s; waiting until it answers", c.Name, change))
	}
	kept := change == container.Kept && c.KeptUp
	renewed, err := s.readyWith(ctx, e, c, target, change, served)
	if err = s.keepUp(ctx, r, e, c.Name, kept, err); err != nil {
		return ended{}, err
	}
	how := ended{Outcome: event.Done, Text: fmt.Sprintf("%s on 127.0.0.1:%d, ", declared.Spec.Name, target.Port)}
	switch {
	case change != container.Kept:
		s.opened(ctx, e, r, c.ID, target)
		how.Text += string(change)
	case renewed:
		how.Text += "running already; it serves the new certificate"
	default:
		how.Outcome = event.Unchanged
		how.Text += "running already"
	}
	return how, nil
}

// haveOwn has the container of the own database running. served tells that it showed its certificate to clients
// already.
func (s *Stack) haveOwn(
	ctx context.Context, e Engine, r event.Reporter, declared *container.Service, target database.Target,
) (_ engine.Container, _ container.Change, served bool, err error) {
	found, err := container.Find(ctx, e, declared.Spec.Name)
	if err == nil {
		err = s.checkMajor(ctx, e, *declared, found)
	}
	if err == nil {
		err = s.checkNames(ctx, e, *declared, found, target)
	}
	if err == nil {
		served, err = s.deliverCertificate(ctx, e, *declared, found)
	}
	if err != nil {
		return found, "", false, err
	}
	s.sayFault(ctx, r, e, declared.Owner, found)
	runner := service.Runner{Engine: e, Report: r, Remedy: ownPortRemedy}
	if _, unknown := s.rememberedPort(ctx); errors.Is(unknown, errNotSetUp) {
		runner.Movable = []uint16{declared.Spec.Ports[0].Container}
		s.sayMoved(r, declared.Spec.Ports[0].Host)
	}
	c, change, err := runner.Have(ctx, declared, found)
	return c, change, served, err
}

// sayOther tells someone whose engine has changed where the data of before is.
func (s *Stack) sayOther(r event.Reporter, used engine.Kind) {
	for _, kind := range []engine.Kind{engine.Podman, engine.Docker} {
		if _, err := os.Stat(s.portFileOf(kind)); err == nil && kind != used {
			r.Notice(fmt.Sprintf("this database is new; the stack has another one on %s: POSTSTACK_ENGINE=%s uses that",
				kind, kind))
		}
	}
}

// sayFault tells of a container that is made anew since it neither runs nor was stopped in order, and the last words of
// its server.
func (s *Stack) sayFault(ctx context.Context, r event.Reporter, e Engine, o container.Owner, c engine.Container) {
	if c.ID == "" || container.Fault(c) == "" || o.Check("container", c.Name, c.Labels) != nil {
		return
	}
	r.Notice(fmt.Sprintf("container %s %s: recreating it on the same volumes", c.Name, container.Fault(c)))
	if !c.Started.IsZero() {
		for _, line := range container.LastLines(ctx, e, c.ID, 5) {
			r.Notice("its log ended with: " + line)
		}
	}
}

// ready waits until the server answers a query. The container was made with the stored password, which its entrypoint
// sets when it differs from the one before: a server that refuses it had it changed from inside. No restart cures
// that, and which of the two is meant only people know.
func (s *Stack) ready(ctx context.Context, e Engine, c engine.Container, target database.Target) error {
	if err := service.Published(ctx, e, c, target.Port); err != nil {
		return err
	}
	err := s.await(ctx, e, c, target)
	var refused *database.ConnectError
	if !errors.As(err, &refused) || refused.Kind != database.Authentication {
		return err
	}
	file := cmp.Or(s.Config.Database.PasswordFile, s.passwordFile())
	return fmt.Errorf("%w; it was changed in the database (alter role): write that one to %s, or any other, which the "+
		"next db:start gives to the role", err, file)
}

// await asks the server until it answers, refuses for good, or its container has exited.
func (s *Stack) await(ctx context.Context, e Engine, c engine.Container, target database.Target) error {
	ctx, cancel := within(ctx, s.Config.Timeout.Start, "start", "POSTSTACK_TIMEOUT_START")
	defer cancel()
	answers := health.Exec("database "+target.Redacted(), func(ctx context.Context) error {
		return s.sessions.Use(ctx, target, func(ctx context.Context, conn *pgx.Conn) error { return conn.Ping(ctx) })
	})
	return health.Wait(ctx, answers, health.Options{
		Interval: probeInterval, Alive: service.Alive(e, c.ID), Final: service.Final,
	})
}

// within limits what is done; the error says which setting has the limit.
func within(ctx context.Context, limit time.Duration, what, variable string) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, limit,
		fmt.Errorf("%s did not end within %s; give it longer with %s", what, limit, variable))
}

// VerifyDatabase connects, signs in, and checks that the database can be read and written.
func (s *Stack) VerifyDatabase(ctx context.Context) error {
	return s.run(ctx, "verify:db", Database, func(ctx context.Context, r event.Reporter) (ended, error) {
		target, err := s.Target(ctx)
		if err != nil {
			return ended{}, err
		}
		if s.External() {
			s.sayNotes(r)
		}
		ctx, cancel := within(ctx, s.Config.Timeout.Connect, "verify", "POSTSTACK_TIMEOUT_CONNECT")
		defer cancel()
		report, err := s.sessions.Verify(ctx, target)
		if err != nil {
			return ended{}, err
		}
		target = s.answered(target, report)
		for _, w := range report.Warnings {
			r.Warn(w)
		}
		state, err := s.schemaState(ctx, target)
		if err != nil {
			state = "unknown: " + err.Error()
		}
		return ended{
			Outcome: event.Passed, Text: target.Place() + ": " + summary(report) + ", schema " + state,
			Data: serverData(report, state),
		}, nil
	})
}

// summary is a report in one line.
func summary(r database.Report) string {
	encrypted := cmp.Or(r.TLS, "no TLS")
	return fmt.Sprintf("PostgreSQL %s, %s, %s, latency %s, readable and writable",
		r.Version, r.Encoding, encrypted, r.Latency.Round(10*time.Microsecond))
}
