package stack

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/poststack/poststack/pkg/certificate"
	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/doctor"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/image"
	"github.com/poststack/poststack/pkg/runner"
	"github.com/poststack/poststack/pkg/service"
)

// doctorTime bounds each check; they run side by side, so it bounds the whole too, give or take a second.
const doctorTime = 7 * time.Second

// DoctorReport is what the doctor saw, for machines.
type DoctorReport struct {
	OK       int              `json:"ok"`
	Warnings int              `json:"warnings"`
	Problems int              `json:"problems"`
	Findings []doctor.Finding `json:"findings"`
}

// Doctor looks over the machine and the stack, and says for each thing that is not well how to mend it. It changes
// nothing and starts nothing, unless fix is set: then it does what is safe. Problems that stay are an error.
func (s *Stack) Doctor(ctx context.Context, fix bool) error {
	// The checks share one engine, opened without its usual sweep: what dead runs have left is to be seen.
	findings := doctor.Run(ctx, doctorTime, s.checks()...)
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if fix {
		findings = doctor.Mend(ctx, findings)
	}
	report := DoctorReport{
		OK: doctor.Count(findings, doctor.OK), Warnings: doctor.Count(findings, doctor.Warning),
		Problems: doctor.Count(findings, doctor.Problem), Findings: findings,
	}
	table := event.Report{Header: []string{"check", "state", "seen", "mend it with"}, Data: report}
	mendable := false
	for i, f := range findings {
		f.Seen, f.Remedy = s.Secrets.Redact(f.Seen), s.Secrets.Redact(f.Remedy)
		findings[i].Seen, findings[i].Remedy = f.Seen, f.Remedy
		mendable = mendable || f.State != doctor.OK && f.Fix != nil
		if f.Fixed != "" {
			f.Seen += "; fixed: " + f.Fixed
		}
		table.Rows = append(table.Rows, []string{f.Check, string(f.State), f.Seen, f.Remedy})
	}
	s.Sink.Result(table)
	if report.Problems == 0 {
		return nil
	}
	text := count(report.Problems, "problem") + " found; each line above says how to mend it"
	if mendable && !fix {
		text += ", and mage doctor -fix mends what is safe"
	}
	return s.failure("doctor", Unexpected, fmt.Errorf("%s", text))
}

// checks are all of them, in the order of the table.
func (s *Stack) checks() []doctor.Check {
	cfg := s.Config
	network := s.Network
	if network.Mirrors == nil {
		network.Mirrors = image.Mirrors(image.Suite(cfg.DebianSuite))
	}
	all := []doctor.Check{
		{Name: "engine", Look: s.checkEngines},
		{Name: "storage", Look: s.checkStorage},
		doctor.Limits(nil),
		doctor.Cgroups("/", runner.Look("runc", s.Getenv("PATH")) != "", os.Getuid()),
		{Name: "disk space", Look: s.checkSpace},
		{Name: "port", Look: s.checkOwnPort},
	}
	all = append(all, network.Checks()...)
	return append(all,
		doctor.Check{Name: "artifacts", Look: s.checkArtifacts},
		doctor.Permissions(s.secretFiles(), []doctor.Place{
			{What: "checkout", Path: cfg.Root},
			{What: "logs", Path: cfg.LogDir()},
			{What: "container logs", Path: filepath.Join(cfg.LogDir(), "containers")},
			{What: "database logs", Path: filepath.Join(cfg.LogDir(), "database")},
			{What: "state", Path: cfg.StateDir},
			{What: "cache", Path: cfg.CacheDir},
		}),
		doctor.Check{Name: "lock", Look: s.checkLock},
		doctor.Check{Name: "containers", Look: s.checkContainers},
		doctor.Check{Name: "outside", Look: s.checkOutside},
		doctor.Check{Name: "after a reboot", Look: s.checkReboot},
		doctor.Check{Name: "leftovers", Look: s.checkLeftovers},
		doctor.Check{Name: "database", Look: s.checkDatabaseAndTables},
		doctor.Check{Name: "certificate", Look: s.checkCertificate},
		doctor.Check{Name: "backups", Look: s.checkBackups},
		doctor.Check{Name: "archive", Look: s.checkArchive},
	)
}

// secretFiles are those that others may not read.
func (s *Stack) secretFiles() []doctor.Secret {
	password := doctor.Secret{What: "password", Path: s.passwordFile(), Mode: 0o600, Ours: true}
	if file := s.Config.Database.PasswordFile; file != "" {
		password = doctor.Secret{What: "password file", Path: file, Mode: 0o600}
	}
	tls := s.authorityDir()
	return []doctor.Secret{
		password,
		{What: "state directory", Path: s.Config.StateDir, Mode: 0o700, Ours: true},
		{What: "key of labels", Path: s.keyFile(), Mode: 0o600, Ours: true},
		{What: "local authority", Path: filepath.Join(tls, certificate.AuthorityFile), Mode: 0o600, Ours: true},
		{What: "key of the certificate", Path: filepath.Join(tls, certificate.KeyFile), Mode: 0o600, Ours: true},
	}
}

