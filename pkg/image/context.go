package image

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/poststack/poststack/pkg/engine/dockerfile"
)

// contextFile is a file or a link of a build context. Owner, times and the finer permissions are left out: they
// differ between checkouts.
type contextFile struct {
	path   string // slash-separated, relative to the context
	mode   fs.FileMode
	source string // where its content is now; "" for a link
	link   string // target of a symbolic link
	meant  bool   // .dockerignore says by its whole name that it belongs into the image
}

// The modes that a staged file can have.
const (
	modeFile       fs.FileMode = 0o644
	modeExecutable fs.FileMode = 0o755
)

// sources lists what the COPY and ADD instructions of name take from its folder, and what the image hands on to those
// that stand on it.
func (c *Catalogue) sources(name string, suite Suite) ([]dockerfile.Source, dockerfile.Image) {
	d, ok := c.byName[name]
	if !ok {
		return nil, dockerfile.Image{}
	}
	args, others := d.expandArgs(suite), map[string]string{string(LatestRef(d.Parent)): d.Parent}
	args[baseArg] = string(LatestRef(d.Parent))
	for arg, stage := range d.Stages {
		args[arg] = string(LatestRef(stage))
		others[args[arg]] = stage
	}
	return c.files[name].Sources(args, func(ref string) dockerfile.Image {
		_, image := c.sources(others[ref], suite)
		return image
	})
}

// buildContext is what a builder gets of an image's folder.
type buildContext struct {
	files []contextFile // sorted by path
	// hidden tells that the Dockerfile is for the builder only: no COPY sees it, because .dockerignore names it.
	hidden bool
}

// context reads the folder of an image: the Dockerfile, and what its instructions take. Sockets and the like are left
// out, and so are empty directories: git does not carry them, so that they would make checkouts differ.
//
// It goes by the Dockerfile and not by the folder, so that what nothing takes can neither break a build nor cause one.
func (c *Catalogue) context(name string, suite Suite) (buildContext, error) {
	d := c.byName[name]
	fail := func(err error) (buildContext, error) {
		return buildContext{}, fmt.Errorf("read build context %q: %w", name, err)
	}
	root, err := os.OpenRoot(d.Dir)
	if err != nil {
		return fail(err)
	}
	defer root.Close()
	skip, err := newSkipped(d.Dir)
	if err != nil {
		return fail(err)
	}
	r := contextReader{root: root, dir: d.Dir, skip: skip, found: map[string]contextFile{}}
	if err := r.add(dockerfileName, 0); err != nil {
		return fail(err)
	}
	sources, _ := c.sources(name, suite)
	for _, s := range sources {
		if err := r.source(s, d.Artifacts); err != nil {
			return buildContext{}, fmt.Errorf("%s:%d: %s: %w", d.file(dockerfileName), s.Line, s.Text, err)
		}
	}
	out := buildContext{files: slices.Collect(maps.Values(r.found))}
	slices.SortFunc(out.files, func(a, b contextFile) int { return cmp.Compare(a.path, b.path) })
	out.hidden, err = skip.match(dockerfileName)
	return out, err
}

// contextReader collects the files of one build context.
type contextReader struct {
	root  *os.Root
	dir   string
	skip  *skipped
	found map[string]contextFile
}

// leftOutError is why nothing was taken.
type leftOutError string

func (e leftOutError) Error() string { return string(e) }

