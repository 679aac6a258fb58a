package trace

import (
	"context"
	"io"
	"net/http"
)

// Transport returns a round tripper that records the requests which next makes, in the lane of ctx: it is for
// clients that give their requests no context. It is next itself if nobody records.
func Transport(ctx context.Context, c Category, next http.RoundTripper) http.RoundTripper {
	if From(ctx) == nil {
		return next
	}
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		span := Start(ctx, c, req.Method+" "+req.URL.Path)
		res, err := next.RoundTrip(req)
		if err != nil {
			span.End(Text("failed", err.Error()))
			return res, err
		}
		status := Number("status", res.StatusCode)
		if res.StatusCode == http.StatusSwitchingProtocols { // its body is the connection itself
			span.End(status)
			return res, nil
		}
		res.Body = &body{ReadCloser: res.Body, span: span, status: status}
		return res, nil
	})
}

// roundTripper is a function as an http.RoundTripper.
type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip calls f.
func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// body ends a span when it has been read.
type body struct {
	io.ReadCloser
	span   Span
	status Arg
}

// Close ends the span.
func (b *body) Close() error {
	defer b.span.End(b.status)
	return b.ReadCloser.Close()
}
