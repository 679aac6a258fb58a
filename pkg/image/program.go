package image

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"go/build"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/runner"
)

// goTimeout is the time that the compiler has for one program.
const goTimeout = 10 * time.Minute

// program gives the package that the artifact is built of; "" if it is downloaded.
func (a Artifact) program() string {
	if len(a.Sources) == 0 {
		return ""
	}
	return a.Sources[0].Go
}

// goPackage is how a package of the checkout is written.
var goPackage = regexp.MustCompile(`^\./[a-z0-9][a-z0-9_./-]*$`)

// isProgram tells whether a folder is the source of a program that images are made with, and no image itself.
func isProgram(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "main.go"))
	return err == nil
}

// programDigest identifies what a program of the checkout is compiled of: the sources that it needs, and the versions
// of all modules. No compiler is asked, since every command wants to know it. Neither does the compiler's version
// count, as that of Debian's packages does not.
func programDigest(root, pkg string) (string, error) {
	h := digester{sha256.New()}
	module, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		return "", err
	}
	found := regexp.MustCompile(`(?m)^module\s+(\S+)`).FindSubmatch(module)
	if found == nil {
		return "", errors.New("go.mod has no module line")
	}
	sums, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		return "", err
	}
	h.add("modules", string(module), string(sums))
	files := map[string]string{}
	if err := sourcesOf(root, string(found[1]), path.Clean(pkg), files, map[string]bool{}); err != nil {
		return "", err
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		content, err := hashFile(files[name])
		if err != nil {
			return "", err
		}
		h.add("source", name, content)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// sourcesOf collects the files of a package and of those of the module that it imports: name → file.
func sourcesOf(root, module, pkg string, files map[string]string, seen map[string]bool) error {
	if seen[pkg] {
		return nil
	}
	seen[pkg] = true
	target := build.Default
	target.GOOS, target.GOARCH, target.CgoEnabled, target.Compiler = "linux", runtime.GOARCH, false, "gc"
	dir := filepath.Join(root, filepath.FromSlash(pkg))
	p, err := target.ImportDir(dir, 0)
	if err != nil {
		return fmt.Errorf("read package %q: %w", pkg, err)
	}
	names := slices.Concat(p.GoFiles, p.SFiles, p.HFiles)
	for _, pattern := range p.EmbedPatterns {
		found, err := filepath.Glob(filepath.Join(dir, filepath.FromSlash(pattern)))
		if err != nil {
			return fmt.Errorf("read package %q: %w", pkg, err)
		}
		for _, name := range found {
			names = append(names, strings.TrimPrefix(name, dir+string(filepath.Separator)))
		}
	}
	for _, name := range names {
		files[path.Join(pkg, filepath.ToSlash(name))] = filepath.Join(dir, name)
	}
	for _, imported := range p.Imports {
		if inside, ours := strings.CutPrefix(imported, module+"/"); ours {
			if err := sourcesOf(root, module, inside, files, seen); err != nil {
				return err
			}
		}
	}
	return nil
}

// compile builds a program of the checkout, and gives the file. It needs nothing of the image's system, and is the same
// on every machine that has the same compiler.
func (f fetcher) compile(ctx context.Context, a Artifact, r event.Reporter) (string, error) {
	fail := func(err error) (string, error) {
		return "", fmt.Errorf("build artifact %q of %s: %w", a.Name, a.program(), err)
	}
	digest, err := programDigest(f.root, a.program())
	if err != nil {
		return fail(err)
	}
	unlock, err := lock(ctx, f.cache, "artifact-"+a.Name, func() {
		r.Step("waiting for another process that builds " + a.Name)
	})
	if err != nil {
		return "", err
	}
	defer unlock()
	dir := filepath.Join(f.cache, "programs", a.Name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fail(err)
	}
	removeOld(dir)
	r.Step("compiling " + a.Name)
	file := filepath.Join(dir, digest)
	args := []string{
		"build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -buildid=", "-o", file + ".new", a.program(),
	}
	compiler := runner.WithTimeout(f.runner, goTimeout)
	_, err = compiler.Run(ctx, runner.Command{
		Program: "go", Args: args, Dir: f.root, Stdout: f.log, Stderr: f.log,
		Env: []string{"CGO_ENABLED=0", "GOOS=linux", "GOARCH=" + runtime.GOARCH, "GOWORK=off"},
	})
	if errors.Is(err, runner.ErrNotFound) {
		err = fmt.Errorf("%w: put Go's own bin directory into PATH", err)
	}
	if err != nil {
		return fail(tellTool(err, "go: "))
	}
	if err := os.Rename(file+".new", file); err != nil {
		return fail(err)
	}
	return file, nil
}

// removeOld removes programs that were compiled more than a day ago: what is being built into an image stays.
func removeOld(dir string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > 24*time.Hour {
			_ = os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}
