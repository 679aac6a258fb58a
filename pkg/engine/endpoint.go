package engine

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
)

// defaultDockerHost is where docker listens when nobody says otherwise.
const defaultDockerHost = "unix:///var/run/docker.sock"

// address is where an engine's API is said to be, and who says so.
type address struct {
	url    string
	source string // "DOCKER_HOST", `docker context "x" of …`; "" is the default
	undo   string // what takes the setting back; "" for the default
}

// String names the address and its source.
func (a address) String() string {
	if a.source == "" {
		return a.url
	}
	return a.source + "=" + a.url
}

// silent is an address at which nothing answers. One that the user has set is not cured by installing an engine.
func (a address) silent(err error) error {
	err = fmt.Errorf("%s does not answer: %w", a, err)
	if a.source == "" {
		return err
	}
	return mislead(a.undo+", or start the engine that it names", err)
}

// dockerAddress follows docker's own order: DOCKER_HOST, DOCKER_CONTEXT, the context in config.json.
func dockerAddress(getenv func(string) string) (address, error) {
	if host := getenv("DOCKER_HOST"); host != "" {
		return address{url: host, source: "DOCKER_HOST", undo: "unset DOCKER_HOST"}, nil
	}
	dir := cmp.Or(getenv("DOCKER_CONFIG"), filepath.Join(getenv("HOME"), ".docker"))
	name, from, undo := getenv("DOCKER_CONTEXT"), "DOCKER_CONTEXT", "unset DOCKER_CONTEXT"
	if name == "" {
		file := filepath.Join(dir, "config.json")
		var config struct{ CurrentContext string }
		if err := readJSON(file, &config); err != nil {
			return address{}, mislead("mend or remove "+file+", or set DOCKER_CONFIG to another directory", err)
		}
		name, from, undo = config.CurrentContext, file, "docker context use default"
	}
	if name == "" || name == "default" {
		return address{url: defaultDockerHost}, nil
	}
	host, err := contextHost(dir, name)
	if err == nil && host == "" {
		err = fmt.Errorf("docker context %q of %s does not exist or names no docker endpoint", name, from)
	}
	if err != nil {
		return address{}, mislead(undo, err)
	}
	return address{url: host, source: fmt.Sprintf("docker context %q of %s", name, from), undo: undo}, nil
}

// contextHost reads the address of a docker context; "" if there is none.
func contextHost(dir, name string) (string, error) {
	var meta struct {
		Endpoints map[string]struct{ Host string }
	}
	sum := sha256.Sum256([]byte(name))
	file := filepath.Join(dir, "contexts", "meta", hex.EncodeToString(sum[:]), "meta.json")
	err := readJSON(file, &meta)
	return meta.Endpoints["docker"].Host, err
}

// readJSON leaves into alone when there is no such file.
func readJSON(file string, into any) error {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		return fmt.Errorf("read %q: %w", file, err)
	}
	return nil
}

// check refuses an endpoint that is not on this machine: ports are published on 127.0.0.1 of the engine's
// machine, and directories are mounted from there, so neither would be ours.
func (a address) check(getenv func(string) string) error {
	return mislead(cmp.Or(a.undo, "unset DOCKER_TLS_VERIFY and DOCKER_TLS"), a.refuse(getenv))
}

func (a address) refuse(getenv func(string) string) error {
	source := cmp.Or(a.source, "the default")
	u, err := url.Parse(a.url)
	if err != nil {
		return fmt.Errorf("%s is not an address of an engine", source)
	}
	switch u.Scheme {
	case "unix":
		return nil
	case "ssh", "tcp", "http":
		if u.Scheme == "ssh" || !isLoopback(u.Hostname()) {
			return fmt.Errorf("%s=%s://%s is an engine on another machine: its published ports are not reachable on 127.0.0.1 "+
				"here; unset it or use a local socket (unix://…)", source, u.Scheme, u.Host)
		}
		if getenv("DOCKER_TLS_VERIFY") != "" || getenv("DOCKER_TLS") != "" {
			return fmt.Errorf("%s=%s://%s with TLS is not supported; use the engine's local socket (unix://…)",
				source, u.Scheme, u.Host)
		}
		return nil
	default:
		return fmt.Errorf("%s has the scheme %q; supported are unix:// and, on this machine, tcp://", source, u.Scheme)
	}
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}
