package targets

import (
	"context"

	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/present/report"
	"github.com/poststack/poststack/pkg/stack"
)

// Report writes logs/report.html: the last setup, the services, what the images are made of, the database, its
// schema. The setup is a time line, and the services are shown with what they serve. It builds and starts nothing.
// With -open it shows the page in a browser. Example: mage report -open
func Report(ctx context.Context, open *bool) error {
	return phase(ctx, func(s *stack.Stack, ctx context.Context) error {
		doc, err := report.ReadSetup(s.Config.LogDir())
		if err != nil {
			return err
		}
		inv, err := s.Inventory(ctx)
		if err != nil {
			return err
		}
		path, err := report.Write(s.Config.LogDir(), report.Report{Setup: doc, Inventory: inv})
		if err != nil {
			return err
		}
		if doc == nil {
			s.Sink.For("").Notice("no setup has been recorded here, so the page has no time line; record one with: mage setup")
		}
		s.Sink.Result(event.Report{Text: path, Data: map[string]string{"report": path}})
		if orZero(open) {
			return s.OpenPage(ctx, path)
		}
		return nil
	})
}
