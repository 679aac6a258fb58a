package stack

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/poststack/poststack/pkg/certificate"
	"github.com/poststack/poststack/pkg/doctor"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/image"
	"github.com/poststack/poststack/pkg/runner"
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
