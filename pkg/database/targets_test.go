package database_test

import (
	"net/netip"
	"time"

	"github.com/poststack/poststack/pkg/database"
	"github.com/poststack/poststack/pkg/secret"
)

// target is what ReadURL makes of a URL with user app, password pw, host db.example, database mail.
func target(change func(*database.Target)) database.Target {
	t := database.Target{
		Host: "db.example", Port: 5432, User: "app", Password: "pw", Database: "mail", SSLMode: "prefer",
		Application: "poststack", ConnectTimeout: 10 * time.Second,
	}
	if change != nil {
		change(&t)
	}
	return t
}

func schema(name string) func(*database.Target) {
	return func(t *database.Target) { t.Schema = name }
}

func password(p secret.Value) func(*database.Target) {
	return func(t *database.Target) { t.Password = p }
}

func sslmode(mode string) func(*database.Target) {
	return func(t *database.Target) { t.SSLMode = mode }
}

func options(o string) func(*database.Target) { return func(t *database.Target) { t.Options = o } }

func timeout(d time.Duration) func(*database.Target) {
	return func(t *database.Target) { t.ConnectTimeout = d }
}

func host(h string) func(*database.Target) { return func(t *database.Target) { t.Host = h } }

func hostaddr(ip string) func(*database.Target) {
	return func(t *database.Target) { t.HostAddr = netip.MustParseAddr(ip) }
}
