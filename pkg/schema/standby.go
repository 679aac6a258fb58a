package schema

import (
	"context"
	"errors"
	"reflect"
	"strconv"

	"github.com/poststack/poststack/pkg/engine"
)

// Standby is a Liquibase that was started for a database which is still being made: it has loaded what it needs and
// gone through the changelog without a database, and has connected as soon as the server answered. It changes nothing
// before [Standby.Run].
type Standby struct {
	container Container
	spec      engine.ContainerSpec // what it was started for
	id        engine.ContainerID   // "" once it is removed
}

// Stand starts a Liquibase for in, and does not wait for it. The caller removes it with [Standby.Close] whether it
// was used or not.
func (c Container) Stand(ctx context.Context, in Invocation) (*Standby, error) {
	spec, err := c.spec(in)
	if err != nil {
		return nil, err
	}
	s := &Standby{container: c, spec: spec}
	begun := spec
	begun.Command = append(begun.Command, "--standby="+strconv.Itoa(int(patience.Seconds())))
	if s.id, err = c.launch(ctx, begun); err != nil {
		return nil, errors.Join(err, s.Close(ctx))
	}
	return s, nil
}

// Run implements [Liquibase], and removes the standby. When in is not what the standby was started for, or it has ended
// or been removed, another Liquibase is started as without it.
func (s *Standby) Run(ctx context.Context, in Invocation) (Output, error) {
	spec, err := s.container.spec(in)
	if err != nil {
		return Output{}, err
	}
	if s.id == "" || !reflect.DeepEqual(spec, s.spec) {
		return s.container.Run(ctx, in)
	}
	told, first := false, in
	first.Ready = func() error {
		told = true
		if in.Ready == nil {
			return nil
		}
		return in.Ready()
	}
	out, err := s.container.watch(ctx, s.id, first)
	if err = errors.Join(err, s.Close(ctx)); err == nil && !told {
		return s.container.Run(ctx, in)
	}
	return out, err
}

// Close removes the standby, also after ctx has ended. It may be called again.
func (s *Standby) Close(ctx context.Context) error {
	if s.id == "" {
		return nil
	}
	err := s.container.remove(ctx, s.id)
	if err == nil {
		s.id = ""
	}
	return err
}
