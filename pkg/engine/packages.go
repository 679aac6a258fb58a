package engine

import (
	"bufio"
	"os"
	"os/user"
	"slices"
	"strings"
)

// packages are Debian packages.
type packages struct {
	needed []string // every release has them
	usual  []string // not every one, but Debian 12
	rare   []string
}

// packagesOf lists what an engine needs with --no-install-recommends.
//
// Podman: runc, since crun refuses the hybrid cgroups of Debian 12 and would be chosen otherwise. netavark
// with aardvark-dns lets containers find each other by name; podman picks its network backend at first use
// and stays with it, so they come at once (measured with 4.3: without aardvark-dns no name resolves). Where
// there is no netavark (Ubuntu 22.04), the dnsname plugin does that. Both need iptables, newer ones nftables.
// uidmap, slirp4netns (passt from podman 5 on) and fuse-overlayfs are for users who are not root.
//
// Docker: BuildKit's and the client's packages stand alone in newer releases. mmdebstrap, with uidmap for
// who is not root, makes the base image where no registry answers.
func packagesOf(kind Kind) packages {
	if kind == Docker {
		return packages{
			needed: []string{"docker.io", "iptables", "ca-certificates", "mmdebstrap", "uidmap"},
			rare:   []string{"docker-cli", "docker-buildx"},
		}
	}
	return packages{
		needed: []string{
			"podman", "runc", "iptables", "uidmap", "slirp4netns", "fuse-overlayfs", "ca-certificates", "mmdebstrap",
		},
		usual: []string{"netavark", "aardvark-dns", "nftables"},
		rare:  []string{"golang-github-containernetworking-plugin-dnsname", "passt"},
	}
}

// tools are what a base image needs where no registry answers.
func tools() packages { return packages{needed: []string{"mmdebstrap", "uidmap"}} }

// elsewhere names the packages as other distributions call them.
func elsewhere(kind Kind) string {
	if kind == Docker {
		return "Docker Engine (moby-engine or docker-ce, and its buildx plugin)"
	}
	return "podman, runc or crun, netavark, aardvark-dns, and for users who are not root passt (or slirp4netns) and " +
		"shadow-utils (newuidmap)"
}

func thisSystem(getenv func(string) string) System {
	release, _ := os.ReadFile("/etc/os-release") // without it the system has no name
	info, err := os.Stat("/run/systemd/system")
	s := System{
		Known: true, Root: os.Geteuid() == 0, Systemd: err == nil && info.IsDir(),
		Release: string(release), User: getenv("USER"),
	}
	if u, err := user.Current(); err == nil {
		s.User = u.Username
	}
	return s
}

// field reads one field of os-release.
func (s System) field(key string) string {
	lines := bufio.NewScanner(strings.NewReader(s.Release))
	for lines.Scan() {
		if k, v, ok := strings.Cut(lines.Text(), "="); ok && k == key {
			return strings.Trim(v, `"'`)
		}
	}
	return ""
}

func (s System) debian() bool {
	kin := strings.Fields(s.field("ID") + " " + s.field("ID_LIKE"))
	return slices.Contains(kin, "debian") || slices.Contains(kin, "ubuntu")
}

func (s System) name() string {
	for _, key := range []string{"PRETTY_NAME", "NAME", "ID"} {
		if v := s.field(key); v != "" {
			return v
		}
	}
	return "this system"
}
