package engine

import (
	"errors"
	"io"
	"time"
)

// Kind names one of the two engines.
type Kind string

// The engines.
const (
	Podman Kind = "podman"
	Docker Kind = "docker"
)

// Ref is an image reference, such as localhost/poststack/postgres:latest.
type Ref string

// ImageID is an image's own ID, with its algorithm: "sha256:…" on both engines.
type ImageID string

// ContainerID is a container's own ID.
type ContainerID string

// What callers branch on; match with errors.Is.
var (
	ErrNotFound  = errors.New("not found")
	ErrConflict  = errors.New("name is already in use")
	ErrPortInUse = errors.New("port is already in use")
)

// Info is what is known of an engine that works.
type Info struct {
	Kind          Kind     `json:"engine"`
	Version       string   `json:"version"`  // of the server, as it gives it: "20.10.24+dfsg1"
	APIVersion    string   `json:"-"`        // negotiated: "1.41"
	Endpoint      string   `json:"endpoint"` // the API's address: "unix:///run/docker.sock"
	Rootless      bool     `json:"rootless"`
	StorageDriver string   `json:"storage_driver"` // "overlay2", "overlay", "fuse-overlayfs", "vfs" …
	StoreDir      string   `json:"-"`              // where images and volumes are
	Workarounds   []string `json:"workarounds"`    // in force, one line each; empty when none was needed
}

// Image is an image in the engine's store.
type Image struct {
	ID         ImageID
	Tags       []Ref
	Digests    []Ref // repository digests; empty for an image that was never pushed or pulled
	SizeBytes  int64 // unpacked
	Created    time.Time
	Labels     map[string]string
	Env        []string
	User       string
	StopSignal string
	Layers     []string // diff IDs: images with the same ones have the same files
}

// BuildSpec is an image to build.
type BuildSpec struct {
	Dir     string // the context, absolute; its Dockerfile is named Dockerfile
	Tags    []Ref
	Args    map[string]string
	Labels  map[string]string
	NoCache bool
	Log     io.Writer  // receives the builder's output as it appears; may be nil
	OnStep  func(Step) // called when a step is known to have begun or ended; may be nil
}

// Step is one instruction of a Dockerfile as the builder reported it.
type Step struct {
	Number   int // from 1
	Total    int // 0 if the builder does not say
	Text     string
	Cached   bool
	Duration time.Duration // 0 while it runs
}

// BuildOutput is a build that succeeded.
type BuildOutput struct {
	ID    ImageID
	Steps []Step
}

// BuildError is a build that failed: the step, and the last lines that it printed.
type BuildError struct {
	Step Step
	Tail []string // at most 20 lines, redacted
	Err  error

	settings string // of the environment, if no step had begun
}

// Mount puts a volume or a directory of the host into a container.
type Mount struct {
	Volume   string // name of a volume; or
	Bind     string // absolute path on the host
	Target   string
	ReadOnly bool
}

// UDP is a [Port]'s protocol when it is not TCP.
const UDP = "udp"

// Port publishes a port of a container.
type Port struct {
	Container uint16
	Protocol  string // "" is TCP, or [UDP]
	HostIP    string // "127.0.0.1" unless the caller says otherwise: "" is refused
	Host      uint16 // 0: the engine chooses
}

// Tmpfs is a directory in memory. What it holds is gone with the container's end, and nothing in it can be run.
type Tmpfs struct {
	Path     string
	UID, GID int   // of the directory; podman gives one that is not root's to the container's user, whoever that is
	Mode     int64 // permission bits; 0 is 0o1777, as /tmp has
	Bytes    int64 // the most that it holds; 0 is half of the machine's memory
}

// File is a file to put into a container before it starts. Its content appears in no argv and no inspect.
type File struct {
	Path     string // absolute; missing parents are made, root:root 0755
	Mode     int64  // permission bits, such as 0o400
	UID, GID int
	Content  []byte
}

// Confinement is what keeps the processes of a container from doing more than they need. The zero value leaves it to
// the engine.
type Confinement struct {
	Confined     bool     // no capability but those named, and none gained by set-user-ID programs
	Capabilities []string // such as "NET_BIND_SERVICE"
	Processes    int64    // the most that may run at a time, threads included; 0 leaves it to the engine
	Memory       int64    // bytes; 0 is no limit
}

// ContainerSpec is a container to create.
type ContainerSpec struct {
	Name        string // "" lets the engine choose
	Image       Ref
	Entrypoint  []string // nil: the image's own
	Command     []string // nil: the image's own
	Env         map[string]string
	Labels      map[string]string
	Mounts      []Mount
	Tmpfs       []Tmpfs
	Ports       []Port
	Network     string            // name of a network; "" is the engine's default
	Aliases     []string          // names of the container on Network
	HostNetwork bool              // shares the host's network instead; or
	NetworkOf   string            // that of the container of this name or ID, which must run; its loopback is shared too
	ExtraHosts  map[string]string // name → address; "host-gateway" is the host
	User        string
	Groups      []int // beside the user's own
	ReadOnly    bool  // root file system
	Confinement
	// KeepUp has podman start the container again when its program fails, until it is stopped. On docker it changes
	// nothing: ContainerKeepUp is for that.
	KeepUp      bool
	StopTimeout time.Duration
	ShmBytes    int64
	Files       []File
	FilesBelow  string // a directory of the image that all Files lie below, and no mount: nothing is asked about it then
}

// State is where a container is in its life.
type State string

// The states, as both engines spell them.
const (
	Created State = "created"
	Running State = "running"
	Exited  State = "exited"
	paused  State = "paused"
)

// Container is a container as the engine describes it.
type Container struct {
	ID        ContainerID
	Name      string
	Image     ImageID
	State     State // other states of the engines are passed through
	ExitCode  int
	OOMKilled bool
	KeptUp    bool // the engine starts it again by itself, also after a reboot
	Restarts  int  // how often it did, since somebody else started it
	Created   time.Time
	Started   time.Time
	Finished  time.Time
	Labels    map[string]string
	Env       []string
	Ports     []Port            // as they are published now
	Addresses map[string]string // network → IP
	// NetworkLost is that it runs, and podman has forgotten its network: nobody comes to it by its name, and what was made
	// for it stays when it ends.
	NetworkLost bool
	Mounts      []Mount
}

// ExecSpec is a command to run in a running container.
type ExecSpec struct {
	Command []string
	User    string
	Env     map[string]string
}

// ExecResult is how it ended.
type ExecResult struct {
	Code   int
	Stdout string
	Stderr string
}

// LogOptions selects lines of a container's output.
type LogOptions struct {
	Follow bool
	Tail   int // last lines; 0 is all
}

// Volume is a named volume.
type Volume struct {
	Name       string
	Labels     map[string]string
	Mountpoint string
}

// Network is a user-defined bridge network.
type Network struct {
	ID     string
	Name   string
	Labels map[string]string
	IPv6   bool // containers have addresses of both kinds
}

// NetworkOptions are what a network is made with.
type NetworkOptions struct {
	Labels map[string]string
	// IPv6 gives containers addresses of both kinds, from subnets that the engine chooses. Root's podman publishes no port
	// on an address of IPv6 without; docker does, by a program of its own.
	IPv6 bool
}
