package present

import (
	"fmt"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/poststack/poststack/pkg/event"
)

// write sends e to the logger: its file keeps everything, and its console shows what has at least the level
// of LOG_LEVEL. What the live view draws goes to the file alone, as debug lines.
func (v *View) write(e event.Event) {
	if v.logger == nil {
		return
	}
	entry := v.logger.WithTime(e.At)
	if e.Phase != "" {
		entry = entry.WithField("phase", e.Phase)
	}
	for _, line := range e.Detail {
		entry.Log(v.level(e), line)
	}
	entry.Log(v.level(e), sentence(e))
}

// record keeps the text of a result in the log file. It may be a connection URL: the logger's hook masks it.
func (v *View) record(e event.Event) {
	if v.logger == nil || e.Report.Text == "" {
		return
	}
	v.logger.WithTime(e.At).Debug(e.Report.Text)
}

// level is how important e is.
func (v *View) level(e event.Event) logrus.Level {
	switch {
	case e.Kind == event.Warning:
		return logrus.WarnLevel
	case e.Outcome == event.Failed:
		return logrus.ErrorLevel
	case v.mode == Quiet || v.mode == JSON:
		return logrus.DebugLevel
	case v.live != nil && e.Kind != event.Notice:
		return logrus.DebugLevel
	default:
		return logrus.InfoLevel
	}
}

// sentence is e in one line.
func sentence(e event.Event) string {
	switch e.Kind {
	case event.PhaseStarted:
		return "started"
	case event.PhaseEnded:
		text := fmt.Sprintf("%s in %s", e.Outcome, Duration(e.Elapsed))
		if e.Text != "" {
			text += " – " + e.Text
		}
		if e.Log != "" {
			text += " (log: " + e.Log + ")"
		}
		return text
	default:
		return e.Text
	}
}

// Duration is d as people read it: 12ms, 1.3s, 2m05s.
func Duration(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return fmt.Sprintf("%.1fs", d.Seconds())
	default:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	}
}
