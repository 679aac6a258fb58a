package image

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"
)

// maxArtifactBytes is the size above which a file in an archive is refused.
const maxArtifactBytes = 1 << 30

// isArchive tells by its name whether files are to be looked for inside file.
func isArchive(file string) bool {
	return strings.HasSuffix(file, ".tar.gz") || strings.HasSuffix(file, ".tgz") || strings.HasSuffix(file, ".zip")
}

// pick takes the wanted files out of an archive, or takes file itself when it is none, into the cache. name
// is what the archive is called where it came from. Files whose hash is wrong stay out, and so do all when a
// wanted path fits two of the archive's.
func (f fetcher) pick(file, name string, wanted []ArtifactFile) (err error) {
	p := &picker{fetcher: f, name: name, wanted: wanted, got: map[int]string{}}
	defer func() { err = errors.Join(err, p.finish(err)) }()
	switch {
	case !isArchive(name):
		if len(wanted) != 1 {
			return fmt.Errorf("%s is one file, %d are wanted of it", name, len(wanted))
		}
		return p.takePlain(file)
	case strings.HasSuffix(name, ".zip"):
		return p.walkZip(file)
	default:
		return p.walkTar(file)
	}
}

// picker collects the wanted files of one archive and puts them into the cache at the end.
type picker struct {
	fetcher
	name    string
	wanted  []ArtifactFile
	got     map[int]string // place in wanted → path in the archive
	pending []*renameio.PendingFile
	errs    []error
}

func (p *picker) takePlain(file string) error {
	in, err := os.Open(filepath.Clean(file))
	if err != nil {
		return err
	}
	defer in.Close()
	p.got[0] = p.name
	return p.take(in, p.name, p.wanted[0])
}

func (p *picker) walkTar(file string) error {
	in, err := os.Open(filepath.Clean(file))
	if err != nil {
		return err
	}
	defer in.Close()
	unzipped, err := gzip.NewReader(in)
	if err != nil {
		return fmt.Errorf("read %s: %w", p.name, err)
	}
	archive := tar.NewReader(unzipped)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", p.name, err)
		}
		if header.Typeflag == tar.TypeReg {
			if err := p.entry(header.Name, func() (io.ReadCloser, error) { return io.NopCloser(archive), nil }); err != nil {
				return err
			}
		}
	}
}

func (p *picker) walkZip(file string) error {
	archive, err := zip.OpenReader(file)
	if err != nil {
		return fmt.Errorf("read %s: %w", p.name, err)
	}
	defer archive.Close()
	for _, entry := range archive.File {
		if entry.Mode().IsRegular() {
			if err := p.entry(entry.Name, entry.Open); err != nil {
				return err
			}
		}
	}
	return nil
}

// entry takes a file of the archive if its path ends like one that is wanted.
func (p *picker) entry(path string, open func() (io.ReadCloser, error)) error {
	for i, w := range p.wanted {
		if path != w.Path && !strings.HasSuffix(path, "/"+w.Path) {
			continue
		}
		if first, ok := p.got[i]; ok {
			return fmt.Errorf("%s holds both %q and %q: which one is %q", p.name, first, path, w.Path)
		}
		p.got[i] = path
		in, err := open()
		if err != nil {
			return fmt.Errorf("read %s: %w", p.name, err)
		}
		return errors.Join(p.take(in, path, w), in.Close())
	}
	return nil
}

// take reads one file to a pending file of the cache. A wrong hash is noted; it does not end the walk.
func (p *picker) take(in io.Reader, path string, w ArtifactFile) error {
	// WithStaticPermissions: the build context links this file and needs this mode, whatever the umask.
	out, err := renameio.NewPendingFile(p.cached(w.SHA256), renameio.WithStaticPermissions(modeFile))
	if err != nil {
		return fmt.Errorf("keep %q: %w", path, err)
	}
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(out, sum), io.LimitReader(in, maxArtifactBytes+1))
	got := hex.EncodeToString(sum.Sum(nil))
	switch {
	case err != nil:
		err = fmt.Errorf("read %q of %s: %w", path, p.name, err)
	case n > maxArtifactBytes:
		err = fmt.Errorf("%q of %s is larger than %d bytes", path, p.name, maxArtifactBytes)
	case got != w.SHA256:
		p.errs = append(p.errs, fmt.Errorf("%s: sha256 of %q is %s, want %s", p.name, path, got, w.SHA256))
	default:
		p.pending = append(p.pending, out)
		return nil
	}
	return errors.Join(err, out.Cleanup())
}

// finish puts what was taken into the cache, unless the walk ended with an error, and tells what is wrong.
func (p *picker) finish(failed error) error {
	errs := p.errs
	for _, out := range p.pending {
		if failed != nil {
			errs = append(errs, out.Cleanup())
		} else {
			errs = append(errs, out.CloseAtomicallyReplace())
		}
	}
	if failed == nil {
		for i, w := range p.wanted {
			if _, ok := p.got[i]; !ok {
				errs = append(errs, fmt.Errorf("%s holds no %q", p.name, w.Path))
			}
		}
	}
	return errors.Join(errs...)
}
