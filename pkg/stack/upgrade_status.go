package stack

import (
	"context"
	"errors"

	"github.com/poststack/poststack/pkg/engine"
)

// FormerStatus is the volume of before an upgrade of PostgreSQL.
type FormerStatus struct {
	Volume string `json:"volume"`
	Major  string `json:"major"` // version of PostgreSQL
	Bytes  int64  `json:"bytes"`
}

// formerStatus is nil where no upgrade has left a volume, or what it has left cannot be read: db:upgrade says why.
func (s *Stack) formerStatus(ctx context.Context, e Engine) (*FormerStatus, error) {
	kept, err := s.former(ctx, e)
	if err != nil || kept.Volume == "" {
		return nil, nil //nolint:nilerr,nilnil // there is nothing to tell
	}
	f := &FormerStatus{Volume: s.services().Volume(kept.Volume), Major: kept.Major}
	if f.Bytes, err = e.VolumeUsage(ctx, f.Volume); errors.Is(err, engine.ErrNotFound) {
		return nil, nil //nolint:nilnil // it goes meanwhile
	}
	return f, err
}
