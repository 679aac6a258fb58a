package agent

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/poststack/poststack/pkg/agent/pair"
	"github.com/poststack/poststack/pkg/agent/process"
	"github.com/poststack/poststack/pkg/agent/rows"
	"github.com/poststack/poststack/pkg/agent/status"
)

// prepare reads the templates, and makes the directories.
func (a *Agent) prepare() (err error) {
	d := a.Declaration
	a.log = status.Log(a.Log, a.Getenv("LOG_LEVEL")).With("from", "agent")
	if err := makeParents(d.Status, d.Directory, d.Kept); err != nil {
		return err
	}
	a.board = status.NewBoard(d.Service, d.Status, func(err error) { a.log.Warn(err.Error()) })
	if a.table, err = process.NewTable(); err != nil {
		return err
	}
	if d.Pairs != nil {
		if err := pair.StandIn(d.Pairs.Startup, time.Now()); err != nil {
			return err
		}
		a.pairs = pair.NewStore(d.Pairs.Directory, d.Pairs.Startup, time.Now)
	}
	daemon, err := readVersion(d.Version)
	if err != nil {
		return err
	}
	a.files.Outputs, err = outputs(d, functions(daemon, a.Getenv, pairOf(a.pairs), a.reached.note))
	if err != nil {
		return err
	}
	a.files.Prepare, a.files.Check = a.beginRendering, a.check
	a.files.Refused = func(err error) bool {
		var exit *process.ExitError
		return errors.As(err, &exit) && exit.Err == nil
	}
	if len(d.Check.Run) == 0 {
		a.files.Check = nil
	}
	return a.files.Open(d.Directory)
}

// makeReady does what is done once, before there are files.
func (a *Agent) makeReady(ctx context.Context) error {
	d := a.Declaration
	if len(d.Prepare.Run) > 0 {
		if _, err := a.run(ctx, d.Prepare, filepath.Dir(d.Directory), nil); err != nil {
			return fmt.Errorf("prepare: %w", err)
		}
	}
	if d.Kept == "" {
		return nil
	}
	kept, err := rows.Load(d.Kept)
	if err != nil {
		a.log.Warn(err.Error())
	}
	a.files.Remember(kept)
	return nil
}
