package stack

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/textproto"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/CycloneDX/cyclonedx-go"
	"github.com/google/renameio/v2"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/inventory"
	"github.com/poststack/poststack/pkg/sbom"
)

const (
	dpkgStatus   = "/var/lib/dpkg/status" // where Debian keeps what is installed
	keepPackages = 30                     // how many images' lists stay in the cache
)

// packages lists the Debian packages of an image, the largest first. An image's list never changes: it is kept
// in the cache by the image's ID.
func (s *Stack) packages(ctx context.Context, e Engine, id engine.ImageID) ([]inventory.Package, error) {
	dir := filepath.Join(s.Config.CacheDir, "packages")
	path := filepath.Join(dir, strings.TrimPrefix(string(id), "sha256:")+".json")
	var list []inventory.Package
	whole := func() bool { return len(list) == 0 || list[0].Architecture != "" } // lists once had no architecture
	if text, err := os.ReadFile(path); err == nil && json.Unmarshal(text, &list) == nil && whole() {
		return list, nil
	}
	status, err := fileOf(ctx, e, engine.ContainerSpec{Image: engine.Ref(id)}, dpkgStatus)
	if err != nil && !errors.Is(err, engine.ErrNotFound) { // an image without dpkg has no packages
		return nil, err
	}
	list = installed(status)
	text, err := json.Marshal(list)
	if err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	if err == nil {
		err = renameio.WriteFile(path, text, 0o644)
	}
	if err != nil {
		return nil, fmt.Errorf("keep packages of image %q: %w", id, err)
	}
	return list, pruneOldest(dir, keepPackages)
}

// fileOf reads a file of an image or a volume, from a container that is made for that and never started.
func fileOf(
	ctx context.Context, e Engine, spec engine.ContainerSpec, path string,
) (content []byte, err error) {
	spec.Labels = container.DisposableLabels()
	err = made(ctx, e, spec, func(id engine.ContainerID) (err error) {
		content, err = e.ContainerFile(ctx, id, path)
		return err
	})
	return content, err
}

// installed reads dpkg's status file: the packages that are installed, the largest first.
// Source: deb-control(5), Installed-Size is in units of 1024 bytes; dpkg-query(1), the third word of Status.
func installed(status []byte) []inventory.Package {
	var list []inventory.Package
	paragraphs := textproto.NewReader(bufio.NewReader(bytes.NewReader(status)))
	for err := error(nil); err == nil; {
		var p textproto.MIMEHeader
		p, err = paragraphs.ReadMIMEHeader()
		if p.Get("Package") == "" || !strings.HasSuffix(p.Get("Status"), " installed") {
			continue
		}
		kib, _ := strconv.ParseInt(p.Get("Installed-Size"), 10, 64)
		list = append(list, inventory.Package{
			Name: p.Get("Package"), Version: p.Get("Version"), Architecture: p.Get("Architecture"),
			// its version is in parentheses if it is another one
			Source:    strings.TrimSuffix(strings.Replace(p.Get("Source"), " (", "@", 1), ")"),
			SizeBytes: max(kib, 0) << 10,
		})
	}
	slices.SortStableFunc(list, func(a, b inventory.Package) int { return int(min(max(b.SizeBytes-a.SizeBytes, -1), 1)) })
	return list
}

// pruneOldest leaves the last keep files in dir.
func pruneOldest(dir string, keep int) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("read cache %q: %w", dir, err)
	}
	age := func(e os.DirEntry) time.Time {
		if info, err := e.Info(); err == nil {
			return info.ModTime()
		}
		return time.Time{} // it is gone already
	}
	slices.SortStableFunc(entries, func(a, b os.DirEntry) int { return age(b).Compare(age(a)) })
	for _, e := range entries[min(keep, len(entries)):] {
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("prune cache: %w", err)
		}
	}
	return nil
}

// programs is where the images put what is compiled from Go code of the checkout.
const programs = "/usr/local/bin"

// BillOfMaterials reports what the image of a folder is made of: the one that image.Builder.Present gives.
func (s *Stack) BillOfMaterials(ctx context.Context, typed string) error {
	const target = "images"
	name, err := s.imageName(typed)
	if err != nil {
		return s.refused(target, err)
	}
	e, err := s.engine(ctx)
	if err != nil {
		return s.failure(target, NoEngine, err)
	}
	of, err := s.materials(ctx, e, name)
	if errors.Is(err, engine.ErrNotFound) {
		return s.refused(target,
			badUsage("image %s, or one that it has files of, is not built: build it with mage build:all", name))
	}
	var bom *cyclonedx.BOM
	if err == nil {
		bom, err = sbom.Of(of)
	}
	var text bytes.Buffer
	if err == nil {
		err = cyclonedx.NewBOMEncoder(&text, cyclonedx.BOMFileFormatJSON).SetPretty(true).SetEscapeHTML(false).Encode(bom)
	}
	if err != nil {
		return s.failure(target, Unexpected, err)
	}
	s.Sink.Result(event.Report{Text: strings.TrimSuffix(text.String(), "\n"), Data: bom})
	return nil
}

// materials asks what an image is made of.
func (s *Stack) materials(ctx context.Context, e Engine, name string) (of sbom.Image, err error) {
	builder, err := s.builder(ctx)
	if err != nil {
		return of, err
	}
	built, _, err := builder.Present(ctx, name)
	if err != nil {
		return of, err
	}
	of = sbom.Image{Name: name, ID: string(built.ID), Created: built.Created, Program: func(name string) ([]byte, error) {
		return fileOf(ctx, e, engine.ContainerSpec{Image: engine.Ref(built.ID)}, path.Join(programs, name))
	}}
	of.Release, err = fileOf(ctx, e, engine.ContainerSpec{Image: engine.Ref(built.ID)}, "/usr/lib/os-release")
	if err != nil {
		//nolint:errorlint // a file that is not there is no image that is not there
		return of, fmt.Errorf("ask image %q for its release of Debian: %s", name, err)
	}
	if of.Packages, err = s.packages(ctx, e, built.ID); err != nil {
		return of, err
	}
	for _, from := range append([]string{name}, builder.Catalogue.Parents(name)...) {
		d, err := builder.Catalogue.Get(from)
		if err != nil {
			return of, err
		}
		of.Artifacts = append(of.Artifacts, d.Artifacts...)
	}
	for _, from := range builder.Catalogue.Stages(name) {
		stage, err := s.materials(ctx, e, from)
		if err != nil {
			return of, err
		}
		of.Stages = append(of.Stages, stage)
	}
	return of, nil
}
