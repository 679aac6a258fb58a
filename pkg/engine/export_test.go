package engine

import (
	"context"
	"errors"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

	"github.com/poststack/poststack/pkg/engine/dockerfile"
	"github.com/poststack/poststack/pkg/runner"
	"github.com/poststack/poststack/pkg/secret"
)

// What the external tests look at behind the API.
const (
	DialectClassic  = dialectClassic
	DialectBuildKit = dialectBuildKit
	DialectBuildah  = dialectBuildah
)

// ParseBuild feeds a builder's output, in pieces of n bytes, to the parser.
func ParseBuild(
	d dialect, text string, n, inserted int, set *secret.Set,
) (steps, live []Step, log string, failure *BuildError) {
	p := newProgress(d, func(s Step) { live = append(live, s) }, set)
	p.ours = inserted
	var kept writerFunc = func(b []byte) { log += string(b) }
	s := secret.NewWriter(&lineWriter{log: kept, line: p.line}, nil) // as a runner has it
	for len(text) > 0 {
		n := min(n, len(text))
		_, _ = s.Write([]byte(text[:n]))
		text = text[n:]
	}
	_ = s.Close()
	errors.As(p.failure(errors.New("exit status 9")), &failure)
	return p.finish(), live, log, failure
}

// LeftRules are the rules of a table to remove for a port. Containers run where addresses has them; of those it has
// without one it is not known, and all others have ended.
func LeftRules(table string, port Port, addresses map[ContainerID][]string) []string {
	return leftRules(table, []Port{port}, func(id ContainerID) rulesOwner {
		at, there := addresses[id]
		return rulesOwner{ended: !there, addresses: at}
	})
}

// DropLeftRules removes the rules of a port with r, all of whose containers have ended.
func DropLeftRules(ctx context.Context, r runner.Runner, port Port) error {
	e := &Engine{opts: Options{Runner: r}}
	return e.dropLeftRules(ctx, "iptables", []Port{port}, func(ContainerID) rulesOwner { return rulesOwner{ended: true} })
}

// NetworkLost tells whether a container in a state has lost the networks of these names.
func NetworkLost(state container.ContainerState, networks map[string]*network.EndpointSettings) bool {
	return networkLost(container.InspectResponse{
		State: &container.State{Status: state}, NetworkSettings: &container.NetworkSettings{Networks: networks},
	})
}

// FilesFor is filesFor.
func FilesFor(hard uint64, raise func(uint64) error) error { return filesFor(hard, raise) }

type writerFunc func([]byte)

func (f writerFunc) Write(b []byte) (int, error) {
	f(b)
	return len(b), nil
}

// Bases lists the base images of a Dockerfile.
func Bases(text string, args map[string]string) []Ref { return bases(parsed(text), args) }

// WithArgLabels is what podman's builder gets in place of a Dockerfile.
func WithArgLabels(text string, args map[string]string) (string, int) {
	return withArgLabels(parsed(text), args)
}

func parsed(text string) dockerfile.File {
	f, err := dockerfile.Parse([]byte(text))
	if err != nil {
		panic(err)
	}
	return f
}

// LabelLine is what sets an image's labels.
func LabelLine(labels map[string]string) string { return labelLine(labels) }

// MergeConf lays configurations over each other.
func MergeConf(texts ...string) (string, error) {
	s := settings{}
	for _, t := range texts {
		more, err := parseConf(t)
		if err != nil {
			return "", err
		}
		s.merge(more)
	}
	return s.String(), nil
}

// WriteConf writes podman's configuration with no workaround.
func WriteConf(o Options, version string) (string, error) {
	return writeConf(o, baseSettings(), version)
}

// Classify finds the sentinel of an engine's answer.
func Classify(err error) error { return classify(err) }

// Instruction is a step of an image's history as it stood in the Dockerfile.
func Instruction(createdBy string) string { return readable(createdBy) }

// NextWorkaround names the workaround that an error asks for, "" if none.
func NextWorkaround(inForce []string, err error) string {
	w, _ := nextWorkaround(workarounds(func() string { return "" }), inForce, err)
	return w.name
}

// WorkaroundConf is what a workaround writes.
func WorkaroundConf(name, runc string) string {
	s := settings{}
	for _, w := range workarounds(func() string { return runc }) {
		if w.name == name {
			w.apply(s)
		}
	}
	return s.String()
}

// ProbeProgram is the probe's program for a processor.
func ProbeProgram(arch string) ([]byte, error) { return probeProgram(arch) }

// DiskUsage sums the blocks below a directory.
func DiskUsage(ctx context.Context, dir string) (int64, error) { return diskUsage(ctx, dir) }

// AtLeast compares versions.
func AtLeast(version string, major, minor int) bool { return atLeast(version, major, minor) }

// Remember and Recall keep the outcome of a probe, of which Version is the example.
func Remember(o Options, key, version string) error {
	return o.remember(Podman, key, facts{Version: version})
}

// Recall is the other half of [Remember].
func Recall(o Options, key string) (string, bool) {
	f, ok := o.recall(Podman, key)
	return f.Version, ok
}

// StorageFiles are those whose change makes podman be probed anew.
func StorageFiles(getenv func(string) string) []string { return storageFiles(getenv) }

// RequestName is how a trace names a request.
func RequestName(name string) string { return requestName(name) }

// NewClient makes a client of an engine's API.
func NewClient(host string, more ...client.Opt) (*client.Client, error) {
	return newClient(host, more...)
}

// Unsteered takes docker's variables out of an environment.
func Unsteered(environ []string) []string { return unsteered(environ) }

// Monitors are the processes that watch containers of that name.
func Monitors(name string) (pids []int) {
	for _, m := range monitors() {
		if m.name == name {
			pids = append(pids, m.pid)
		}
	}
	return pids
}

// EndMonitor ends what they watch.
func EndMonitor(ctx context.Context, name string) error {
	for _, m := range monitors() {
		if m.name == name {
			return m.end(ctx, 2*time.Second)
		}
	}
	return errors.New("there is none")
}

// Children are the processes that a process has started.
func Children(parent int) []int { return children(parent) }

// PastRemovedImages is pastRemovedImages.
func PastRemovedImages[T any](ctx context.Context, ask func() (T, error)) (T, error) {
	return pastRemovedImages(ctx, ask)
}

// At is an engine whose API is at that address, of which nothing else is known.
func At(host string) (*Engine, error) {
	api, err := newClient(host, client.WithAPIVersion("1.41"))
	return &Engine{api: api}, err
}
