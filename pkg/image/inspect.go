package image

import (
	"errors"
	"io/fs"
	"os"
	"strings"
)

// Mirrors gives the addresses of the package lists that a build of the base fetches, as this machine's own package
// sources have them. It is empty where there are none of Debian's.
func Mirrors(suite Suite) []string {
	lines, err := host{root: "/"}.sources(suite)
	if err != nil {
		return nil
	}
	var out []string
	for _, line := range lines { // deb [options] URI SUITE COMPONENTS…
		if f := strings.Fields(line); len(f) > 3 {
			out = append(out, strings.TrimSuffix(f[2], "/")+"/dists/"+f[3]+"/InRelease")
		}
	}
	return out
}

// CachedFile is a file of an artifact, and what the cache has of it.
type CachedFile struct {
	Artifact string // with its version
	Path     string // in the cache
	There    bool
	Whole    bool // it has the pinned hash
}

// CachedFiles looks for every artifact of every image that is downloaded in the cache directory, and changes nothing
// there.
func (c *Catalogue) CachedFiles(cacheDir string) ([]CachedFile, error) {
	var out []CachedFile
	for _, name := range c.names {
		for _, a := range c.byName[name].Artifacts {
			if a.program() != "" {
				continue
			}
			for _, file := range a.Files {
				f := CachedFile{Artifact: a.Name + " " + a.Version, Path: fetcher{cache: cacheDir}.cached(file.SHA256)}
				got, err := hashFile(f.Path)
				if err != nil && !errors.Is(err, fs.ErrNotExist) {
					return nil, err
				}
				f.There, f.Whole = err == nil, err == nil && got == file.SHA256
				out = append(out, f)
			}
		}
	}
	return out, nil
}

// Remove removes the file from the cache, so that the next build fetches it again.
func (f CachedFile) Remove() error { return os.Remove(f.Path) }