// source takes what s names. Where in doubt it takes more than the builder will: of a name with wildcards in it also
// the file that is called so, and of what cannot be known everything.
func (r *contextReader) source(s dockerfile.Source, artifacts []Artifact) error {
	pattern := strings.TrimPrefix(path.Clean("/"+s.Pattern), "/")
	if !s.Known || pattern == "" {
		return ignore[leftOutError](r.take(".", 0))
	}
	names, err := fs.Glob(r.root.FS(), pattern)
	if err != nil {
		return err
	}
	if _, err := r.root.Lstat(pattern); err == nil && !slices.Contains(names, pattern) {
		names = append(names, pattern)
	}
	taken := slices.ContainsFunc(artifacts, func(a Artifact) bool { return a.matches(pattern) })
	var why error = leftOutError("nothing in the image's folder is called that")
	for _, name := range names {
		switch err := r.take(name, 0); {
		case err == nil:
			taken = true
		case ignore[leftOutError](err) != nil:
			return err
		default:
			why = err
		}
	}
	if taken || strings.ContainsAny(pattern, `*?[\`) {
		return nil // of names with wildcards the builders want one of all that an instruction has
	}
	return why
}

// ignore gives err, unless it is an E.
func ignore[E error](err error) error {
	if _, ok := errors.AsType[E](err); ok {
		return nil
	}
	return err
}

// maxLinks is how many links may lead from one to the next, as in the kernel (path_resolution(7)).
const maxLinks = 40

// take adds what is called name: a file, or all that is below a directory. A link on the way, or at its end, is
// followed, as the builders do for what an instruction names; links further down go into the image as they are.
// The error is a [leftOutError] if there is nothing to add.
func (r *contextReader) take(name string, links int) error {
	parts := strings.Split(name, "/")
	for i := range parts {
		at := path.Join(parts[:i+1]...)
		info, err := r.root.Lstat(at)
		if errors.Is(err, fs.ErrNotExist) {
			return leftOutError(fmt.Sprintf("%q is not in the image's folder", at))
		}
		if err != nil {
			return err
		}
		if skip, err := r.skip.match(at); err != nil {
			return err
		} else if skip && (!info.IsDir() || !r.skip.exceptions()) {
			return leftOutError(fmt.Sprintf("%q is left out: by %s, or as what no image needs", at, ignoreName))
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			continue
		}
		if err := r.add(at, info.Mode()); err != nil {
			return err
		}
		if links == maxLinks {
			return leftOutError(fmt.Sprintf("link %q leads to itself", at))
		}
		next := path.Join(path.Dir(at), r.found[at].link)
		if !filepath.IsLocal(next) || path.IsAbs(r.found[at].link) {
			return leftOutError(fmt.Sprintf("link %q leads out of the image's folder, to %q", at, r.found[at].link))
		}
		return r.take(path.Join(append([]string{next}, parts[i+1:]...)...), links+1)
	}
	return r.below(name)
}

// below adds name and, if it is a directory, what is in it.
func (r *contextReader) below(name string) error {
	empty := true
	err := fs.WalkDir(r.root.FS(), name, func(at string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		skip, err := r.skip.match(at)
		switch {
		case err != nil:
			return err
		case skip && entry.IsDir() && !r.skip.exceptions(): // what a pattern with ! takes back may lie below
			return fs.SkipDir
		case skip, !entry.Type().IsRegular() && entry.Type() != fs.ModeSymlink:
			return nil
		}
		empty = false
		return r.add(at, entry.Type())
	})
	if err == nil && empty {
		return leftOutError(fmt.Sprintf("%q holds no file that can go into an image", name))
	}
	return err
}

// add describes one file or link.
func (r *contextReader) add(name string, kind fs.FileMode) error {
	if _, ok := r.found[name]; ok {
		return nil
	}
	if kind&fs.ModeSymlink != 0 {
		target, err := r.root.Readlink(name)
		if err != nil {
			return err
		}
		if !filepath.IsAbs(target) && !filepath.IsLocal(path.Join(path.Dir(name), target)) {
			return fmt.Errorf("link %q leads out of the image's folder, to %q", name, target)
		}
		r.found[name] = contextFile{path: name, mode: fs.ModeSymlink | 0o777, link: target}
		return nil
	}
	info, err := r.root.Lstat(name)
	if err != nil {
		return err
	}
	mode := modeFile
	if info.Mode()&0o100 != 0 {
		mode = modeExecutable
	}
	file := contextFile{path: name, mode: mode, source: filepath.Join(r.dir, filepath.FromSlash(name))}
	if skip, err := coreDump(file); err != nil || skip {
		return err
	}
	file.meant = slices.Contains(r.skip.meant, name)
	r.found[name] = file
	return file.checkName()
}
