package stack

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/docker/go-units"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/database"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
)

// StatusReport is what a stack is at the moment.
type StatusReport struct {
	Stack       string             `json:"stack"`
	Containers  []ContainerStatus  `json:"containers"`
	Services    []ServiceStatus    `json:"services,omitempty"`    // those that are chosen or there, beside the database
	Foreign     []string           `json:"foreign,omitempty"`     // containers of another owner's stack of the same name
	Database    string             `json:"database"`              // URL without the password; "" if there is none yet
	Answers     string             `json:"answers"`               // "yes", or why not
	Superusers  []string           `json:"superusers,omitempty"`  // of the own database, that sign in over the network
	Schema      string             `json:"schema"`                // its state, or why it is unknown
	Certificate *CertificateStatus `json:"certificate,omitempty"` // that the own database serves, if it is to have one
	// Certificates are those of the domains; nil if there is none.
	Certificates *CertificatesStatus `json:"certificates,omitempty"`
	Backups      *BackupsStatus      `json:"backups,omitempty"` // those that are scheduled; nil if none are
	Archive      *ArchiveStatus      `json:"archive,omitempty"` // of the own database; nil if none is set
	VolumeBytes  int64               `json:"volume_bytes"`      // of the data volume; 0 if there is none
	Former       *FormerStatus       `json:"former,omitempty"`  // what an upgrade has left; nil if there is none
	Reboot       *RebootStatus       `json:"reboot,omitempty"`  // of the containers that run; nil if none does
}

// ContainerStatus is one container of the stack.
type ContainerStatus struct {
	Name  string       `json:"name"`
	Image string       `json:"image"`
	State engine.State `json:"state"`
	Fault string       `json:"fault,omitempty"` // what is wrong with it: the next start recreates it
	Since time.Time    `json:"since"`
	Port  uint16       `json:"port"` // the first of Ports; 0 if none is published
	Ports []PortStatus `json:"ports"`
}

// RebootStatus tells whether the containers that run will run again after a reboot.
type RebootStatus struct {
	ComeBack bool   `json:"come_back"`
	Why      string `json:"why,omitempty"` // why not, or what it depends on
	Remedy   string `json:"remedy,omitempty"`
}

// PortStatus is a port that a container publishes.
type PortStatus struct {
	Address   string `json:"address"` // of this machine: "127.0.0.1:5432"
	Container uint16 `json:"container"`
	Protocol  string `json:"protocol,omitempty"` // "udp"; "" is TCP
}

// String is the address as people write it down: a port of UDP is marked.
func (p PortStatus) String() string {
	if p.Protocol != "" {
		return p.Address + "/" + p.Protocol
	}
	return p.Address
}

// Status reports what runs, whether it answers, and what it holds. It starts nothing.
func (s *Stack) Status(ctx context.Context) error {
	report, err := s.status(ctx)
	if err != nil {
		return s.failure("status", Unexpected, err)
	}
	table := event.Report{Header: []string{"what", "state", "more"}, Data: report}
	row := func(what, state, more string) { table.Rows = append(table.Rows, []string{what, state, more}) }
	row("stack", report.Stack, s.Config.Root)
	for _, c := range report.Containers {
		more := fmt.Sprintf("since %s", units.HumanDuration(time.Since(c.Since)))
		for _, p := range c.Ports {
			more += ", " + p.String()
		}
		if c.Fault != "" {
			more += "; it " + c.Fault + ": " + s.starter(c.Name) + " recreates it"
		}
		row(c.Name, string(c.State), more)
	}
	for _, one := range report.Services {
		row(one.Service, one.word(), one.more(time.Now()))
	}
	for _, name := range report.Foreign {
		row(name, "foreign", "of another owner's stack of the same name")
	}
	if len(report.Containers)+len(report.Foreign) == 0 && !s.External() {
		row(s.containerName(), "not there", "start with: mage setup")
	}
	if text := report.Reboot.text(); text[0] != "" {
		row("after a reboot", text[0], text[1])
	}
	s.databaseRows(report, row)
	s.Sink.Result(table)
	return nil
}

