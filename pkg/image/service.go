package image

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/poststack/poststack/pkg/engine"
)

// Service is what image.yaml says of the service that the image runs: what its container needs of the machine, beside
// what the image itself declares. An image without one is run by nobody but its checks.
type Service struct {
	DependsOn []string         `yaml:"depends_on"` // services that must be healthy before it starts
	Ports     []ServicePort    `yaml:"ports"`
	Volumes   []ServiceVolume  `yaml:"volumes"`
	Secrets   []ServiceSecret  `yaml:"secrets"`
	Files     []ServiceFile    `yaml:"files"`
	Database  *ServiceDatabase `yaml:"database"` // nil if it does not sign in to the database
	// ${KEY} in a value is the setting of that key, ${port.N} the host's port of N
	Environment map[string]string `yaml:"environment"`
	// Lenient names variables that may change without the container being made anew: nobody wants a database restarted
	// for a line more in its log. They hold from the next start.
	Lenient      []string       `yaml:"lenient"`
	SharedMemory string         `yaml:"shared_memory"` // "half" of the machine's memory; "" is the engine's default
	ReadOnly     bool           `yaml:"read_only"`     // the root file system
	Tmpfs        []ServiceTmpfs `yaml:"tmpfs"`
	Groups       []int          `yaml:"groups"`       // GIDs beside the user's own
	Capabilities []string       `yaml:"capabilities"` // all that its processes have; most need none
	Processes    int64          `yaml:"processes"`    // the most at a time, threads included; 0 is [DefaultProcesses]
	Memory       int64          `yaml:"memory"`       // the most, in MiB; 0 is no limit
	// Health is asked, in order, until each check answers. Without one, a service is healthy when it runs.
	Health []Check `yaml:"health"`
	Reload *Reload `yaml:"reload"` // nil if it cannot take a changed configuration without a restart
	// Rehearse is a command that ends with 0 if a new container would serve what the running one serves; none if nothing
	// tells before it is tried. It is run in a container of its own, before the running one is replaced.
	Rehearse []string `yaml:"rehearse"`
	// Status is a command in its container that prints how it is, as the agent does; none if nothing tells.
	Status []string `yaml:"status"`
	// Outside is a command in its container that asks what the service needs from outside of the stack, and prints what
	// came of it; none if it needs nothing.
	Outside []string `yaml:"outside"`
	// Restart is when the engine starts the container again by itself: "" always until it is stopped, or [NeverRestart].
	Restart string `yaml:"restart"`
}

// NeverRestart is the other value of [Service.Restart].
const NeverRestart = "never"

// Reload is how a service takes a changed configuration; exactly one of its fields is set.
type Reload struct {
	Signal string   `yaml:"signal"` // to its first process
	Run    []string `yaml:"run"`    // in its container, as the image's user
}

// DefaultProcesses is how many processes a service may have at a time when it does not say: what the larger of the
// engines' own defaults is (podman's; docker has none).
const DefaultProcesses = 2048

// portReference is where the port of this machine goes that a port of the container is published on.
var portReference = regexp.MustCompile(`\$\{port\.([^}]*)\}`)

// ExpandPorts puts the ports of this machine, by those in the container, into the value of a variable that names them.
func ExpandPorts(text string, hosts map[uint16]uint16) string {
	return portReference.ReplaceAllStringFunc(text, func(found string) string {
		port, _ := strconv.ParseUint(portReference.FindStringSubmatch(found)[1], 10, 16) // as image.yaml was validated
		return strconv.Itoa(int(hosts[uint16(port)]))
	})
}

// portsIn are the ports that a value names, as it writes them.
func portsIn(text string) (ports []string) {
	for _, found := range portReference.FindAllStringSubmatch(text, -1) {
		ports = append(ports, found[1])
	}
	return ports
}

// Confinement is what the service's containers may do, those of its checks too.
func (s *Service) Confinement() engine.Confinement {
	if s == nil {
		return engine.Confinement{}
	}
	return engine.Confinement{
		Confined: true, Capabilities: s.Capabilities, Processes: cmp.Or(s.Processes, DefaultProcesses),
		Memory: s.Memory << 20,
	}
}

// ServicePort is a port that the service listens on, and where people reach it.
type ServicePort struct {
	Port uint16 `yaml:"port"` // in the container
	// Host is the port of this machine; the next that is free if another program has it at the first start. 0 publishes
	// nothing: only the other services reach it.
	Host      uint16   `yaml:"host"`
	Protocols []string `yaml:"protocols"` // tcp and udp, on the same number; none is tcp
}

// Speaks tells whether the service speaks that protocol on the port.
func (p ServicePort) Speaks(protocol string) bool {
	return slices.Contains(p.Protocols, protocol) || len(p.Protocols) == 0 && protocol == "tcp"
}

