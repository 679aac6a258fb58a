package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/poststack/poststack/pkg/session"
)

const (
	// probeTime bounds one try; measured: 1 to 2 s on an idle machine, of 2 cores.
	probeTime = 2 * time.Minute
	// probeLabel marks what the probe makes.
	probeLabel = "org.poststack.probe"
)

// probe makes sure that the engine really works: it imports a tiny image, runs it, reaches it over a published
// port and builds upon it. Nothing of it stays, whatever happens.
func (e *Engine) probe(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, probeTime, fmt.Errorf("the probe took more than %s", probeTime))
	defer cancel()
	program, err := probeProgram(runtime.GOARCH)
	if err != nil {
		return err
	}
	tag := Ref("localhost/poststack/probe:" + strings.Trim(session.Mark(), "-") + "-" +
		strconv.FormatInt(time.Now().UnixNano(), 36))
	rootfs, err := probeRootfs(program)
	if err != nil {
		return err
	}
	if _, err := e.ImageImport(ctx, rootfs, tag, []string{"LABEL " + probeLabel + "=" + session.Process()}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.forget(ctx)) }()
	if err := e.probeRun(ctx, tag); err != nil {
		return err
	}
	if err := e.probePort(ctx, tag); err != nil {
		return err
	}
	return e.probeBuild(ctx, tag)
}

// forget removes the probe's images even when ctx has ended: the tags, and what a failed build has left.
func (e *Engine) forget(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
	defer cancel()
	images, err := e.ImageList(ctx, probeLabel+"="+session.Process())
	for _, img := range images {
		for _, tag := range append(img.Tags, Ref(img.ID)) {
			err = errors.Join(err, e.ImageRemove(ctx, tag))
		}
	}
	return err
}

// probeRun runs the image and reads what it prints.
func (e *Engine) probeRun(ctx context.Context, tag Ref) (err error) {
	id, err := e.startProbe(ctx, ContainerSpec{Image: tag, Command: []string{"/probe", "say"}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.removeAfter(ctx, id)) }()
	code, err := e.ContainerWait(ctx, id)
	if err != nil {
		return err
	}
	var out, complaint strings.Builder
	if err := e.ContainerLogs(ctx, id, LogOptions{}, &out, &complaint); err != nil {
		return err
	}
	if code != 0 || out.String() != probeText {
		return fmt.Errorf("run a container: exit status %d, output %q %q", code, out.String(), complaint.String())
	}
	return nil
}

// probePort reaches a server in a container over a published port.
func (e *Engine) probePort(ctx context.Context, tag Ref) (err error) {
	id, err := e.startProbe(ctx, ContainerSpec{
		Image: tag, Command: []string{"/probe"}, Ports: []Port{{Container: probePort, HostIP: "127.0.0.1"}},
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.removeAfter(ctx, id)) }()
	c, err := e.ContainerInspect(ctx, string(id))
	if err != nil {
		return err
	}
	if len(c.Ports) != 1 {
		return fmt.Errorf("publish a port: the container has %d published ports", len(c.Ports))
	}
	address := net.JoinHostPort(c.Ports[0].HostIP, strconv.Itoa(int(c.Ports[0].Host)))
	ctx, cancel := context.WithTimeoutCause(ctx, 10*time.Second, errors.New("no answer within 10s"))
	defer cancel()
	for {
		answer, err := ask(ctx, address)
		if answer == probeText {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("reach published port %s: %w", address, errors.Join(context.Cause(ctx), err))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func ask(ctx context.Context, address string) (string, error) {
	conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", address)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return "", err
	}
	answer, err := io.ReadAll(conn)
	return string(answer), err
}

func (e *Engine) startProbe(ctx context.Context, spec ContainerSpec) (ContainerID, error) {
	spec.Labels = session.Labels()
	spec.Labels[probeLabel] = session.Process()
	id, err := e.ContainerCreate(ctx, spec)
	if err != nil {
		return "", err
	}
	if err := e.ContainerStart(ctx, id); err != nil {
		return "", errors.Join(err, e.removeAfter(ctx, id))
	}
	return id, nil
}

// probeBuild builds with a RUN step, which needs a runtime and a network of the builder's own.
func (e *Engine) probeBuild(ctx context.Context, tag Ref) (err error) {
	dir, err := os.MkdirTemp("", session.Temp("probe"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	text := "FROM " + string(tag) + "\nRUN [\"/probe\", \"say\"]\n"
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(text), 0o600); err != nil {
		return err
	}
	built := tag + "-built"
	spec := BuildSpec{
		Dir: dir, Tags: []Ref{built}, NoCache: true, Labels: map[string]string{probeLabel: session.Process()},
	}
	_, err = e.Build(ctx, spec)
	return err
}

// nextWorkaround picks the first workaround not yet in force whose signs the error shows.
func nextWorkaround(all []workaround, inForce []string, err error) (workaround, bool) {
	text := err.Error()
	if failed, ok := errors.AsType[*BuildError](err); ok { // its last lines say more than the last one
		text += strings.Join(failed.Tail, " ")
	}
	text = strings.ToLower(text)
	for _, w := range all {
		if slices.Contains(inForce, w.name) {
			continue
		}
		if slices.ContainsFunc(w.signs, func(sign string) bool { return strings.Contains(text, sign) }) {
			return w, true
		}
	}
	return workaround{}, false
}
