package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/moby/moby/client"

	"github.com/poststack/poststack/pkg/runner"
	"github.com/poststack/poststack/pkg/trace"
)

// daemonStart bounds the start of dockerd; measured: 1 to 3 s.
const daemonStart = 60 * time.Second

// answerTime bounds a sign of life; measured: 1 to 50 ms.
const answerTime = 5 * time.Second

// daemonPid is the file with the process of a dockerd that we have started.
const daemonPid = "dockerd.pid"

// startDocker starts docker's daemon and waits for its API: with systemd as a unit, otherwise by itself.
func (o InstallOptions) startDocker(ctx context.Context) error {
	a, err := dockerAddress(o.Getenv)
	if err == nil {
		err = a.check(o.Getenv)
	}
	if err != nil {
		return fmt.Errorf("start docker: %w", err)
	}
	if answers(ctx, a.url) == nil {
		return nil
	}
	if o.System.Systemd {
		_, err := o.Runner.Run(ctx, runner.Command{Program: "systemctl", Args: []string{"enable", "--now", "docker"}})
		if err != nil {
			return fmt.Errorf("start docker: %w", err)
		}
		return o.awaitDocker(ctx, a.url, nil, "journalctl -u docker")
	}
	return o.detachDocker(ctx, a.url)
}

// detachDocker starts dockerd as a daemon of its own.
func (o InstallOptions) detachDocker(ctx context.Context, url string) error {
	program := o.lookSystem("dockerd")
	if program == "" {
		return errors.New("start docker: there is no program dockerd")
	}
	if err := os.MkdirAll(o.StateDir, 0o700); err != nil {
		return fmt.Errorf("start docker: %w", err)
	}
	pidFile, logFile := filepath.Join(o.StateDir, daemonPid), filepath.Join(o.StateDir, "dockerd.log")
	if err := dropStalePid(pidFile); err != nil {
		return fmt.Errorf("start docker: %w", err)
	}
	log, err := os.OpenFile(logFile, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("start docker: %w", err)
	}
	defer func() { _ = log.Close() }()
	o.Report.Step("starting dockerd in the background, log " + logFile)
	// Its PATH must hold iptables and runc, which stand where a user's PATH may not look.
	command := runner.Command{
		Program: program, Args: []string{"--host", url, "--pidfile", pidFile}, Dir: "/",
		Env: []string{"PATH=" + o.Getenv("PATH") + ":/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin"},
	}
	p, err := runner.Detach(command, log)
	if err != nil {
		return fmt.Errorf("start docker: %w", err)
	}
	return o.awaitDocker(ctx, url, p, logFile)
}

// dropStalePid removes the pid file of a dockerd that was killed: dockerd refuses to start over one whose
// number some other process has by now.
func dropStalePid(file string) error {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if daemonAlive(file) {
		return fmt.Errorf("dockerd runs already (process %s) and does not answer", strings.TrimSpace(string(data)))
	}
	return os.Remove(file)
}

// daemonAlive tells whether the process in a pid file is a dockerd.
func daemonAlive(file string) bool {
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", readPID(file)))
	return err == nil && strings.TrimSpace(string(name)) == "dockerd"
}

// awaitDocker waits for the API, or for the end of the daemon that was to answer.
func (o InstallOptions) awaitDocker(ctx context.Context, url string, p *runner.Process, log string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, daemonStart, fmt.Errorf("no answer within %s", daemonStart))
	defer cancel()
	defer trace.Start(ctx, trace.Wait, "wait for dockerd").End()
	var ended <-chan struct{}
	asking, stop := context.WithCancel(ctx)
	defer stop()
	if p != nil {
		ended = p.Done()
		go func() { // what has died may have left somebody who takes calls and says nothing
			select {
			case <-ended:
				stop()
			case <-asking.Done():
			}
		}()
	}
	for {
		err := answers(asking, url)
		if err == nil {
			return nil
		}
		select {
		case <-ended:
			return fmt.Errorf("start docker: dockerd ended: %s (log %s)", lastLines(log, 3), log)
		case <-ctx.Done():
			return fmt.Errorf("start docker: %w: %w (log %s)", context.Cause(ctx), err, log)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// answers tells whether a docker answers there, in time.
func answers(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	api, err := newClient(url)
	if err != nil {
		return err
	}
	defer func() { _ = api.Close() }()
	_, err = api.Ping(ctx, client.PingOptions{})
	return err
}

func lastLines(file string, n int) string {
	data, err := os.ReadFile(file)
	if err != nil {
		return "no log"
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "; ")
}
