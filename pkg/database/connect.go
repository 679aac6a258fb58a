package database

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/poststack/poststack/pkg/trace"
)

// Connect logs in. It takes at most t.ConnectTimeout for everything from the look-up of the name on. Errors are
// *[ConnectError], unless ctx was cancelled, which gives its cause. A deadline of ctx counts as a timeout.
func (t Target) Connect(ctx context.Context) (*pgx.Conn, error) {
	t = t.withDefaults()
	cfg, err := t.config()
	if err != nil {
		return nil, &ConnectError{
			Kind: Settings, Target: t.Redacted(), Reason: err.Error(), Remedy: "correct the database URL", Err: err,
		}
	}
	if trace.From(ctx) != nil {
		cfg.Tracer = tracer{}
	}
	limited, cancel := context.WithTimeout(ctx, t.ConnectTimeout)
	defer cancel()
	conn, err := pgx.ConnectConfig(limited, cfg)
	if err == nil {
		return conn, nil
	}
	if ctx.Err() == context.Canceled {
		return nil, fmt.Errorf("connect to %q: %w", t.Redacted(), context.Cause(ctx))
	}
	failure := t.explain(err)
	if cause := context.Cause(ctx); cause != nil && failure.Kind == Timeout {
		failure.Reason, failure.Err = "no answer in time: "+cause.Error(), cause
	}
	return nil, failure
}
