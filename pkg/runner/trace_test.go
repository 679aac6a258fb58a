package runner_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/runner"
	"github.com/poststack/poststack/pkg/trace"
	"github.com/poststack/poststack/pkg/trace/tracetest"
)

func TestCommand_Title(t *testing.T) {
	t.Parallel()
	for want, argv := range map[string][]string{
		"docker build":   {"/usr/bin/docker", "--host", "unix:///var/run/docker.sock", "build", "--tag", "x", "."},
		"podman system":  {"podman", "system", "service", "--time=12"},
		"podman version": {"podman", "--remote", "--url", "unix:///run/p.sock", "version"},
		"git rev-parse":  {"git", "-C", "/src", "rev-parse", "HEAD"},
		"sh poststack":   {"/bin/sh", "-c", "echo a; exec b", "poststack"},
		"sleep":          {"sleep", "5"},
		"cat":            {"cat", "/etc/passwd", "secret"},
		"true":           {"true"},
		"psql":           {"psql", "-X", "-c", "select 1"},
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, want, runner.Command{Program: argv[0], Args: argv[1:]}.Title())
		})
	}
}

func TestWithTrace(t *testing.T) {
	t.Parallel()
	recorder, ctx := tracetest.Record(t)
	run := runner.WithTrace(runner.Exec{})
	c := runner.Command{
		Program: "sh", Args: []string{"-c", `read line; echo "$line $WORD"; exit 3`}, Env: []string{"WORD=in-environment"},
		Stdin: strings.NewReader("on-stdin\n"),
	}
	res, err := run.Run(trace.Lane(ctx, "build:base"), c)
	require.Error(t, err)
	assert.Equal(t, "on-stdin in-environment\n", res.Stdout)
	c.Stdin = strings.NewReader("\n")
	_, err = run.Run(t.Context(), c)
	require.Error(t, err, "without a recorder it runs just as well")
	_, err = run.Run(ctx, runner.Command{Program: "/no/such/program"})
	require.ErrorIs(t, err, runner.ErrNotFound)

	all := tracetest.Written(t, recorder)
	span := all.One(t, "sh")
	assert.Equal(t, trace.Subprocess, span.Category)
	assert.Equal(t, map[string]any{"command": `sh -c read line; echo "$line $WORD"; exit 3`, "exit status": 3.0},
		span.Args)
	assert.InDelta(t, res.Duration.Microseconds(), *span.Duration, float64(10*time.Second.Microseconds()))
	assert.Equal(t, "build:base (work)", all.Lane(span))
	assert.InDelta(t, -1.0, all.One(t, "program").Args["exit status"], 0)
}

func TestProcess_TraceBeside(t *testing.T) {
	t.Parallel()
	recorder, _ := tracetest.Record(t)
	c := runner.Command{Program: "cat"}
	p, err := runner.Start(c)
	require.NoError(t, err)
	p.TraceBeside(nil, c)
	p.TraceBeside(recorder, c)
	<-p.Done() // cat gets nothing to read
	all := tracetest.Written(t, recorder)
	assert.Equal(t, "beside (work)", all.Lane(all.One(t, "cat")))
}

//nolint:paralleltest // allocations are counted for the whole process
func TestWithTrace_costsNothingWhenNobodyRecords(t *testing.T) {
	next := runner.Func(func(context.Context, runner.Command) (runner.Result, error) { return runner.Result{}, nil })
	run, c := runner.WithTrace(next), runner.Command{Program: "podman", Args: []string{"build"}}
	ctx := t.Context()
	assert.Zero(t, testing.AllocsPerRun(100, func() { _, _ = run.Run(ctx, c) }))
}