// status asks the engine and the database.
func (s *Stack) status(ctx context.Context) (StatusReport, error) {
	report := StatusReport{
		Stack: s.Config.Stack, Containers: []ContainerStatus{},
		Answers: "not running; start with: mage setup", Schema: "unknown",
	}
	report.Backups, _ = s.backupsStatus(time.Now()) // the doctor tells what is wrong with them
	if !s.External() || s.StartsServices() {
		if err := s.containers(ctx, &report); err != nil {
			return report, err
		}
		var err error
		if report.Services, err = s.servicesStatus(ctx, ""); err != nil {
			return report, err
		}
	}
	target, err := s.Target(ctx)
	if errors.Is(err, errNotSetUp) {
		report.Answers = "none yet; make it with: mage setup"
		return report, nil
	}
	var unusable *UsageError
	if errors.As(err, &unusable) && !s.External() { // what runs can still be told of
		report.Answers = err.Error()
		return report, nil
	}
	if err != nil {
		return report, err
	}
	report.Database = target.Redacted()
	running := s.External()
	for _, c := range report.Containers {
		running = running || c.Name == s.containerName() && c.State == engine.Running && c.Port != 0
	}
	if running {
		s.answers(ctx, target, &report)
		report.Certificate, _ = s.certificateStatus(ctx, target) // Answers tells why there is none
		if report.Answers == "yes" {
			report.Certificates = s.certificatesStatus(ctx, target)
			report.Archive = s.archiveStatus(ctx, target)
		}
	}
	return report, nil
}

// containers fills in what the engine knows.
func (s *Stack) containers(ctx context.Context, report *StatusReport) error {
	e, err := s.engine(ctx)
	if err != nil {
		return err
	}
	found, err := e.ContainerList(ctx, map[string]string{container.LabelStack: s.Config.Stack})
	if err != nil {
		return err
	}
	var own []engine.Container
	for _, listed := range found {
		c, err := e.ContainerInspect(ctx, string(listed.ID)) // a list does not tell since when
		if err != nil {
			return err
		}
		if s.check(e, "container", c.Name, c.Labels) != nil {
			report.Foreign = append(report.Foreign, c.Name)
			continue
		}
		status := ContainerStatus{
			Name: c.Name, Image: string(c.Image), State: c.State, Fault: container.Fault(c), Since: c.Started,
		}
		if c.State != engine.Running {
			status.Since = c.Finished
		}
		if status.Since.IsZero() { // it was never started
			status.Since = c.Created
		}
		status.Ports = portsOf(c.Ports)
		if len(c.Ports) > 0 {
			status.Port = c.Ports[0].Host
		}
		report.Containers = append(report.Containers, status)
		own = append(own, c)
	}
	if running := s.toRun(own); len(running) > 0 {
		at := s.afterReboot(ctx, e, running)
		report.Reboot = &RebootStatus{ComeBack: at.Returns, Why: at.Why, Remedy: at.Remedy}
	}
	report.VolumeBytes, err = e.VolumeUsage(ctx, s.volumeName(e.Info().Kind))
	if err != nil && !errors.Is(err, engine.ErrNotFound) {
		return err
	}
	report.Former, err = s.formerStatus(ctx, e)
	return err
}

// starter is how a container of the stack is started.
func (s *Stack) starter(name string) string {
	if name == s.containerName() {
		return "mage db:start"
	}
	return "mage services:start"
}

// answers asks the database for a sign of life, for who rules it, and for its schema.
func (s *Stack) answers(ctx context.Context, target database.Target, report *StatusReport) {
	limited, cancel := context.WithTimeout(ctx, s.Config.Timeout.Connect)
	defer cancel()
	conn, err := target.Connect(limited)
	if refused, ok := errors.AsType[*database.ConnectError](err); ok {
		report.Answers = refused.Reason
		return
	}
	if err != nil {
		report.Answers = err.Error()
		return
	}
	defer conn.Close(context.WithoutCancel(ctx))
	report.Answers = "yes"
	report.Superusers, _ = s.outerSuperusers(limited, conn) // the doctor tells why they are unknown
	if report.Schema, err = s.schemaState(limited, target); err != nil {
		report.Schema = err.Error()
	}
}
