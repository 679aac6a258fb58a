package engine

import (
	"context"
	"regexp"
	"strconv"

	"github.com/moby/moby/client"
	"go.opentelemetry.io/otel/attribute"
	oteltrace "go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/poststack/poststack/pkg/trace"
)

// newClient is a client of the engine at host, whose requests are recorded. WithHost sets a dialer of its own: what
// more sets comes after it.
func newClient(host string, more ...client.Opt) (*client.Client, error) {
	return client.New(append([]client.Opt{client.WithHost(host), client.WithTraceProvider(provider{})}, more...)...)
}

// provider hands what the engines' client tells OpenTelemetry of its requests to the recorder in their context.
// That is the only place where it lets anybody see all of them, also those that take over the connection.
type provider struct{ noop.TracerProvider }

// Tracer implements the client's interface.
func (provider) Tracer(string, ...oteltrace.TracerOption) oteltrace.Tracer { return tracer{} }

type tracer struct{ noop.Tracer }

// Start begins a request: name is its method and path.
func (tracer) Start(
	ctx context.Context, name string, _ ...oteltrace.SpanStartOption,
) (context.Context, oteltrace.Span) {
	if trace.From(ctx) == nil {
		return ctx, noop.Span{}
	}
	return ctx, &request{span: trace.Start(ctx, trace.API, requestName(name), trace.Text("request", name))}
}

// request is one request to an engine's API. The client ends it when the answer has been read.
type request struct {
	noop.Span
	span trace.Span
	args []trace.Arg
}

// SetAttributes keeps the status of the answer, or the kind of error if there is none: with an answer, the client
// gives its status for that, too.
func (r *request) SetAttributes(attributes ...attribute.KeyValue) {
	for _, a := range attributes {
		switch a.Key {
		case "http.response.status_code":
			r.args = append(r.args, trace.Number("status", int(a.Value.AsInt64())))
		case "error.type":
			if _, err := strconv.Atoi(a.Value.AsString()); err != nil {
				r.args = append(r.args, trace.Text("failed", a.Value.AsString()))
			}
		}
	}
}

// End ends the span.
func (r *request) End(...oteltrace.SpanEndOption) { r.span.End(r.args...) }

// requestName is a method and path without the API's version and with short IDs, so that viewers count requests
// of one kind together.
func requestName(name string) string {
	name = regexp.MustCompile(`^(\w+ )/v[0-9.]+/`).ReplaceAllString(name, "$1/")
	return regexp.MustCompile(`\b([0-9a-f]{12})[0-9a-f]{52}\b`).ReplaceAllString(name, "$1")
}