// ServiceVolume is a directory that outlives the container.
type ServiceVolume struct {
	Line     int    `yaml:"-"`                 // in image.yaml
	Name     string `yaml:"name" check:"word"` // after the stack's
	Path     string `yaml:"path" check:"path"`
	ReadOnly bool   `yaml:"read_only"`
	Shared   bool   `yaml:"shared"` // with the services that declare one of the same name
	// Backup says that it holds what nothing else brings back, so that a backup of everything has it.
	Backup bool `yaml:"backup"`
	// Snapshot is a command in the container that has in [SnapshotDir] what the volume holds at one moment; none if its
	// files can be copied one after the other while the service runs.
	Snapshot []string    `yaml:"snapshot"`
	Rows     *VolumeRows `yaml:"rows"` // nil if no rows tell which directories there should be
}

// SnapshotDir is where a volume has its snapshot, below its path.
const SnapshotDir = ".snapshot"

// VolumeRows says which rows of the database have a directory in a volume.
type VolumeRows struct {
	Directories string `yaml:"directories" check:"stars"` // which ones it is about, as a shell names them: "*/*"
	SQL         string `yaml:"sql" check:"present"`       // gives them, below the volume's path
	Each        string `yaml:"each" check:"present"`      // what such a directory is, in a word
	Of          string `yaml:"of" check:"present"`        // what the row is
}

// ServiceFile is a file of the image's folder that each container gets when it is made. A changed one makes a new
// container and no new image.
type ServiceFile struct {
	Source string `yaml:"source"` // below the folder
	Path   string `yaml:"path" check:"path"`
	Owner  string `yaml:"owner" check:"ids?"` // UID:GID; "" is root's
	Mode   string `yaml:"mode" check:"mode?"` // in octal; "" is 0444
	Expand bool   `yaml:"expand"`             // ${KEY} in it is the setting of that key
}

// IDs are the user and the group that own the file.
func (f ServiceFile) IDs() (uid, gid int) { return ids(f.Owner) }

// Bits are its permissions.
func (f ServiceFile) Bits() int64 { return octal(f.Mode, 0o444) }

// ServiceDatabase is how a service signs in to the stack's database: with a role and a password of its own, which the
// stack makes. libpq's variables name both, PGPASSFILE the password's file.
type ServiceDatabase struct {
	Role  string `yaml:"role" check:"role"` // whose rights it has
	Path  string `yaml:"path" check:"path"` // of the password file
	Owner string `yaml:"owner" check:"ids"` // UID:GID of it; its mode is 0400
}

// IDs are the user and the group that own the file.
func (d ServiceDatabase) IDs() (uid, gid int) { return ids(d.Owner) }

// ServiceTmpfs is a directory in memory.
type ServiceTmpfs struct {
	Path  string `yaml:"path" check:"path"`
	Owner string `yaml:"owner" check:"ids?"` // UID:GID of the image's user; "" is everybody's, as /tmp is
	Mode  string `yaml:"mode" check:"mode?"` // in octal; "" is 0700 with an owner
	Size  int64  `yaml:"size" check:"size"`  // the most, in MiB; 0 is half of the machine's memory
}

// Spec is the directory as engines know it.
func (t ServiceTmpfs) Spec() engine.Tmpfs {
	uid, gid := ids(t.Owner)
	spec := engine.Tmpfs{Path: t.Path, UID: uid, GID: gid, Bytes: t.Size << 20}
	if t.Owner != "" || t.Mode != "" {
		spec.Mode = octal(t.Mode, 0o700)
	}
	return spec
}

// ServiceSecret is a file with something that no environment, label or image may show.
type ServiceSecret struct {
	Name  string `yaml:"name" check:"word"` // of what it holds, such as "password"
	Path  string `yaml:"path" check:"path"`
	Owner string `yaml:"owner" check:"ids"` // UID:GID; its mode is 0400
	// Certificate says that it holds a key and a certificate for the service's name, in PEM, of a local authority.
	Certificate bool `yaml:"certificate"`
}

// PasswordSecret is the name of the secret that checks of a database log in with.
const PasswordSecret = "password"

// IDs are the user and the group that own the file.
func (s ServiceSecret) IDs() (uid, gid int) { return ids(s.Owner) }

// ids reads "UID:GID"; validation has seen to their being numbers.
func ids(owner string) (uid, gid int) {
	user, group, _ := strings.Cut(owner, ":")
	uid, _ = strconv.Atoi(user)
	gid, _ = strconv.Atoi(group)
	return uid, gid
}

// octal reads permission bits that validation has seen to be octal; without any they are unset.
func octal(mode string, unset int64) int64 {
	if bits, err := strconv.ParseInt(mode, 8, 64); err == nil {
		return bits
	}
	return unset
}

// HalfOfMemory is the one value of [Service.SharedMemory].
const HalfOfMemory = "half"
