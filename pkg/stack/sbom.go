package stack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/CycloneDX/cyclonedx-go"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/sbom"
)

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
