package engine_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
)

// TestContainerLogs_cut_short has an engine stop following before the last lines of both streams, as a busy podman may.
func TestContainerLogs_cut_short(t *testing.T) {
	t.Parallel()
	removed := false
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		follows := r.URL.Query().Get("follow") == "1"
		if removed && !follows {
			http.Error(w, `{"message":"no such container"}`, http.StatusNotFound)
			return
		}
		frame(w, stdcopy.Stdout, "one\n")
		frame(w, stdcopy.Stderr, "warning\n")
		if !follows {
			frame(w, stdcopy.Stdout, "two\nthree\n")
			frame(w, stdcopy.Stderr, "ended\n")
		}
	}))
	t.Cleanup(s.Close)
	e, err := engine.At(strings.Replace(s.URL, "http://", "tcp://", 1))
	require.NoError(t, err)
	var out, errs strings.Builder
	require.NoError(t, e.ContainerLogs(t.Context(), "c", engine.LogOptions{Follow: true}, &out, &errs))
	assert.Equal(t, "one\ntwo\nthree\n", out.String())
	assert.Equal(t, "warning\nended\n", errs.String())
	removed = true
	out.Reset()
	require.NoError(t, e.ContainerLogs(t.Context(), "c", engine.LogOptions{Follow: true}, &out, &errs))
	assert.Equal(t, "one\n", out.String(), "who has removed it has its log, too")
}

// frame writes a piece of a stream as the engines' API has it: the stream, three zeros, the length, the text.
func frame(w io.Writer, stream stdcopy.StdType, text string) {
	n := len(text)
	_, _ = w.Write(append([]byte{byte(stream), 0, 0, 0, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}, text...))
}
