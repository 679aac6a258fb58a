package doctor

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/docker/go-units"
	"golang.org/x/sys/unix"
)

// The limits below which a build or a database may stop half-way. Each is what the larger of our images needs at
// once, several times over.
const (
	fewFiles     = 4096    // open files of one process
	fewProcesses = 1024    // of this user
	noSpace      = 1 << 30 // bytes: less than one image with its layers
	littleSpace  = 5 << 30 // bytes: less than a build of all images with their cache
	unlimited    = math.MaxInt64
)

// Limits checks how many files and processes this user may have. limit gives the hard limit of a resource;
// nil asks the kernel.
func Limits(limit func(resource int) (hard uint64, err error)) Check {
	if limit == nil {
		limit = func(resource int) (uint64, error) {
			var l unix.Rlimit
			err := unix.Getrlimit(resource, &l)
			return l.Max, err
		}
	}
	return Check{Name: "limits", Look: func(context.Context) []Finding {
		var out []Finding
		for _, r := range []struct {
			what, flag string
			resource   int
			least      uint64
		}{{"open files", "-n", unix.RLIMIT_NOFILE, fewFiles}, {"processes", "-u", unix.RLIMIT_NPROC, fewProcesses}} {
			hard, err := limit(r.resource)
			switch {
			case err != nil:
				out = append(out, warn("ulimit -H "+r.flag, "the limit of %s cannot be read: %v", r.what, err))
			case hard < r.least/4:
				out = append(out, bad("raise it in /etc/security/limits.conf, and log in again",
					"at most %d %s; %d are needed", hard, r.what, r.least/4))
			case hard < r.least:
				out = append(out, warn("raise it in /etc/security/limits.conf, and log in again",
					"at most %d %s; %d are enough", hard, r.what, r.least))
			case hard >= unlimited:
				out = append(out, well("no limit of %s", r.what))
			default:
				out = append(out, well("up to %d %s", hard, r.what))
			}
		}
		return out
	}}
}

// Cgroups checks what the kernel offers to limit containers with. root is "/" but in tests; runc tells whether
// that runtime is installed, which podman needs where version 1 is mounted: crun refuses a mixture. There only root may
// limit containers: podman(1) leaves the limits of other users' out.
func Cgroups(root string, runc bool, uid int) Check {
	return Check{Name: "cgroups", Look: func(context.Context) []Finding {
		dir := filepath.Join(root, "sys/fs/cgroup")
		if _, err := os.Stat(filepath.Join(dir, "cgroup.controllers")); err == nil {
			return []Finding{well("version 2")}
		}
		if _, err := os.Stat(filepath.Join(dir, "memory")); err != nil {
			return []Finding{bad("mount -t cgroup2 none /sys/fs/cgroup",
				"none are mounted on /sys/fs/cgroup: no container can start")}
		}
		if !runc {
			return []Finding{warn("apt-get install runc", "version 1, for which podman needs runc, which is not installed")}
		}
		if uid != 0 {
			return []Finding{warn("boot with cgroups of version 2",
				"version 1, in which rootless containers have no limits of memory and processes")}
		}
		return []Finding{well("version 1; podman uses runc")}
	}}
}

// Place is a directory that fills up.
type Place struct{ What, Path string }

// Space checks the room on the file systems of places, each once. free gives the bytes that this user may still
// write at a path that exists; nil asks the kernel.
func Space(places []Place, free func(path string) (uint64, error)) Check {
	if free == nil {
		free = func(path string) (uint64, error) {
			var st unix.Statfs_t
			err := unix.Statfs(path, &st)
			return st.Bavail * uint64(st.Bsize), err
		}
	}
	return Check{Name: "disk space", Look: func(context.Context) []Finding {
		var out []Finding
		for _, p := range places {
			path := existing(p.Path)
			left, err := free(path)
			size := units.BytesSize(float64(left))
			switch {
			case err != nil:
				out = append(out, warn("df -h "+path, "%s: %v", p.What, err))
			case left < noSpace:
				out = append(out, bad("make room: df -h "+path, "%s: %s free on %s; builds need more", p.What, size, path))
			case left < littleSpace:
				out = append(out,
					warn("make room: df -h "+path, "%s: %s free on %s; building all images may need more", p.What, size, path))
			default:
				out = append(out, well("%s: %s free on %s", p.What, size, path))
			}
		}
		return out
	}}
}

// existing is path, or the nearest directory above it that there is.
func existing(path string) string {
	for path != filepath.Dir(path) {
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			return path
		}
		path = filepath.Dir(path)
	}
	return path
}

// quote is a path in a command that can be pasted.
func quote(path string) string {
	if strings.ContainsAny(path, " '\"$\\`*?(){}[]<>|&;~#") {
		return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
	}
	return path
}
