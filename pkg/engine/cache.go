package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/renameio/v2"
	"github.com/moby/moby/client"
)

const (
	// probeVersion changes when the probe asks for more than before: what passed the old one is probed again.
	probeVersion = "2"
	// probeAge is for how long an outcome is believed.
	probeAge = 30 * 24 * time.Hour
	// probesKept is how many outcomes are kept, those used last: a cache directory may serve several machines.
	probesKept = 8
)

// remembered is the outcome of a probe.
type remembered struct {
	Key   string
	At    time.Time
	Facts facts
}

// cacheKey stands for the machine, the user, the engine's version and its configuration. Docker's daemon is
// asked for its version (1 ms); podman is not (1 s on Debian), its program's file tells.
func (e *Engine) cacheKey(ctx context.Context) (string, error) {
	host, _ := os.Hostname()                             // "" is as good a name as any
	machine, _ := os.ReadFile("/etc/machine-id")         // absent in containers
	boot, _ := os.ReadFile("/proc/sys/kernel/osrelease") // absent elsewhere than on Linux
	parts := []string{
		probeVersion, host, string(machine), string(boot), fmt.Sprint(os.Getuid()), fingerprint(e.cli.program),
		strings.Join(e.cli.global, " "),
	}
	if e.info.Kind == Docker {
		v, err := e.api.ServerVersion(ctx, client.ServerVersionOptions{})
		if err != nil {
			return "", fmt.Errorf("ask docker for its version: %w", err)
		}
		for _, part := range v.Components {
			if part.Name == "Podman Engine" {
				return "", disguised(fmt.Errorf("%s is podman %s, not docker", e.at, v.Version))
			}
		}
		parts = append(parts, v.Version,
			fingerprint(filepath.Join(e.opts.Getenv("HOME"), ".docker", "cli-plugins", "docker-buildx")))
	} else {
		for _, p := range []string{"crun", "runc", "conmon", "fuse-overlayfs"} {
			parts = append(parts, fingerprint(e.opts.look(p)))
		}
		files := append(confFiles(e.opts.Getenv), e.opts.Getenv("CONTAINERS_CONF_OVERRIDE"))
		for _, f := range append(files, storageFiles(e.opts.Getenv)...) {
			parts = append(parts, fingerprint(f))
		}
	}
	parts = append(parts, e.opts.steered(e.info.Kind)...)
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:]), nil
}

func (o Options) cacheFile(kind Kind) string {
	return filepath.Join(o.CacheDir, "engine-"+string(kind)+".json")
}

// recall reads the outcome of an earlier probe. What cannot be read is no outcome.
func (o Options) recall(kind Kind, key string) (facts, bool) {
	all := o.outcomes(kind)
	i := slices.IndexFunc(all, func(r remembered) bool { return r.Key == key })
	if i < 0 || time.Since(all[i].At) >= probeAge {
		return facts{}, false
	}
	found := all[i]
	if i >= probesKept/2 { // in use, so not the next to be forgotten
		_ = o.keep(kind, append([]remembered{found}, slices.Delete(all, i, i+1)...)) // not kept, it is probed again some day
	}
	return found.Facts, true
}

// remember keeps the outcome of a probe.
func (o Options) remember(kind Kind, key string, f facts) error {
	all := slices.DeleteFunc(o.outcomes(kind), func(r remembered) bool { return r.Key == key })
	if err := o.keep(kind, append([]remembered{{Key: key, At: time.Now(), Facts: f}}, all...)); err != nil {
		return fmt.Errorf("remember what works: %w", err)
	}
	return nil
}

// outcomes are those kept, the one used last first. A file that is missing or broken has none.
func (o Options) outcomes(kind Kind) []remembered {
	var all []remembered
	if data, err := os.ReadFile(o.cacheFile(kind)); err == nil {
		_ = json.Unmarshal(data, &all)
	}
	return all
}

// keep writes the first few outcomes.
func (o Options) keep(kind Kind, all []remembered) error {
	data, err := json.MarshalIndent(all[:min(len(all), probesKept)], "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(o.CacheDir, 0o755); err != nil {
		return err
	}
	return renameio.WriteFile(o.cacheFile(kind), append(data, '\n'), 0o644)
}
