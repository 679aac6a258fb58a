package engine

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/google/renameio/v2"
)

// workaround is a setting that makes podman run containers where it otherwise does not.
type workaround struct {
	name  string
	text  string   // for people
	signs []string // parts of error texts, in lower case, that call for it
	apply func(settings)
}

// workarounds in the order in which they are tried. Each was needed on some machine: all but the cgroup
// manager and the events on Debian 12 with podman 4.3.
func workarounds(lookRunc func() string) []workaround {
	return []workaround{
		{
			name: "runc", text: "runtime runc in place of crun",
			signs: []string{"crun", "oci runtime", "no such file or directory: oci"},
			apply: func(s settings) {
				s.set("engine", "runtime", "runc")
				if p := lookRunc(); p != "" {
					s.set("engine.runtimes", "runc", []string{p})
				}
			},
		},
		{
			name: "ulimits", text: "default ulimits lowered to this process's own hard limits",
			signs: []string{"rlimit", "ulimit"},
			apply: func(s settings) { s.set("containers", "default_ulimits", ulimits()) },
		},
		{
			name: "cgroupfs", text: "cgroup manager cgroupfs in place of systemd",
			signs: []string{"systemd", "dbus", "sd-bus", "cgroup"},
			apply: func(s settings) { s.set("engine", "cgroup_manager", "cgroupfs") },
		},
		{
			name: "events-file", text: "events to a file in place of the journal",
			signs: []string{"journal"},
			apply: func(s settings) { s.set("engine", "events_logger", "file") },
		},
	}
}

// ulimits are podman's own defaults (1048576 files, 4194304 processes) cut down to what this process may
// set: without CAP_SYS_RESOURCE in the initial name space raising a hard limit fails.
func ulimits() []string {
	var files, processes syscall.Rlimit
	const nproc = 6 // RLIMIT_NPROC on Linux; package syscall has no name for it
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files) != nil || syscall.Getrlimit(nproc, &processes) != nil {
		return []string{}
	}
	n, p := min(files.Max, 1048576), min(processes.Max, 32768)
	return []string{fmt.Sprintf("nofile=%d:%d", n, n), fmt.Sprintf("nproc=%d:%d", p, p)}
}

// base are the settings that podman always gets from us. Its API keeps a monitor process for each exec for
// five minutes, in case somebody asks for the status; we ask at once.
func baseSettings() settings {
	s := settings{}
	s.set("engine", "exit_command_delay", 10)
	return s
}

// writeConf writes a containers.conf with own settings and returns the variable that makes podman read it:
// CONTAINERS_CONF_OVERRIDE adds to the other files from 4.5 on; before, CONTAINERS_CONF replaces them, so
// they are merged into it. The file's name follows its content: containers that run on refer to it. Only its
// owner may read it, as what is merged may hold a proxy's password.
func writeConf(o Options, own settings, version string) (string, error) {
	merged, variable := settings{}, "CONTAINERS_CONF"
	files := confFiles(o.Getenv)
	if atLeast(version, 4, 5) {
		variable, files = "CONTAINERS_CONF_OVERRIDE", nil
		if theirs := o.Getenv("CONTAINERS_CONF_OVERRIDE"); theirs != "" {
			files = []string{theirs}
		}
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) && variable == "CONTAINERS_CONF" {
			continue
		}
		var theirs settings
		if err == nil {
			theirs, err = parseConf(string(data))
		}
		if err != nil {
			return "", fmt.Errorf("read podman's configuration %q: %w", file, err)
		}
		merged.merge(theirs)
	}
	merged.merge(own)
	text := merged.String()
	sum := sha256.Sum256([]byte(text))
	file := filepath.Join(o.CacheDir, "podman", hex.EncodeToString(sum[:])[:12]+".conf")
	if have, err := os.ReadFile(file); err == nil && string(have) == text && os.Chmod(file, 0o600) == nil {
		return variable + "=" + file, nil
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return "", fmt.Errorf("write podman's configuration: %w", err)
	}
	if err := renameio.WriteFile(file, []byte(text), 0o600); err != nil {
		return "", fmt.Errorf("write podman's configuration: %w", err)
	}
	return variable + "=" + file, nil
}

// confFiles lists what podman below 4.5 reads, the last one winning: CONTAINERS_CONF alone if it is set.
func confFiles(getenv func(string) string) []string {
	if own := getenv("CONTAINERS_CONF"); own != "" {
		return []string{own}
	}
	files := []string{"/usr/share/containers/containers.conf", "/etc/containers/containers.conf"}
	home := configHome(getenv)
	for _, dir := range []string{
		"/etc/containers/containers.conf.d", filepath.Join(home, "containers", "containers.conf.d"),
	} {
		parts, _ := filepath.Glob(filepath.Join(dir, "*.conf")) // the pattern is well-formed
		slices.Sort(parts)
		if strings.HasPrefix(dir, home) {
			files = append(files, filepath.Join(home, "containers", "containers.conf"))
		}
		files = append(files, parts...)
	}
	return files
}

// storageFiles lists what podman reads about where and how it stores: CONTAINERS_STORAGE_CONF alone if it is set.
// Source: containers-storage.conf(5).
func storageFiles(getenv func(string) string) []string {
	if own := getenv("CONTAINERS_STORAGE_CONF"); own != "" {
		return []string{own}
	}
	return []string{
		"/usr/share/containers/storage.conf", "/etc/containers/storage.conf",
		filepath.Join(configHome(getenv), "containers", "storage.conf"),
	}
}

// configHome is where a user's own settings are.
func configHome(getenv func(string) string) string {
	return cmp.Or(getenv("XDG_CONFIG_HOME"), filepath.Join(getenv("HOME"), ".config"))
}
