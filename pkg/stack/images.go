package stack

import (
	"context"
	"strings"
	"time"

	"github.com/docker/go-units"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/image"
)

// Images reports every image of the catalogue: its tags, size, age and digest, and whether it is current; with
// updates also what Debian has for those that are.
func (s *Stack) Images(ctx context.Context, updates bool) error {
	builder, err := s.builder(ctx)
	if err != nil {
		return s.failure("images", Unexpected, err)
	}
	images, err := builder.Images(ctx)
	if err != nil {
		return s.failure("images", Unexpected, err)
	}
	var waits map[string][]image.Update
	if updates {
		if waits, err = s.updates(ctx, s.Sink.For("images")); err != nil {
			return s.failure("images", Unexpected, err)
		}
	}
	report := event.Report{Header: []string{"image", "state", "digest", "tags", "size", "age", "id"}, Data: images}
	if updates {
		report.Header = append(report.Header, "updates")
	}
	for n, i := range images {
		row := []string{i.Name, "not built", "", "", "", "", ""}
		if i.Built {
			row = []string{
				i.Name, "current", i.InputDigest.Short(), tags(i.Tags), units.HumanSize(float64(i.SizeBytes)),
				units.HumanDuration(time.Since(*i.Created)), shortID(string(i.ID)),
			}
		}
		if i.Built && !i.Current {
			row[1] = "outdated"
		}
		if of, asked := waits[i.Name]; asked {
			images[n].Updates = &of
			row = append(row, waiting(of))
		} else if updates {
			row = append(row, "")
		}
		report.Rows = append(report.Rows, row)
	}
	s.Sink.Result(report)
	return nil
}

// tags are the tags of an image without the name that they share.
func tags(refs []engine.Ref) string {
	names := make([]string, 0, len(refs))
	for _, ref := range refs {
		names = append(names, string(ref[strings.LastIndexByte(string(ref), ':')+1:]))
	}
	return strings.Join(names, ", ")
}
