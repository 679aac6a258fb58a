package database_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/poststack/poststack/pkg/database"
)

func TestSession_String(t *testing.T) {
	t.Parallel()
	full := database.Session{
		PID: 4711, Application: "poststack", User: "app", Client: "192.0.2.9",
		Since: time.Date(2026, 1, 2, 16, 4, 5, 0, time.FixedZone("", 3600)),
	}
	assert.Equal(t, "pid 7", database.Session{PID: 7}.String())
	assert.Equal(t, "pid 4711 (poststack) of user app from 192.0.2.9, since 2026-01-02 15:04:05 UTC", full.String())
}
