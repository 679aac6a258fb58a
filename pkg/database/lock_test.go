package database_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/poststack/poststack/pkg/database"
)

func TestLockedError_names_the_holders(t *testing.T) {
	t.Parallel()
	full := database.Session{
		PID: 4711, Application: "poststack", User: "app", Client: "192.0.2.9",
		Since: time.Date(2026, 1, 2, 16, 4, 5, 0, time.FixedZone("", 3600)),
	}
	for want, holders := range map[string][]database.Session{
		"take the database's lock: held by another session": nil,
		"take the database's lock: held by pid 7":           {{PID: 7}},
		"take the database's lock: held by pid 4711 (poststack) of user app from 192.0.2.9, " +
			"since 2026-01-02 15:04:05 UTC and pid 7": {full, {PID: 7}},
	} {
		assert.EqualError(t, &database.LockedError{Holders: holders}, want)
	}
}