// finding is a line of the doctor's; without a remedy it is well.
func finding(state doctor.State, remedy, format string, a ...any) doctor.Finding {
	return doctor.Finding{State: state, Seen: strings.Join(strings.Fields(fmt.Sprintf(format, a...)), " "), Remedy: remedy}
}

// seenContainers are those of the stack; without an engine, or an answer, there is a finding that says so.
func (s *Stack) seenContainers(ctx context.Context) (Engine, []engine.Container, []doctor.Finding) {
	e, err := s.seenEngine(ctx)
	if err != nil {
		return nil, nil, noEngine()
	}
	found, err := e.ContainerList(ctx, map[string]string{container.LabelStack: s.Config.Stack})
	if err != nil {
		return e, nil, []doctor.Finding{unanswered(ctx, "mage status", err)}
	}
	return e, found, nil
}

// checkContainers looks for containers of the stack that neither run nor were stopped in order, and for those of
// another owner's stack of the same name.
func (s *Stack) checkContainers(ctx context.Context) []doctor.Finding {
	e, found, unseen := s.seenContainers(ctx)
	if unseen != nil {
		return unseen
	}
	var out []doctor.Finding
	for _, c := range found {
		out = append(out, s.checkContainer(ctx, e, c))
	}
	out = append(out, s.checkLost(ctx, e)...)
	if len(out) == 0 {
		out = append(out, finding(doctor.OK, "", "none; mage setup makes them"))
	}
	return out
}

// checkContainer looks at one. While another run works on the stack, nothing is wrong with what it is making.
func (s *Stack) checkContainer(ctx context.Context, e Engine, c engine.Container) doctor.Finding {
	if err := s.check(e, "container", c.Name, c.Labels); err != nil {
		return finding(doctor.Problem, "set POSTSTACK_STACK or POSTSTACK_STATE_DIR", "%v", err)
	}
	fault := faultOf(ctx, e, c)
	if fault == "" {
		return finding(doctor.OK, "", "%s is %s", c.Name, c.State)
	}
	if s.busy() {
		return finding(doctor.OK, "", "another run works on %s, which %s", c.Name, fault)
	}
	f := finding(doctor.Problem, s.starter(c.Name)+", which recreates it", "%s %s", c.Name, fault)
	f.Fix = func(ctx context.Context) (string, error) { return s.removeFaulty(ctx, e, c.Name) }
	return f
}

// faultOf says what is wrong with a container, or with the way to it.
func faultOf(ctx context.Context, e Engine, c engine.Container) string {
	if fault := container.Fault(c); fault != "" {
		return fault
	}
	return service.RulesLost(ctx, e, c)
}

// busy tells whether another run works on the stack.
func (s *Stack) busy() bool {
	if _, err := os.Stat(s.lockFile()); err != nil { // which asking would make
		return false
	}
	free, unlock, err := tryLock(s.lockFile())
	unlock()
	return err == nil && !free
}

// checkLost looks for a server that runs without the engine's knowledge, which then holds the volume.
func (s *Stack) checkLost(ctx context.Context, e Engine) []doctor.Finding {
	name := s.containerName()
	lost, err := e.ContainerLost(ctx, name)
	if err != nil {
		return []doctor.Finding{unanswered(ctx, "mage status", err)}
	}
	if len(lost) == 0 || s.busy() || s.refuseForeign(ctx, e) != nil { // it may be another owner's
		return nil
	}
	f := finding(doctor.Problem, "mage db:start, which ends it",
		"%s has lost sight of %s, which still runs", e.Info().Kind, name)
	f.Fix = func(ctx context.Context) (string, error) {
		if err := s.acquire(ctx, s.Sink.For("doctor")); err != nil {
			return "", err
		}
		return "ended it; mage db:start starts the database", e.ContainerEndLost(ctx, name)
	}
	return []doctor.Finding{f}
}

// removeFaulty ends and removes a container that has a fault, unless somebody has mended it meanwhile.
func (s *Stack) removeFaulty(ctx context.Context, e Engine, name string) (string, error) {
	if err := s.acquire(ctx, s.Sink.For("doctor")); err != nil {
		return "", err
	}
	c, err := e.ContainerInspect(ctx, name)
	if err != nil {
		return "", err
	}
	if faultOf(ctx, e, c) == "" {
		return "it is fine now", nil
	}
	if err := container.Remove(ctx, e, c, s.Config.Timeout.Stop); err != nil {
		return "", err
	}
	return fmt.Sprintf("removed it; %s recreates it on the same volumes", s.starter(c.Name)), nil
}
