// Command issuer is the first process of the container that has certificates issued, see package issuer.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/poststack/poststack/pkg/agent/feed"
	"github.com/poststack/poststack/pkg/agent/issuer"
	"github.com/poststack/poststack/pkg/agent/status"
)

const usage = `usage: issuer [run | status | health | reach [NAME…] | authority NAME]
  run     keep the certificates as the table wants them
  status  print what the running issuer tells of itself, as JSON
  health  end with 0 if it works, and say in one line how it is
  reach   ask the authority for its directory, and print what came of it, as JSON; with NAMEs, the authority that is
          asked for a certificate of those
  authority NAME
          print the directory of the authority that is asked for a certificate of that name
`

func main() { os.Exit(run(os.Args[1:])) }

// run does what the arguments say, and gives the exit status.
func run(args []string) int {
	command := "run"
	if len(args) > 0 {
		command = args[0]
	}
	if command == "authority" && len(args) == 2 {
		fmt.Println(options().Server(args[1:]))
		return 0
	}
	if command == "reach" {
		_ = json.NewEncoder(os.Stdout).Encode(options().Reach(context.Background(), inContainer(), args[1:]))
		return 0
	}
	if len(args) > 1 || !slices.Contains([]string{"run", "status", "health"}, command) {
		_, _ = fmt.Fprint(os.Stderr, usage)
		return 2
	}
	var code int
	var err error
	if command == "run" {
		code, err = serve(inContainer())
	} else {
		err = status.Tell(os.Stdout, inContainer().Status, command)
	}
	if err != nil {
		_, _ = fmt.Fprintf(os.Stderr, "issuer: %v\n", err)
		return max(code, 1)
	}
	return code
}

// inContainer are the paths of the container.
func inContainer() issuer.Paths {
	return issuer.Paths{
		Certificates: cmp.Or(os.Getenv("CERT_PATH"), "/etc/certs"), State: "/var/lib/certbot", Webroot: "/srv/acme",
		Run:    "/run/certbot",
		Status: "/run/certbot/status.json", NameKey: "/srv/dnskey/acme.key", Program: "/usr/bin/certbot",
		Roots: "/etc/ssl/certs/ca-certificates.crt", Health: ":8080",
	}
}

// serve runs until it is told to end.
func serve(paths issuer.Paths) (int, error) {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGHUP)
	signal.Ignore(syscall.SIGPIPE, syscall.SIGWINCH)
	p := &feed.Postgres{Service: "certbot", Queries: issuer.Queries(), Timeout: 10 * time.Second}
	i := &issuer.Issuer{
		Paths:   paths,
		Options: options(),
		Environ: []string{"PATH=/usr/bin:/bin", "HOME=/run/certbot", "LANG=C.UTF-8"},
		Open:    p.Open, Exec: issuer.Exec, Signals: signals, Log: status.Log(os.Stderr, os.Getenv("LOG_LEVEL")),
	}
	return i.Run(context.Background())
}

// options are what the environment sets.
func options() issuer.Options {
	return issuer.Options{
		Domain: os.Getenv("DOMAIN"), Email: os.Getenv("LE_EMAIL"), Directory: os.Getenv("ACME_DIRECTORY"),
		Root:    "/etc/poststack/acme-root.pem",
		Verbose: slices.Contains([]string{"debug", "trace"}, strings.ToLower(os.Getenv("LOG_LEVEL"))),
	}
}
