package image

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/dockerfile"
)

// The files of an image's folder that the builder itself reads.
const (
	definitionName = "image.yaml"
	dockerfileName = "Dockerfile"
	ignoreName     = ".dockerignore"
)

// Repository is where the images are kept: localhost/poststack/NAME. With a registry's name in front, podman
// never asks which registry is meant.
const Repository = "localhost/poststack"

// Catalogue is every image there is. It does not change after [LoadCatalogue].
type Catalogue struct {
	root   string // the checkout: programs are compiled of it
	byName map[string]Definition
	files  map[string]dockerfile.File
	names  []string // parents first
	// services are the images that run one, in an order in which they can be started.
	services []string
}

// LoadCatalogue reads image.yaml and Dockerfile of every folder in dir, which is the checkout's containers
// directory. The error joins everything that is wrong, each with its file and line: unknown keys, wrong
// types, missing values, unknown parents, cycles, Dockerfiles that only one builder understands. A folder with a Go
// program in it is no image.
func LoadCatalogue(dir string) (*Catalogue, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read the images: %w", err)
	}
	c := &Catalogue{root: filepath.Dir(dir), byName: map[string]Definition{}, files: map[string]dockerfile.File{}}
	var errs []error
	for _, e := range entries {
		if !e.IsDir() || strings.HasPrefix(e.Name(), ".") || isProgram(filepath.Join(dir, e.Name())) {
			continue
		}
		d, file, err := loadDefinition(dir, e.Name())
		if err != nil {
			errs = append(errs, err)
			continue
		}
		c.byName[d.Name], c.files[d.Name] = d, file
	}
	if len(errs) == 0 {
		errs = append(errs, c.sort(filepath.Base(dir)))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return c, nil
}

// loadDefinition reads one folder of dir.
func loadDefinition(dir, name string) (Definition, dockerfile.File, error) {
	var file dockerfile.File
	folder := filepath.Join(dir, name)
	p := &problems{file: filepath.ToSlash(filepath.Join(filepath.Base(dir), name, definitionName))}
	if !regexp.MustCompile(`^[a-z0-9]+([._-][a-z0-9]+)*$`).MatchString(name) {
		p.add(0, "the folder's name %q cannot be an image's: use lower-case letters, digits and '-'", name)
	}
	data, err := os.ReadFile(filepath.Join(folder, definitionName))
	if errors.Is(err, fs.ErrNotExist) {
		p.add(0, "is missing: every folder here is an image")
		return Definition{}, file, p.err()
	}
	if err != nil {
		return Definition{}, file, fmt.Errorf("read image %q: %w", name, err)
	}
	d := Definition{Name: name, Dir: folder}
	if root := decode(data, &d, p); root != nil && len(p.list) == 0 {
		d.validate(root, p)
		if len(p.list) == 0 {
			d.Service.checkSources(folder, root, p)
		}
	}
	stages := keys(d.Stages)
	docker := &problems{file: filepath.ToSlash(filepath.Join(filepath.Base(dir), name, dockerfileName))}
	text, err := os.ReadFile(filepath.Join(folder, dockerfileName))
	if err != nil {
		docker.add(0, "cannot be read: %w", err)
	} else {
		file = checkDockerfile(text, stages, docker)
	}
	if err := errors.Join(p.err(), docker.err()); err != nil {
		return Definition{}, file, err
	}
	return d, file, nil
}

// sort orders the names, parents first and otherwise by name, and refuses unknown parents and cycles.
func (c *Catalogue) sort(base string) error {
	var errs []error
	for _, name := range keys(c.byName) {
		parent := c.byName[name].Parent
		if _, ok := c.byName[parent]; parent != "" && !ok {
			errs = append(errs,
				fmt.Errorf("%s/%s/%s: unknown parent %q%s", base, name, definitionName, parent, suggest(parent, keys(c.byName))))
		}
		errs = append(errs, c.checkStages(base, name)...)
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	var rest []string
	c.names, rest = order(keys(c.byName), func(name string) []string {
		return slices.DeleteFunc(append(c.Stages(name), c.byName[name].Parent), func(s string) bool { return s == "" })
	})
	if len(rest) > 0 {
		return c.cycle(base, rest[0])
	}
	return c.sortServices(base)
}

// checkStages tells which images that name takes files from cannot be such images.
func (c *Catalogue) checkStages(base, name string) (errs []error) {
	for _, stage := range c.Stages(name) {
		d, ok := c.byName[stage]
		switch {
		case !ok:
			errs = append(errs, fmt.Errorf("%s/%s/%s: unknown image %q in stages%s",
				base, name, definitionName, stage, suggest(stage, keys(c.byName))))
		case d.Parent != "" || len(d.Stages) > 0:
			errs = append(errs, fmt.Errorf("%s/%s/%s: %q in stages stands on other images: only one that stands on Debian "+
				"itself can be built beside the parent", base, name, definitionName, stage))
		}
	}
	return errs
}

// cycle names the images that stand on each other, of which name is one or stands on one.
func (c *Catalogue) cycle(base, name string) error {
	path := []string{name}
	for {
		name = c.byName[name].Parent
		if i := slices.Index(path, name); i >= 0 {
			path = append(path[i:], name)
			return fmt.Errorf("%s/%s/%s: images stand on each other: %s", base, name, definitionName, strings.Join(path, " → "))
		}
		path = append(path, name)
	}
}

// Names lists every image, parents before their children and stages before those that take files from them.
func (c *Catalogue) Names() []string { return slices.Clone(c.names) }

// Get gives the definition of an image; the error of an unknown one names the nearest known one.
func (c *Catalogue) Get(name string) (Definition, error) {
	d, ok := c.byName[name]
	if !ok {
		return Definition{}, fmt.Errorf("unknown image %q%s", name, suggest(name, keys(c.byName)))
	}
	return d, nil
}

// Parents lists what name stands on, the nearest first; Debian itself is not among them.
func (c *Catalogue) Parents(name string) []string {
	var out []string
	for p := c.byName[name].Parent; p != ""; p = c.byName[p].Parent {
		out = append(out, p)
	}
	return out
}

// Stages lists the images that name takes files from, sorted. They stand on Debian itself, and so can be built while
// name's parent is.
func (c *Catalogue) Stages(name string) []string {
	return slices.Compact(slices.Sorted(maps.Values(c.byName[name].Stages)))
}

// LatestRef is the reference for people: it names the image that was built last.
func LatestRef(name string) engine.Ref { return engine.Ref(Repository + "/" + name + ":latest") }

// DigestRef is the reference for code: it names the image with exactly these inputs.
func DigestRef(name string, d InputDigest) engine.Ref {
	return engine.Ref(Repository + "/" + name + ":" + d.Short())
}
