package stack

import (
	"context"
	"fmt"
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

// volumeWatch is an engine that notes when it makes the volume of the data: the database in it is new then, and holds
// no lock for whose holder a standby could be taken. Where the stack had its data, none is made in its place.
type volumeWatch struct {
	Engine
	data string // the volume's name
	had  bool
	made bool
}

// VolumeCreate makes a volume.
func (w *volumeWatch) VolumeCreate(ctx context.Context, name string, labels map[string]string) error {
	if name != w.data {
		return w.Engine.VolumeCreate(ctx, name, labels)
	}
	if w.had {
		info := w.Info()
		return fmt.Errorf("make volume %q: this stack has had its data in one of that name on %s, and it is not there now: "+
			"either this is another store (it is at %s; DOCKER_HOST, CONTAINER_HOST or a docker context choose it), or the "+
			"volume was deleted; mage reset forgets it, and then the next start makes a new, empty database", name, info.Kind,
			info.Endpoint)
	}
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
