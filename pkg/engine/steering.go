package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// steering lists the variables that podman and its builder obey beside their configuration files, and that their
// errors seldom mention: podman(1), buildah(1), containers.conf(5), containers-storage.conf(5),
// containers-registries.conf(5). CONTAINER_HOST and CONTAINER_CONNECTION are not among them: they choose the engine,
// see [connect].
func steering() []string {
	return []string{
		"CONTAINERS_CONF", "CONTAINERS_CONF_OVERRIDE", "CONTAINERS_STORAGE_CONF", "CONTAINERS_REGISTRIES_CONF",
		"STORAGE_DRIVER", "STORAGE_OPTS", "BUILDAH_ISOLATION", "BUILDAH_RUNTIME", "PODMAN_USERNS", "REGISTRY_AUTH_FILE",
	}
}

// Variables names what an engine and its client take from the environment. What asks the same engine at another time,
// without this environment, needs them.
func Variables() []string {
	return append(steering(),
		"PATH", "HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR",
		"DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_CERT_PATH", "DOCKER_TLS", "DOCKER_TLS_VERIFY",
		"CONTAINER_HOST", "CONTAINER_SSHKEY",
	)
}

// steered tells which of those variables are set, as NAME=value. Docker's client has none: see [unsteered].
func (o Options) steered(kind Kind) []string {
	var out []string
	if kind != Podman {
		return nil
	}
	for _, name := range steering() {
		if value := o.Getenv(name); value != "" {
			out = append(out, name+"="+value)
		}
	}
	return out
}

// withSettings adds to an engine's error what the environment tells that engine.
func (o Options) withSettings(kind Kind, reason string) string {
	set := o.steered(kind)
	if len(set) == 0 {
		return reason
	}
	return reason + " (set in the environment: " + strings.Join(set, ", ") + ")"
}

// unsteered takes docker's own variables out of the environment of its client, by making them empty. The client would
// read the engine's address, the API's version, the platform, TLS and content trust a second time there, in another
// way than the API's client here, and fail, or build for another processor, without naming the variable. Only
// DOCKER_CONFIG stays: it holds credentials and plugins.
func unsteered(environ []string) []string {
	var out []string
	for _, variable := range environ {
		name, value, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, "DOCKER_") && name != "DOCKER_CONFIG" && value != "" {
			out = append(out, name+"=")
		}
	}
	return out
}

// settingError is an engine that a setting of the user's leads astray, or that is not what its name says: installing
// one would change nothing.
type settingError struct {
	err      error
	remedy   string
	disguise bool // it is the other engine
}

func (e *settingError) Error() string { return e.err.Error() }
func (e *settingError) Unwrap() error { return e.err }

// mislead makes err one that remedy cures.
func mislead(remedy string, err error) error {
	if err == nil {
		return nil
	}
	return &settingError{err: err, remedy: remedy}
}

// remedyFor is what cures err; "" is installing an engine.
func (o Options) remedyFor(err error) string {
	if setting, ok := errors.AsType[*settingError](err); ok {
		return setting.remedy
	}
	file, ok := errors.AsType[*fs.PathError](err)
	if ok && file.Op != "fork/exec" { // a directory that cannot be used is no engine's fault
		setting := "HOME, XDG_RUNTIME_DIR or TMPDIR, whichever it is in,"
		if within(file.Path, o.CacheDir) || within(o.CacheDir, file.Path) {
			setting = "POSTSTACK_CACHE_DIR"
		}
		return fmt.Sprintf("let this user use %s, with room in it, or set %s to another directory", file.Path, setting)
	}
	return ""
}
