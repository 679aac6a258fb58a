package enginetest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net"
	"sync"
	"time"

	"github.com/poststack/poststack/pkg/engine"
)

// Fake is an engine in memory. It keeps the contract as far as that needs no process: a container "runs"
// until it is stopped, unless Behave says how its program ends. The zero value is not ready; use [NewFake].
// It is safe for concurrent use; set the functions before the first call.
type Fake struct {
	// Identity is what Info returns.
	Identity engine.Info
	// OnCall, if set, sees every call before it happens, by the method's name and the object's; an error of
	// it is returned in place of the call.
	OnCall func(method, name string) error
	// OnBuild, if set, decides how a build ends: an error, such as a *engine.BuildError, fails it.
	OnBuild func(spec engine.BuildSpec) error
	// OnExec, if set, answers an exec; without it every command succeeds and prints nothing.
	OnExec func(c engine.Container, spec engine.ExecSpec) (engine.ExecResult, error)
	// OnHistory, if set, gives the layers of an image.
	OnHistory func(engine.Image) []engine.Layer
	// OnFile, if set, gives a file of an image; others than those that were put into a container are not there
	// without it.
	OnFile func(image engine.Ref, path string) []byte
	// Behave, if set, says what a container's program does when it starts.
	Behave func(spec engine.ContainerSpec) Outcome
	// Lost are the containers, by name, that run without the engine's knowledge.
	Lost map[string][]engine.ContainerID
	// Registry are the images that can be pulled.
	Registry map[engine.Ref]engine.Image

	mu         sync.Mutex
	count      int
	images     map[engine.ImageID]*engine.Image
	containers []*fakeContainer
	volumes    map[string]engine.Volume
	usage      map[string]int64
	networks   map[string]engine.Network
	builds     []engine.BuildSpec
	calls      []string
}

// Outcome is what a program in a container does.
type Outcome struct {
	Stdout, Stderr string
	Exits          bool // at once, with Code; otherwise it runs until it is stopped
	Code           int
	StartError     error // the container does not start
}

// fakeContainer is a container with what made it.
type fakeContainer struct {
	engine.Container
	spec    engine.ContainerSpec
	outcome Outcome
	files   map[string]engine.File
	ended   chan struct{} // closed when it does not run any more
}

// NewFake returns an engine without any object.
func NewFake() *Fake {
	return &Fake{
		Identity: engine.Info{Kind: engine.Docker, Version: "fake", APIVersion: "1.41", StorageDriver: "memory"},
		images:   map[engine.ImageID]*engine.Image{}, volumes: map[string]engine.Volume{},
		usage: map[string]int64{}, networks: map[string]engine.Network{},
	}
}

// Info returns Identity.
func (f *Fake) Info() engine.Info { return f.Identity }

// Guard starts nothing: what is in memory ends with the process.
func (f *Fake) Guard() error {
	if f.OnCall == nil {
		return nil
	}
	return f.OnCall("Guard", "")
}

// Close does nothing.
func (f *Fake) Close() error { return nil }

// Endpoint returns the endpoint of Identity.
func (f *Fake) Endpoint(context.Context) (string, error) { return f.Identity.Endpoint, nil }

// Builds returns the specifications of all builds so far, failed ones too.
func (f *Fake) Builds() []engine.BuildSpec {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]engine.BuildSpec(nil), f.builds...)
}

// Calls returns all calls so far as "Method name".
func (f *Fake) Calls() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.calls...)
}

// Spec returns what a container was created from, and whether there is such a container.
func (f *Fake) Spec(nameOrID string) (engine.ContainerSpec, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.find(nameOrID)
	if c == nil {
		return engine.ContainerSpec{}, false
	}
	return c.spec, true
}

// Files returns the files that were put into a container, by path.
func (f *Fake) Files(nameOrID string) map[string]engine.File {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c := f.find(nameOrID); c != nil {
		return maps.Clone(c.files)
	}
	return nil
}

// SetVolumeUsage sets what VolumeUsage answers for a volume.
func (f *Fake) SetVolumeUsage(name string, bytes int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.usage[name] = bytes
}

// AddImage puts an image into the store as if it had been built elsewhere. Its ID is made up if it has none.
func (f *Fake) AddImage(img engine.Image) engine.ImageID {
	f.mu.Lock()
	defer f.mu.Unlock()
	if img.ID == "" {
		img.ID = engine.ImageID(f.id("image"))
	}
	tags := img.Tags
	img.Tags = nil
	f.images[img.ID] = &img
	for _, t := range tags {
		f.tag(img.ID, t)
	}
	return img.ID
}

// Exit ends a running container as if its program had ended with code.
func (f *Fake) Exit(nameOrID string, code int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c := f.find(nameOrID); c != nil {
		c.exit(code)
	}
}

// SetState has a container in a state that the fake itself never comes to, such as "paused".
func (f *Fake) SetState(nameOrID string, state engine.State) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c := f.find(nameOrID); c != nil {
		c.State = state
	}
}

// LoseNetwork has a container run without its network, as podman can.
func (f *Fake) LoseNetwork(nameOrID string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c := f.find(nameOrID); c != nil {
		c.NetworkLost = true
	}
}

// enter begins a call: it takes the lock, which the caller gives back, unless it returns an error.
func (f *Fake) enter(ctx context.Context, method, name string) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s %q: %w", method, name, context.Cause(ctx))
	}
	f.mu.Lock()
	f.calls = append(f.calls, method+" "+name)
	if f.OnCall == nil {
		return nil
	}
	f.mu.Unlock()
	if err := f.OnCall(method, name); err != nil {
		return err
	}
	f.mu.Lock()
	return nil
}

// id makes up the next ID.
func (f *Fake) id(kind string) string {
	f.count++
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", kind, f.count))
	id := hex.EncodeToString(sum[:])
	if kind == "image" {
		return "sha256:" + id
	}
	return id
}

func (c *fakeContainer) exit(code int) {
	if c.State != engine.Running {
		return
	}
	c.State, c.ExitCode, c.Finished = engine.Exited, code, time.Now()
	close(c.ended)
}

func has(have, want map[string]string) bool {
	for k, v := range want {
		if got, ok := have[k]; !ok || got != v {
			return false
		}
	}
	return true
}

// PortsClear has nothing to clear.
func (f *Fake) PortsClear(ctx context.Context, _ []engine.Port) error {
	if err := f.enter(ctx, "PortsClear", ""); err != nil {
		return err
	}
	f.mu.Unlock()
	return nil
}

// EndsHere has no firewall to ask.
func (f *Fake) EndsHere(net.Conn) bool { return false }
