package stack

import (
	"context"
	"slices"

	"github.com/poststack/poststack/pkg/database"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/schema"
)

// standing is a Liquibase that is being got ready.
type standing struct {
	done      chan struct{}
	liquibase *schema.Standby // nil until done, and if it could not be started
}

// volumeWatch is an engine that notes when it makes a volume: the database in it is new then, and holds no lock for
// whose holder a standby could be taken.
type volumeWatch struct {
	Engine
	made bool
}

// VolumeCreate makes a volume.
func (w *volumeWatch) VolumeCreate(ctx context.Context, name string, labels map[string]string) error {
	w.made = true
	return w.Engine.VolumeCreate(ctx, name, labels)
}

// standBy gets Liquibase ready beside a new database that is still being made, if the run ends with a migration: its
// Java takes as long to load as initdb takes. No phase's success depends on it: where it cannot be started, the
// migration starts its own, and tells what is wrong.
func (s *Stack) standBy(ctx context.Context, e Engine, target database.Target) {
	if !slices.Contains([]string{"setup", "schema:init", "schema:update"}, s.Asked) {
		return
	}
	m, err := s.migrator(target, e, event.Reporter{})
	if err != nil {
		return
	}
	if _, err := e.ImageInspect(ctx, engine.Ref(m.Image)); err != nil {
		return // it is still being built
	}
	standing := &standing{done: make(chan struct{})}
	if !s.standing.CompareAndSwap(nil, standing) {
		return
	}
	go func() {
		defer close(standing.done)
		standing.liquibase, _ = m.Stand(ctx)
	}()
}

// onStandby is what standBy has started, or nil.
func (s *Stack) onStandby() *schema.Standby {
	standing := s.standing.Load()
	if standing == nil {
		return nil
	}
	<-standing.done
	return standing.liquibase
}
