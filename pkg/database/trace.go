package database

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/poststack/poststack/pkg/trace"
)

// tracer records logins and statements of a connection: of a statement its first line, never its arguments.
type tracer struct{}

// spanKey finds the span of a call in its context.
type spanKey struct{}

// TraceConnectStart begins a login.
func (tracer) TraceConnectStart(ctx context.Context, d pgx.TraceConnectStartData) context.Context {
	server := (Target{Host: d.ConnConfig.Host, Port: d.ConnConfig.Port}).Address() + "/" + d.ConnConfig.Database
	return context.WithValue(ctx, spanKey{}, trace.Start(ctx, trace.Database, "connect", trace.Text("server", server)))
}

// TraceConnectEnd ends it.
func (tracer) TraceConnectEnd(ctx context.Context, d pgx.TraceConnectEndData) { end(ctx, d.Err) }

// TraceQueryStart begins a statement.
func (tracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceQueryStartData) context.Context {
	line, _, _ := strings.Cut(strings.TrimSpace(d.SQL), "\n")
	return context.WithValue(ctx, spanKey{}, trace.Start(ctx, trace.Database, line))
}

// TraceQueryEnd ends it.
func (tracer) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, d pgx.TraceQueryEndData) {
	end(ctx, d.Err)
}

// end ends the span in ctx.
func end(ctx context.Context, err error) {
	span, _ := ctx.Value(spanKey{}).(trace.Span)
	if err != nil {
		span.End(trace.Text("failed", err.Error()))
		return
	}
	span.End()
}
