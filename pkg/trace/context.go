package trace

import "context"

// scopeKey finds the scope in a context.
type scopeKey struct{}

// scope is who records, and in which lane.
type scope struct {
	recorder *Recorder
	lane     string
}

// With returns a context whose work r records; with a nil r it is ctx.
func With(ctx context.Context, r *Recorder) context.Context {
	if r == nil {
		return ctx
	}
	return context.WithValue(ctx, scopeKey{}, &scope{recorder: r, lane: mainLane})
}

// Lane returns a context whose work is drawn under that name, such as a phase's. It is ctx if nobody records.
func Lane(ctx context.Context, name string) context.Context {
	if r := From(ctx); r != nil {
		return context.WithValue(ctx, scopeKey{}, &scope{recorder: r, lane: name})
	}
	return ctx
}

// From returns the recorder of ctx, or nil.
func From(ctx context.Context) *Recorder {
	if s, ok := ctx.Value(scopeKey{}).(*scope); ok {
		return s.recorder
	}
	return nil
}

// Start begins a span in the lane of ctx. What is only needed for its name is best made behind a look at [From].
func Start(ctx context.Context, c Category, name string, args ...Arg) Span {
	if s, ok := ctx.Value(scopeKey{}).(*scope); ok {
		return s.recorder.Start(s.lane, c, name, args...)
	}
	return Span{}
}
