package session_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/poststack/poststack/pkg/session"
)

func TestWithOrigin(t *testing.T) {
	t.Parallel()
	labels := map[string]string{"a": "b"}
	assert.Equal(t, labels, session.WithOrigin(labels, func(string) string { return "" }))
	got := session.WithOrigin(labels, func(name string) string { return "<" + name + ">" })
	assert.Equal(t, map[string]string{"a": "b", session.LabelOrigin: "<" + session.EnvOrigin + ">"}, got)
	assert.Len(t, labels, 1, "the caller's own are left alone")
}
