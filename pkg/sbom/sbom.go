// Package sbom lists what an image is made of, as a bill of materials in CycloneDX's format.
// Source: https://cyclonedx.org/specification/overview/, and for the names of packages
// https://github.com/package-url/purl-spec.
package sbom

import (
	"bytes"
	"debug/buildinfo"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/CycloneDX/cyclonedx-go"
	"github.com/package-url/packageurl-go"

	"github.com/poststack/poststack/pkg/image"
	"github.com/poststack/poststack/pkg/inventory"
)

// Image is one that has been built.
type Image struct {
	Name      string
	ID        string
	Created   time.Time
	Release   []byte              // os-release(5)
	Packages  []inventory.Package // that dpkg has as installed
	Artifacts []image.Artifact    // of its own definition, and of those that it stands on
	Stages    []Image             // that it has files of
	// Program reads a program that was compiled for the image, by the artifact's name.
	Program func(name string) ([]byte, error)
}

// Of lists what an image is made of: Debian's packages, what was fetched for it, each file with its checksum, the
// modules that Go programs are linked from, as the programs say it themselves, and likewise the images that it has
// files of.
func Of(i Image) (*cyclonedx.BOM, error) {
	components, err := i.components()
	if err != nil {
		return nil, err
	}
	bom := cyclonedx.NewBOM()
	bom.Metadata = &cyclonedx.Metadata{
		Timestamp: i.Created.UTC().Format(time.RFC3339),
		Component: &cyclonedx.Component{Type: cyclonedx.ComponentTypeContainer, Name: i.Name, Version: i.ID},
	}
	bom.Components = &components
	return bom, nil
}

// codename is the suite's name in os-release(5).
var codename = regexp.MustCompile(`(?m)^VERSION_CODENAME="?([a-z]+)"?$`)

// components are what an image is made of, in the order of their names.
func (i Image) components() ([]cyclonedx.Component, error) {
	var all []cyclonedx.Component
	suite := ""
	if found := codename.FindSubmatch(i.Release); found != nil {
		suite = string(found[1])
	}
	for _, p := range i.Packages {
		all = append(all, debian(p, suite))
	}
	for _, a := range i.Artifacts {
		more, err := artifact(a, i.Program)
		if err != nil {
			return nil, fmt.Errorf("list artifact %q of image %q: %w", a.Name, i.Name, err)
		}
		all = append(all, more...)
	}
	for _, stage := range i.Stages {
		parts, err := stage.components()
		if err != nil {
			return nil, err
		}
		all = append(all, cyclonedx.Component{
			Type: cyclonedx.ComponentTypeContainer, Name: stage.Name, Version: stage.ID, BOMRef: stage.ID, Components: &parts,
		})
	}
	slices.SortFunc(all, func(a, b cyclonedx.Component) int { return strings.Compare(a.BOMRef, b.BOMRef) })
	return slices.CompactFunc(all, func(a, b cyclonedx.Component) bool { return a.BOMRef == b.BOMRef }), nil
}

// debian is a package; security trackers know it by the name of its source.
func debian(p inventory.Package, suite string) cyclonedx.Component {
	qualifiers := packageurl.Qualifiers{{Key: "arch", Value: p.Architecture}, {Key: "distro", Value: suite}}
	if p.Source != "" {
		qualifiers = append(qualifiers, packageurl.Qualifier{Key: "upstream", Value: p.Source})
	}
	return component(cyclonedx.ComponentTypeLibrary, p.Name, p.Version,
		packageurl.NewPackageURL(packageurl.TypeDebian, "debian", p.Name, p.Version, qualifiers, ""))
}

// artifact is what was fetched or compiled for an image.
func artifact(a image.Artifact, read func(string) ([]byte, error)) ([]cyclonedx.Component, error) {
	if len(a.Sources) == 1 && a.Sources[0].Go != "" {
		program, err := read(a.Name)
		if err != nil {
			return nil, err
		}
		return modules(a.Name, program)
	}
	whole := component(cyclonedx.ComponentTypeApplication, a.Name, a.Version,
		packageurl.NewPackageURL(packageurl.TypeGeneric, "", a.Name, a.Version, nil, ""))
	var files []cyclonedx.Component
	for _, f := range a.Files {
		files = append(files, cyclonedx.Component{
			Type: cyclonedx.ComponentTypeFile, Name: path.Base(f.To), BOMRef: f.SHA256,
			Hashes: &[]cyclonedx.Hash{{Algorithm: cyclonedx.HashAlgoSHA256, Value: f.SHA256}},
		})
	}
	whole.Components = &files
	return []cyclonedx.Component{whole}, nil
}

// modules are a Go program and what it is linked from, as the compiler noted in it.
func modules(name string, program []byte) ([]cyclonedx.Component, error) {
	info, err := buildinfo.Read(bytes.NewReader(program))
	if err != nil {
		return nil, err
	}
	all := []cyclonedx.Component{
		component(cyclonedx.ComponentTypeApplication, name, info.Main.Version,
			packageurl.NewPackageURL(packageurl.TypeGolang, path.Dir(info.Path), name, "", nil, "")),
		component(cyclonedx.ComponentTypeLibrary, "std", info.GoVersion,
			packageurl.NewPackageURL(packageurl.TypeGolang, "", "std", strings.TrimPrefix(info.GoVersion, "go"), nil, "")),
	}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		all = append(all, component(cyclonedx.ComponentTypeLibrary, m.Path, m.Version,
			packageurl.NewPackageURL(packageurl.TypeGolang, path.Dir(m.Path), path.Base(m.Path), m.Version, nil, "")))
	}
	return all, nil
}

func component(kind cyclonedx.ComponentType, name, version string, url *packageurl.PackageURL) cyclonedx.Component {
	return cyclonedx.Component{
		Type: kind, Name: name, Version: version, PackageURL: url.ToString(), BOMRef: url.ToString(),
	}
}
