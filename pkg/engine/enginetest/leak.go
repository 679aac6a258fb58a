package enginetest

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/session"
)

// leakPatience is how long what ends by itself may take after the last test: watchdogs, and podman's service
// that loses its owner.
const leakPatience = 20 * time.Second

// Suite is one run of a test binary that uses engines. It tells what the run leaves from what others do on this
// machine at the same time: the run and its children have an environment variable and a temporary directory of
// their own, and so have containers, networks and volumes a label.
type Suite struct {
	origin string
	dir    string // TMPDIR of the run and its children
	ports  map[uint16]bool
}

// Main runs the tests of m, a *testing.M, between [Begin] and [Suite.Leaks], and returns the exit status. What is
// left fails a run that has passed. With short set there is no engine, and nothing is looked at.
func Main(m interface{ Run() int }, short bool) int {
	if short {
		return m.Run()
	}
	return MainWithin(m, leakPatience)
}

// MainWithin is [Main] with another time for what ends by itself.
func MainWithin(m interface{ Run() int }, patience time.Duration) int {
	s, err := Begin()
	if err != nil {
		fmt.Fprintf(os.Stderr, "leak check: %v\n", err)
		return 1
	}
	code := m.Run()
	left, err := s.Leaks(context.Background(), patience)
	if err != nil {
		left = append(left, err.Error())
	}
	for _, what := range left {
		fmt.Fprintf(os.Stderr, "leak check: the tests left %s\n", what)
	}
	if len(left) > 0 {
		return cmp.Or(code, 1)
	}
	if err := os.RemoveAll(s.dir); err != nil {
		fmt.Fprintf(os.Stderr, "leak check: %v\n", err)
		return 1
	}
	return code
}

// Begin marks this process, and with it the children that it starts from now on.
func Begin() (*Suite, error) {
	dir, err := os.MkdirTemp("", "ps") // short: sockets are made below it
	if err != nil {
		return nil, fmt.Errorf("make a temporary directory for the tests: %w", err)
	}
	s := &Suite{origin: strings.ToLower(rand.Text()[:12]), dir: dir, ports: listening()}
	return s, errors.Join(os.Setenv("TMPDIR", dir), os.Setenv(session.EnvOrigin, s.origin))
}

// Leaks lists what is left of the run once nothing changes any more for the better, at the latest after patience.
// Images may stay.
func (s *Suite) Leaks(ctx context.Context, patience time.Duration) ([]string, error) {
	engines, err := underTest(ctx)
	defer func() {
		for _, e := range engines {
			_ = e.Close()
		}
	}()
	if err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		left, err := s.look(ctx, engines)
		if err != nil || len(left) == 0 || time.Now().After(deadline) {
			return left, err
		}
	}
}

// underTest opens the engines that [Kinds] lists, with sockets that are no temporary files of the run.
func underTest(ctx context.Context) ([]*engine.Engine, error) {
	cache, err := CacheDir()
	if err != nil {
		return nil, err
	}
	var out []*engine.Engine
	for name := range strings.SplitSeq(cmp.Or(os.Getenv(EnvEngines), os.Getenv("POSTSTACK_ENGINE")), ",") {
		e, err := engine.Open(ctx, engine.Options{
			Want: strings.TrimSpace(name), Getenv: os.Getenv, CacheDir: cache,
			RuntimeDir: cmp.Or(os.Getenv("XDG_RUNTIME_DIR"), "/tmp"),
		})
		if err != nil {
			return out, err
		}
		out = append(out, e)
	}
	return out, nil
}

func (s *Suite) look(ctx context.Context, engines []*engine.Engine) ([]string, error) {
	left := s.processes(engines)
	for _, e := range engines {
		found, err := s.onEngine(ctx, e)
		if err != nil {
			return nil, err
		}
		left = append(left, found...)
	}
	for _, note := range Notes(s.dir) {
		left = append(left, "working container of a build: "+note)
	}
	return append(left, s.files()...), nil
}

