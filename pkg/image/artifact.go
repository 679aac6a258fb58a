package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/runner"
)

// fetcher brings artifacts onto this machine. What has the pinned hash is kept in CACHE/artifacts/SHA256 and
// never fetched again; nothing else gets there.
type fetcher struct {
	cache  string // the cache directory of Poststack
	local  string // directory that is asked before any source; "" is none
	root   string // the checkout, for programs that are compiled of it
	runner runner.Runner
	log    io.Writer
	delay  time.Duration // before the first repetition of a failed download
	stall  time.Duration // after which a download that stands still is given up
}

// artifacts gives the fetcher with the builder's settings.
func (b *Builder) artifacts(log io.Writer) fetcher {
	return fetcher{
		cache: b.CacheDir, local: b.ArtifactDir, root: b.Root, runner: b.Runner, log: log,
		delay: time.Second, stall: stallTimeout,
	}
}

// fetch makes sure that every artifact of d is in the cache, and gives where: target in the build context →
// file. An artifact that no source delivers is an error.
func (f fetcher) fetch(ctx context.Context, d Definition, r event.Reporter) (map[string]string, error) {
	out := map[string]string{}
	for _, a := range d.Artifacts {
		if a.program() != "" {
			file, err := f.compile(ctx, a, r)
			if err != nil {
				return nil, err
			}
			out[a.Files[0].To] = file
			continue
		}
		if err := f.fetchArtifact(ctx, a, r); err != nil {
			return nil, err
		}
		for _, file := range a.Files {
			out[file.To] = f.cached(file.SHA256)
		}
	}
	return out, nil
}

// cached is where the file with that hash is, or will be.
func (f fetcher) cached(sha256 string) string { return filepath.Join(f.cache, "artifacts", sha256) }

// fetchArtifact asks one source after the other until every file is there. What one source delivers counts,
// also when it lacks the rest.
func (f fetcher) fetchArtifact(ctx context.Context, a Artifact, r event.Reporter) error {
	if len(f.missing(a)) == 0 {
		return nil
	}
	unlock, err := lock(ctx, f.cache, "artifact-"+a.Name, func() {
		r.Step("waiting for another process that fetches " + a.Name)
	})
	if err != nil {
		return err
	}
	defer unlock()
	if err := os.MkdirAll(filepath.Join(f.cache, "artifacts"), 0o755); err != nil {
		return fmt.Errorf("fetch artifact %q: %w", a.Name, err)
	}
	var failures []error
	origins := f.origins(a, r)
	all := len(origins)
	for i := 0; i < len(origins); i++ { // those that are too slow are added at its end
		o := origins[i]
		missing := f.missing(a)
		if len(missing) == 0 {
			return nil
		}
		_, _ = fmt.Fprintf(f.log, "fetching %s %s from %s\n", a.Name, a.Version, o.name)
		err := o.get(ctx, missing, i >= all-1)
		if err != nil {
			_, _ = fmt.Fprintf(f.log, "%s: %v\n", o.name, err)
		}
		switch cause := context.Cause(ctx); {
		case cause != nil:
			return fmt.Errorf("fetch artifact %q: %w", a.Name, cause)
		case errors.Is(err, errSlow):
			r.Step(fmt.Sprintf("%s: %v; the others are asked first", o.name, err))
			origins = append(origins, o)
		case err != nil:
			failures = append(failures, fmt.Errorf("%s: %w", o.name, err))
		}
	}
	if len(f.missing(a)) == 0 {
		return nil
	}
	return a.undelivered(failures)
}

// missing lists the files of a that are not in the cache. A file there is read again every time: a damaged
// one is removed and counts as missing.
func (f fetcher) missing(a Artifact) []ArtifactFile {
	var out []ArtifactFile
	for _, file := range a.Files {
		got, err := hashFile(f.cached(file.SHA256))
		if err == nil && got == file.SHA256 {
			continue
		}
		_ = os.Remove(f.cached(file.SHA256))
		out = append(out, file)
	}
	return out
}

// origin is one place to get files from. The last one that is left is waited for, however slow it is.
type origin struct {
	name string
	get  func(ctx context.Context, missing []ArtifactFile, last bool) error
}

// origins are the local directory, if one is set, and then the sources of a in their order.
func (f fetcher) origins(a Artifact, r event.Reporter) []origin {
	var out []origin
	if f.local != "" {
		out = append(out, origin{name: f.local, get: func(_ context.Context, missing []ArtifactFile, _ bool) error {
			return f.fromLocal(a, missing)
		}})
	}
	for _, s := range a.Sources {
		out = append(out, origin{name: s.String(), get: func(ctx context.Context, missing []ArtifactFile, last bool) error {
			r.Step(fmt.Sprintf("fetching %s %s from %s", a.Name, a.Version, s))
			if s.NPM != "" {
				return f.fromNPM(ctx, s.NPM, missing)
			}
			return f.fromURL(ctx, s.URL, missing, last, r)
		}})
	}
	return out
}

// fromLocal looks into the local directory: for each file by itself (NAME/PATH, NAME/FILE or FILE) and for
// the archives that the sources would give, under the names they have there.
func (f fetcher) fromLocal(a Artifact, missing []ArtifactFile) error {
	var errs []error
	found := false
	for _, file := range missing {
		for _, name := range []string{
			path.Join(a.Name, file.Path), path.Join(a.Name, path.Base(file.Path)), path.Base(file.Path),
		} {
			local := filepath.Join(f.local, filepath.FromSlash(name))
			if info, err := os.Stat(local); err != nil || !info.Mode().IsRegular() {
				continue
			}
			found = true
			errs = append(errs, f.pick(local, name, []ArtifactFile{file}))
			break
		}
	}
	for _, s := range a.Sources {
		local := filepath.Join(f.local, s.fileName())
		if still := f.missing(Artifact{Files: missing}); len(still) > 0 && isArchive(local) {
			if _, err := os.Stat(local); err == nil {
				found = true
				errs = append(errs, f.pick(local, s.fileName(), still))
			}
		}
	}
	if !found {
		return errors.New("neither the files nor an archive of them is there")
	}
	return errors.Join(errs...)
}

// fileName is the name of the file that a source gives.
func (s Source) fileName() string {
	if s.NPM != "" {
		// npm pack writes @scope/name@1.2.3 as scope-name-1.2.3.tgz.
		at := strings.LastIndex(s.NPM, "@")
		name := strings.ReplaceAll(strings.TrimPrefix(s.NPM[:at], "@"), "/", "-")
		return name + "-" + s.NPM[at+1:] + ".tgz"
	}
	file, _, _ := strings.Cut(path.Base(s.URL), "?")
	return file
}

// undelivered lists every source's failure, and how to do without them.
func (a Artifact) undelivered(failures []error) error {
	text := fmt.Sprintf("fetch artifact %q %s: no source has it:", a.Name, a.Version)
	for _, err := range failures {
		text += "\n  " + strings.ReplaceAll(err.Error(), "\n", "\n    ")
	}
	var names []string
	for _, source := range a.Sources {
		names = append(names, source.fileName())
	}
	return errors.New(text + "\nwithout these sources: put " + strings.Join(names, " or ") +
		" into a directory, and name it in POSTSTACK_ARTIFACTS")
}

// matches tells whether a pattern names a file of the artifact, or a directory above one.
func (a Artifact) matches(pattern string) bool {
	for _, f := range a.Files {
		for name := f.To; name != "."; name = path.Dir(name) {
			if ok, err := path.Match(pattern, name); err == nil && ok {
				return true
			}
		}
	}
	return false
}
