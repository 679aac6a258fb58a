// Command agent is the first process of a service's container, see package pkg/agent.
package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/poststack/poststack/pkg/agent"
	"github.com/poststack/poststack/pkg/agent/declaration"
	"github.com/poststack/poststack/pkg/agent/feed"
	"github.com/poststack/poststack/pkg/agent/status"
)

const usage = `usage: agent [run | check | rehearse | status | health]
  run       start the service, and keep its files as the database wants them
  check     try the templates without any row, with the service's own checker
  rehearse  try them with the rows of the database, and end with 0 if all would be served that is served now
  status    print what the running agent tells of itself, as JSON
  health    end with 0 if the service serves, and say in one line how it is
`

// where is the declaration of the image, unless AGENT_DECLARATION names another.
const where = "/etc/poststack/agent.yaml"

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run does what the arguments say, and gives the exit status.
func run(args []string, stdout, stderr *os.File) int {
	command := "run"
	if len(args) > 0 {
		command = args[0]
	}
	code := 1
	d, err := load()
	switch {
	case err != nil:
	case len(args) > 1:
		code = 2
		_, _ = fmt.Fprint(stderr, usage)
	case command == "run":
		code, err = serve(d, stdout, stderr)
	case command == "check":
		code, err = 0, newAgent(d, stdout, stderr).Try(context.Background())
	case command == "rehearse":
		code, err = 0, newAgent(d, stdout, stderr).Rehearse(context.Background())
	case command == "status", command == "health":
		code, err = 0, status.Tell(stdout, d.Status, command)
	default:
		code = 2
		_, _ = fmt.Fprint(stderr, usage)
	}
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "agent: %v\n", err)
		return max(code, 1)
	}
	return code
}

func load() (declaration.Declaration, error) {
	path := cmp.Or(os.Getenv("AGENT_DECLARATION"), where)
	return declaration.Load(path, os.Getenv)
}

// serve runs the service.
func serve(d declaration.Declaration, stdout, stderr *os.File) (int, error) {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGHUP, syscall.SIGUSR1,
		syscall.SIGUSR2, syscall.SIGWINCH)
	signal.Ignore(syscall.SIGPIPE)
	a := newAgent(d, stdout, stderr)
	a.Signals = signals
	return a.Run(context.Background())
}

func newAgent(d declaration.Declaration, stdout, stderr *os.File) *agent.Agent {
	p := &feed.Postgres{Service: d.Service, Timeout: max(d.Bounds.Read/2, time.Second)}
	for name, q := range d.Queries {
		p.Queries = append(p.Queries, feed.Query{Name: name, SQL: q.SQL, Key: q.Key})
	}
	return &agent.Agent{
		Declaration: d, Open: p.Open, Getenv: os.Getenv, Environ: os.Environ(), Stdout: stdout, Stderr: stderr, Log: stderr,
	}
}