// onEngine lists what carries the run's label, and ports that are forwarded to no container.
func (s *Suite) onEngine(ctx context.Context, e *engine.Engine) ([]string, error) {
	labels := map[string]string{session.LabelOrigin: s.origin}
	kind := e.Info().Kind
	var left []string
	containers, err := e.ContainerList(ctx, labels)
	for _, c := range containers {
		left = append(left, fmt.Sprintf("container %s on %s", c.Name, kind))
	}
	networks, netErr := e.NetworkList(ctx, labels)
	for _, n := range networks {
		left = append(left, fmt.Sprintf("network %s on %s", n.Name, kind))
	}
	volumes, volErr := e.VolumeList(ctx, labels)
	for _, v := range volumes {
		left = append(left, fmt.Sprintf("volume %s on %s", v.Name, kind))
	}
	for port, program := range forwarders(kind) {
		if s.ports[port] {
			continue
		}
		if _, err := e.ContainerOnPort(ctx, port); errors.Is(err, engine.ErrNotFound) {
			left = append(left, fmt.Sprintf("port %d of 127.0.0.1, held by %s for no container", port, program))
		}
	}
	return left, errors.Join(err, netErr, volErr)
}

// processes lists programs that inherited the run's environment, or work in its directory.
func (s *Suite) processes(engines []*engine.Engine) []string {
	own := map[string]bool{fmt.Sprint(os.Getpid()): true}
	for _, e := range engines {
		if socket, ok := strings.CutPrefix(e.Info().Endpoint, "unix://"); ok {
			own[socket] = true
		}
	}
	dirs, _ := filepath.Glob("/proc/[0-9]*") // the pattern is well-formed
	var left []string
	for _, dir := range dirs {
		env, _ := os.ReadFile(filepath.Join(dir, "environ")) // another user's is none of ours
		line, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
		command := strings.ReplaceAll(strings.TrimRight(string(line), "\x00"), "\x00", " ")
		if own[filepath.Base(dir)] ||
			!strings.Contains(string(env), session.EnvOrigin+"="+s.origin) && !strings.Contains(command, s.dir+"/") {
			continue
		}
		// One name server answers for all networks, whoever made the first of them.
		program, _, _ := strings.Cut(command, " ")
		if filepath.Base(program) == "aardvark-dns" || command == "" || ours(command, string(env), own) {
			continue
		}
		left = append(left, fmt.Sprintf("process %s: %.200s", filepath.Base(dir), command))
	}
	return left
}

// ours tells whether a program serves the check itself: podman's service, or the watchdog that sees to that.
func ours(command, env string, own map[string]bool) bool {
	for socket := range own {
		if strings.HasSuffix(command, "unix://"+socket) ||
			strings.Contains(env, "WATCH_SERVICE="+filepath.Dir(socket)+"\x00") {
			return true
		}
	}
	return false
}

// files lists what is in the run's directory. Podman's sockets have a directory there that stays empty.
func (s *Suite) files() []string {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return []string{err.Error()}
	}
	var left []string
	for _, entry := range entries {
		path := filepath.Join(s.dir, entry.Name())
		if inside, err := os.ReadDir(path); entry.Name() == fmt.Sprintf("poststack-%d", os.Getuid()) && err == nil &&
			len(inside) == 0 {
			continue
		}
		left = append(left, "file "+path)
	}
	slices.Sort(left)
	return left
}

// Notes finds the working containers that buildah noted the run's base image for, in the usual store.
func Notes(mark string) []string {
	home, _ := os.UserHomeDir() // without one only the other store is looked at
	var out []string
	for _, root := range []string{"/var/lib/containers/storage", filepath.Join(home, ".local/share/containers/storage")} {
		files, _ := filepath.Glob(filepath.Join(root, "*-containers", "*", "userdata", "buildah.json"))
		for _, f := range files {
			if note, err := os.ReadFile(f); err == nil && strings.Contains(string(note), mark) {
				out = append(out, f)
			}
		}
	}
	return out
}
