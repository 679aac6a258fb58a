package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/runner"
	"github.com/poststack/poststack/pkg/session"
)

// bootstrapGrace is how long a cancelled mmdebstrap has to remove its root directory.
const bootstrapGrace = 30 * time.Second

// scratchPrefix begins the name of the directory that a bootstrap works in.
const scratchPrefix = "poststack-debian-"

// bootstrap makes the image that [debian.own] names with mmdebstrap, one at a time on this machine. Its
// files stay bit for bit the same as long as the package sources do. It replaces the image old; any other that has that
// name when its turn comes is as new. Nothing of it is left behind when ctx ends.
func (d debian) bootstrap(ctx context.Context, old engine.ImageID, r event.Reporter) (Base, error) {
	sources, err := d.host.sources(d.suite)
	if err != nil {
		return Base{}, err
	}
	unlock, err := lock(ctx, d.cache, "bootstrap", func() { r.Step("waiting for another process that bootstraps Debian") })
	if err != nil {
		return Base{}, err
	}
	defer unlock()
	if base, err := inspectBase(ctx, d.engine, d.own()); err != nil || base.ID != old {
		return base, err // made while we waited
	}
	if err := d.engine.Guard(); err != nil { // mmdebstrap runs for long, and does not end with a killed process
		return Base{}, fmt.Errorf("bootstrap debian: %w", err)
	}
	dir, remove, err := d.scratch()
	if err != nil {
		return Base{}, fmt.Errorf("bootstrap debian: %w", err)
	}
	defer remove()
	rootfs, err := d.debootstrap(ctx, dir, sources, r)
	if err != nil {
		return Base{}, err
	}
	r.Step(fmt.Sprintf("importing %s", d.own()))
	return d.importRootfs(ctx, rootfs)
}

// scratch makes the directory to work in. It is not in the cache directory: unprivileged, mmdebstrap works
// under other user IDs, which must reach it. A note in the cache directory tells the next run what to remove when this
// process is killed.
func (d debian) scratch() (dir string, remove func(), err error) {
	note := bootstrapNote(d.cache)
	sweepBootstrap(note)
	if dir, err = os.MkdirTemp("", session.Temp("debian")); err != nil {
		return "", nil, err
	}
	remove = func() {
		removeUnmounted(dir)
		_ = os.Remove(note)
	}
	if err := errors.Join(os.WriteFile(note, []byte(dir), 0o600), os.Chmod(dir, 0o755)); err != nil {
		remove()
		return "", nil, err
	}
	return dir, remove, nil
}

// bootstrapNote is the file that names the directory of the bootstrap under way.
func bootstrapNote(cache string) string { return filepath.Join(cache, "locks", "bootstrap.dir") }

// sweepBootstrap removes what a bootstrap has left that is not under way any more.
func sweepBootstrap(note string) {
	left, err := os.ReadFile(note)
	if err == nil && strings.HasPrefix(filepath.Base(string(left)), scratchPrefix) {
		removeUnmounted(string(left))
		_ = os.Remove(note)
	}
}

// Sweep removes what builds of processes that died have left in the cache directory, and the directory of a bootstrap
// of Debian, some 500 MB, wherever that is. Those under way are left alone.
func Sweep(cache string) {
	session.SweepTemp(filepath.Join(cache, stagingDir), "context")
	f := flock.New(filepath.Join(cache, "locks", "bootstrap.lock"))
	if free, err := f.TryLock(); err == nil && free {
		sweepBootstrap(bootstrapNote(cache))
	}
	_ = f.Close()
}

// debootstrap runs mmdebstrap in dir and gives the archive that it made.
func (d debian) debootstrap(ctx context.Context, dir string, sources []string, r event.Reporter) (string, error) {
	kept, passing := d.aptOptions(ctx)
	passing, proxies, err := proxyEnvironment(passing)
	if err != nil {
		return "", fmt.Errorf("bootstrap debian: %w", err)
	}
	list, options, temp := filepath.Join(dir, "sources.list"), filepath.Join(dir, "apt.conf"), filepath.Join(dir, "tmp")
	err = errors.Join( // for the other user IDs that mmdebstrap works under
		os.WriteFile(list, []byte(strings.Join(sources, "\n")+"\n"), 0o644),
		os.WriteFile(options, []byte(strings.Join(passing, "\n")+"\n"), 0o644),
		os.Mkdir(temp, 0o755),
		os.Chmod(temp, 0o777|os.ModeSticky),
	)
	if err != nil {
		return "", fmt.Errorf("bootstrap debian: %w", err)
	}
	rootfs := filepath.Join(dir, "rootfs.tar")
	out := io.MultiWriter(d.log, &infoLines{report: r})
	_, err = d.runner.Run(ctx, runner.Command{
		Program: "mmdebstrap",
		Args: mmdebstrapArgs(bootstrapSpec{
			suite: d.suite, rootfs: rootfs, list: list, options: options, sources: sources,
			kept: append(imageAptOptions(), kept...), mergedUsr: d.host.has(mergedUsrHooks),
		}),
		Env: append(proxies, "SOURCE_DATE_EPOCH="+strconv.FormatInt(stagedTime().Unix(), 10), "TMPDIR="+temp,
			"LC_ALL=C.UTF-8"),
		Stderr: out, Grace: bootstrapGrace,
	})
	if errors.Is(err, runner.ErrNotFound) {
		return "", errors.New("mmdebstrap is not installed")
	}
	if err != nil {
		return "", fmt.Errorf("bootstrap debian %s: %w", d.suite, tellTool(err, "E: "))
	}
	return rootfs, nil
}

// importRootfs puts the archive into the engine's store, with the settings of the official image. The time makes it
// another image than that of an equal archive on podman too: whoever waits for a new one knows it by that.
func (d debian) importRootfs(ctx context.Context, rootfs string) (Base, error) {
	f, err := os.Open(filepath.Clean(rootfs))
	if err != nil {
		return Base{}, fmt.Errorf("import debian: %w", err)
	}
	defer f.Close()
	changes := []string{
		`CMD ["bash"]`,
		`ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
		`LABEL ` + LabelImage + `=debian`,
		`LABEL ` + ocispec.AnnotationCreated + `=` + time.Now().UTC().Format(time.RFC3339),
	}
	id, err := d.engine.ImageImport(ctx, f, d.own(), changes)
	if err != nil {
		return Base{}, err
	}
	img, err := d.engine.ImageInspect(ctx, d.own())
	if err != nil {
		return Base{}, err
	}
	if img.ID != id {
		return Base{}, fmt.Errorf("import image %q: the store has %s under that name, not %s", d.own(), img.ID, id)
	}
	return Base{Ref: d.own(), ID: id}, nil
}

// infoLines reports mmdebstrap's own lines, which begin with "I: ", as steps.
type infoLines struct {
	report event.Reporter
	rest   string
}

func (w *infoLines) Write(p []byte) (int, error) {
	w.rest += string(p)
	for {
		line, rest, ok := strings.Cut(w.rest, "\n")
		if !ok {
			return len(p), nil
		}
		w.rest = rest
		if text, ok := strings.CutPrefix(line, "I: "); ok {
			w.report.Step("bootstrapping Debian: " + strings.TrimSpace(text))
		}
	}
}

// removeUnmounted removes dir with all that is in it, unless something is mounted there: a killed mmdebstrap
// could have left this machine's /dev in its root directory.
func removeUnmounted(dir string) {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil || strings.Contains(string(mounts), " "+dir+"/") {
		return
	}
	_ = os.RemoveAll(dir)
}
