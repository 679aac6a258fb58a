package stack

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/docker/go-units"
)

// databaseRows tell of the database, of who rules it, of what it serves, and of where its data is and is kept.
func (s *Stack) databaseRows(report StatusReport, row func(what, state, more string)) {
	row("database", report.Answers, report.Database)
	if names := report.Superusers; len(names) > 0 {
		row("superuser", strings.Join(names, ", "), "signs in over the network; remedy: "+s.superuserRemedy(names))
	}
	row("schema", report.Schema, s.Config.Schema.Changelog)
	if c := report.Certificate; c != nil {
		row("certificate", c.String(), cmp.Or(c.Problem, c.From))
	}
	if c := report.Certificates; c != nil {
		row("certificates", c.String(), c.more())
	}
	if b := report.Backups; b != nil {
		row("backups", b.text()[0], b.text()[1])
	}
	if a := report.Archive; a != nil {
		state, more := a.text()
		row("archive", state, more)
	}
	if report.VolumeBytes > 0 {
		row("data", units.HumanSize(float64(report.VolumeBytes)), s.volumeName(s.engineOnce.value.Info().Kind))
	}
	if f := report.Former; f != nil {
		row("former data", units.HumanSize(float64(f.Bytes)),
			fmt.Sprintf("%s, of PostgreSQL %s; mage db:upgrade -dropOld removes it", f.Volume, f.Major))
	}
}
