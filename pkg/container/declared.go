package container

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"

	"github.com/poststack/poststack/pkg/engine"
)

// declared is the part of a declaration that a container is made anew for, and nothing else: a new field of
// [engine.ContainerSpec] is not in it before someone puts it here. Fields that are empty are left out, so that a
// field more changes nothing for the containers that do not use it. How long a stop may take, how much of the
// machine it may use and what its labels say is not in it: nobody wants a database restarted for that.
type declared struct {
	Image      engine.Ref        `json:"image"`
	Entrypoint []string          `json:"entrypoint,omitempty"`
	Command    []string          `json:"command,omitempty"`
	Env        map[string]string `json:"env,omitempty"`
	Volumes    []declaredMount   `json:"volumes,omitempty"`
	Tmpfs      []declaredTmpfs   `json:"tmpfs,omitempty"`
	Ports      []declaredPort    `json:"ports,omitempty"`
	Network    string            `json:"network,omitempty"`
	Aliases    []string          `json:"aliases,omitempty"`
	User       string            `json:"user,omitempty"`
	Groups     []int             `json:"groups,omitempty"`
	ReadOnly   bool              `json:"read_only,omitempty"`
	Files      []declaredFile    `json:"files,omitempty"`
}

type declaredMount struct {
	Volume   string `json:"volume,omitempty"`
	Bind     string `json:"bind,omitempty"`
	Target   string `json:"target"`
	ReadOnly bool   `json:"read_only,omitempty"`
}

type declaredPort struct {
	Container uint16 `json:"container"`
	Protocol  string `json:"protocol,omitempty"`
	HostIP    string `json:"host_ip"`
	Host      uint16 `json:"host"`
}

type declaredTmpfs struct {
	Path  string `json:"path"`
	UID   int    `json:"uid"`
	GID   int    `json:"gid"`
	Mode  int64  `json:"mode"`
	Bytes int64  `json:"bytes"`
}

type declaredFile struct {
	Path    string `json:"path"`
	Mode    int64  `json:"mode"`
	UID     int    `json:"uid"`
	GID     int    `json:"gid"`
	Content []byte `json:"content"`
}

// declaredVersion is in front of every hash. Change it when what is hashed means something else, and only then:
// every container of every user is made anew once for that.
const declaredVersion = "1:"

// fingerprint identifies the declaration, contents of files included. It is keyed, since one of them may be a
// password and everyone who may ask the engine can read a label: without the key no password can be tried out on it.
func (s Service) fingerprint() string {
	d := declared{
		Image: s.Spec.Image, Entrypoint: s.Spec.Entrypoint, Command: s.Spec.Command, Env: maps.Clone(s.Spec.Env),
		Network: s.Spec.Network, Aliases: s.Spec.Aliases, User: s.Spec.User, Groups: s.Spec.Groups, ReadOnly: s.Spec.ReadOnly,
	}
	for _, name := range s.Unhashed {
		delete(d.Env, name)
	}
	for _, m := range s.Spec.Mounts {
		d.Volumes = append(d.Volumes, declaredMount{m.Volume, m.Bind, m.Target, m.ReadOnly})
	}
	for _, p := range s.Spec.Ports {
		d.Ports = append(d.Ports, declaredPort{p.Container, p.Protocol, p.HostIP, p.Host})
	}
	for _, t := range s.Spec.Tmpfs {
		d.Tmpfs = append(d.Tmpfs, declaredTmpfs(t))
	}
	for _, f := range s.Spec.Files {
		d.Files = append(d.Files, declaredFile{f.Path, f.Mode, f.UID, f.GID, f.Content})
	}
	text, err := json.Marshal(d)
	if err != nil { // a struct of strings and numbers always marshals
		panic(err)
	}
	sum := hmac.New(sha256.New, []byte(s.Owner.Key.Reveal()))
	sum.Write(text) // a hash never fails
	return declaredVersion + hex.EncodeToString(sum.Sum(nil)[:16])
}

// renewed tells whether the image of that name is another one than the container was made of: it was built anew, such
// as for updates of Debian's.
func renewed(ctx context.Context, e Engine, s Service, c engine.Container) bool {
	if s.Image != "" {
		return s.Image != c.Image
	}
	img, err := e.ImageInspect(ctx, s.Spec.Image)
	return err == nil && img.ID != c.Image // one that is not in the store replaces nothing
}
