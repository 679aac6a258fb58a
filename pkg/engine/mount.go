package engine

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net"
	"path"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
)

// setMounts checks the mounts of spec and puts them into host.
func (e *Engine) setMounts(host *container.HostConfig, spec ContainerSpec) error {
	for _, m := range spec.Mounts {
		one := mount.Mount{Type: mount.TypeVolume, Source: m.Volume, Target: m.Target, ReadOnly: m.ReadOnly}
		switch {
		case !path.IsAbs(m.Target):
			return fmt.Errorf("mount on %q: the target is not absolute", m.Target)
		case (m.Volume == "") == (m.Bind == ""):
			return fmt.Errorf("mount on %q: give a volume or a directory of the host", m.Target)
		case m.Bind != "" && !path.IsAbs(m.Bind):
			return fmt.Errorf("mount on %q: the path %q of the host is not absolute", m.Target, m.Bind)
		case m.Bind != "":
			one.Type, one.Source = mount.TypeBind, m.Bind
		}
		if e.info.Kind == Podman && strings.Contains(one.Source+one.Target, ",") {
			bind, err := bindText(one)
			if err != nil {
				return err
			}
			host.Binds = append(host.Binds, bind)
			continue
		}
		host.Mounts = append(host.Mounts, one)
	}
	// Docker copies nothing into a read-only root file system, but into a volume it does: the files of such
	// a container go into anonymous volumes, which are removed with it.
	for _, dir := range fileVolumes(spec) {
		host.Mounts = append(host.Mounts, mount.Mount{Type: mount.TypeVolume, Target: dir})
	}
	return nil
}

// Options are the mount options of a directory in memory, as an engine takes them. Podman 4.3 refuses an owner's
// number, and gives the directory to the container's user when it is told U; it also lets programs in it be run
// unless it is told not to.
func (t Tmpfs) Options(kind Kind) string {
	options := []string{"rw", "nosuid", "nodev", "noexec", fmt.Sprintf("mode=%04o", cmp.Or(t.Mode, 0o1777))}
	switch {
	case t.UID == 0 && t.GID == 0:
	case kind == Podman:
		options = append(options, "U")
	default:
		options = append(options, fmt.Sprintf("uid=%d", t.UID), fmt.Sprintf("gid=%d", t.GID))
	}
	if t.Bytes > 0 {
		options = append(options, fmt.Sprintf("size=%d", t.Bytes))
	}
	return strings.Join(options, ",")
}

// bindText is the older form of a mount. Podman 4.3 joins the fields of the newer one with commas and takes
// them apart again, which a comma in a path does not survive; in this one a colon does not.
func bindText(m mount.Mount) (string, error) {
	if strings.Contains(m.Source+m.Target, ":") {
		return "", fmt.Errorf("mount on %q: podman cannot mount the path %q, which holds both a comma and a colon",
			m.Target, m.Source)
	}
	text := m.Source + ":" + m.Target
	if m.ReadOnly {
		text += ":ro"
	}
	return text, nil
}

// fileVolumes lists the directories of the files of a read-only container that no mount covers.
func fileVolumes(spec ContainerSpec) []string {
	dirs := map[string]bool{}
	for _, f := range spec.Files {
		dir := path.Dir(f.Path)
		covered := slices.ContainsFunc(spec.Mounts, func(m Mount) bool { return within(dir, m.Target) })
		if spec.ReadOnly && !covered {
			dirs[dir] = true
		}
	}
	return slices.Sorted(maps.Keys(dirs))
}

// hostAddress makes an address of "host-gateway". Docker knows the word; podman 4.3 drops such an entry, so
// it gets the first address of this machine that is not a loopback's, as podman itself takes for
// host.containers.internal.
func (e *Engine) hostAddress(address string) (string, error) {
	if address != "host-gateway" || e.info.Kind == Docker {
		return address, nil
	}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return "", fmt.Errorf("find this machine's address: %w", err)
	}
	for _, a := range addresses {
		if ip, ok := a.(*net.IPNet); ok && ip.IP.To4() != nil && !ip.IP.IsLoopback() && !ip.IP.IsLinkLocalUnicast() {
			return ip.IP.String(), nil
		}
	}
	return "", errors.New("find this machine's address: it has none but loopback's")
}
