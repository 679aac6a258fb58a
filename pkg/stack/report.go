package stack

import (
	"context"
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"time"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/inventory"
	"github.com/poststack/poststack/pkg/runner"
)

// Inventory looks at what there is: the images by layer and package, the database and its schema, the services and
// what they serve, the versions in use. It builds nothing and starts no database. What cannot be looked at is a line
// of its Problems, not an error, unless the run is told to end.
func (s *Stack) Inventory(ctx context.Context) (inventory.Inventory, error) {
	inv := inventory.Inventory{Taken: time.Now(), Stack: s.Config.Stack}
	problem := func(err error) {
		if err != nil {
			inv.Problems = append(inv.Problems, s.Secrets.Redact(oneLine(err)))
		}
	}
	e, err := s.engine(ctx)
	if err == nil {
		info := e.Info()
		inv.Versions = append(inv.Versions, inventory.Version{
			Of: string(info.Kind), Version: info.Version, From: "the engine, storage driver " + info.StorageDriver,
		})
		inv.Images, err = s.imagesInDetail(ctx, e)
	}
	problem(err)
	problem(s.databaseFacts(ctx, &inv))
	problem(s.hostingFacts(ctx, &inv))
	s.shippedVersions(&inv)
	return inv, context.Cause(ctx)
}

// imagesInDetail looks into every image of the catalogue.
func (s *Stack) imagesInDetail(ctx context.Context, e Engine) ([]inventory.Image, error) {
	builder, err := s.builder(ctx)
	if err != nil {
		return nil, err
	}
	found, err := builder.Images(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]inventory.Image, 0, len(found))
	for _, i := range found {
		view := inventory.Image{
			Name: i.Name, Description: i.Description, ID: string(i.ID), Current: i.Current, SizeBytes: i.SizeBytes,
		}
		if def, err := builder.Catalogue.Get(i.Name); err == nil {
			view.Parent = def.Parent
		}
		if i.Built {
			view.Created = *i.Created
			if err := s.contents(ctx, e, &view, out); err != nil {
				return nil, err
			}
		}
		out = append(out, view)
	}
	return out, nil
}

// contents fills in the layers and packages of an image, and which of them its parent has too, which is among
// earlier.
func (s *Stack) contents(ctx context.Context, e Engine, view *inventory.Image, earlier []inventory.Image) error {
	history, err := e.ImageHistory(ctx, engine.Ref(view.ID))
	if err != nil {
		return err
	}
	list, err := s.packages(ctx, e, engine.ImageID(view.ID))
	if err != nil {
		return err
	}
	var parent inventory.Image
	if at := slices.IndexFunc(earlier, func(i inventory.Image) bool { return i.Name == view.Parent }); at >= 0 {
		parent = earlier[at]
	}
	for _, layer := range history {
		if layer.SizeBytes <= 0 {
			continue
		}
		l := inventory.Layer{Instruction: s.Secrets.Redact(layer.Instruction), SizeBytes: layer.SizeBytes}
		n := len(view.Layers)
		l.Inherited = n < len(parent.Layers) && parent.Layers[n].SizeBytes == l.SizeBytes &&
			parent.Layers[n].Instruction == l.Instruction
		view.Layers = append(view.Layers, l)
	}
	for _, p := range list {
		p.Inherited = slices.ContainsFunc(parent.Packages, func(of inventory.Package) bool {
			return of.Name == p.Name && of.Version == p.Version
		})
		view.Packages = append(view.Packages, p)
	}
	return nil
}

// databaseFacts fills in what the database and its schema are, as status and schema:status find it.
func (s *Stack) databaseFacts(ctx context.Context, inv *inventory.Inventory) error {
	inv.Schema.Changelog, inv.Schema.State = s.Config.Schema.Changelog, "not known: the database does not answer"
	status, err := s.status(ctx)
	inv.Services = s.servicesFacts(status.Services)
	inv.Database = inventory.Database{
		URL: status.Database, Answers: s.Secrets.Redact(status.Answers), VolumeBytes: status.VolumeBytes,
	}
	if err != nil || status.Answers != "yes" {
		return err
	}
	target, err := s.Target(ctx)
	if err != nil {
		return err
	}
	server, err := s.sessions.Look(ctx, target)
	if err != nil {
		return err
	}
	inv.Database.Encoding, inv.Database.TLS = server.Encoding, server.TLS
	if status.Certificate != nil {
		inv.Database.TLS += ", certificate: " + status.Certificate.String()
	}
	inv.Database.User, inv.Database.Latency = server.User, server.Latency.Round(time.Microsecond)
	inv.Versions = append(inv.Versions,
		inventory.Version{Of: "PostgreSQL", Version: server.Version, From: "the running server"})
	state, err := s.readSchema(ctx)
	if err != nil {
		inv.Schema.State = "not known"
		return err
	}
	inv.Schema.State = s.Secrets.Redact(state.String())
	if state.Problem != nil {
		inv.Schema.Problem = s.Secrets.Redact(oneLine(state.Problem))
	}
	for _, c := range slices.Concat(state.Changesets, state.Unknown) {
		inv.Schema.Changesets = append(inv.Schema.Changesets,
			inventory.Changeset{File: c.File, ID: c.ID, State: string(c.Will)})
	}
	return nil
}

// shippedVersions adds the versions of what the images hold: PostgreSQL's when no server runs, and those of the
// artifacts that the catalogue pins.
func (s *Stack) shippedVersions(inv *inventory.Inventory) {
	server := regexp.MustCompile(`^postgresql-\d+$`) // postgresql itself only depends on the one of the suite
	running := slices.ContainsFunc(inv.Versions, func(v inventory.Version) bool { return v.Of == "PostgreSQL" })
	for _, i := range inv.Images {
		at := slices.IndexFunc(i.Packages, func(p inventory.Package) bool { return server.MatchString(p.Name) })
		if i.Name == postgresImage && at >= 0 && !running {
			inv.Versions = append(inv.Versions,
				inventory.Version{Of: "PostgreSQL", Version: i.Packages[at].Version, From: "the image"})
		}
	}
	images, err := s.catalogue()
	if err != nil {
		return // whoever looked at the images has said so
	}
	for _, name := range images.Names() {
		def, err := images.Get(name)
		if err != nil {
			continue
		}
		for _, a := range def.Artifacts {
			inv.Versions = append(inv.Versions,
				inventory.Version{Of: a.Name, Version: a.Version, From: fmt.Sprintf("containers/%s/image.yaml", name)})
		}
	}
}

// oneLine is the first line of an error.
func oneLine(err error) string {
	return (&PhaseError{Err: err}).summary()
}

// openTime is how long the program that opens a browser may take: it hands the page over and ends.
const openTime = 10 * time.Second

// OpenPage shows a file in the user's browser. Where there is none to show it in, that is a warning that says
// where the file is.
func (s *Stack) OpenPage(ctx context.Context, path string) error {
	program, reason := s.opener()
	if reason == "" {
		_, err := runner.WithTimeout(s.Runner, openTime).Run(ctx, runner.Command{Program: program, Args: []string{path}})
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		if err == nil {
			return nil
		}
		reason = oneLine(err)
	}
	s.Sink.For("").Warn(fmt.Sprintf("no browser was opened: %s; the file is %s", reason, path))
	return nil
}

// opener is the program that opens files as the desktop does, or why none can.
func (s *Stack) opener() (program, reason string) {
	if runtime.GOOS == "darwin" {
		return "open", ""
	}
	if s.Getenv("DISPLAY") == "" && s.Getenv("WAYLAND_DISPLAY") == "" {
		return "", "there is no display (DISPLAY and WAYLAND_DISPLAY are empty)"
	}
	if runner.Look("xdg-open", s.Getenv("PATH")) == "" {
		return "", "xdg-open is not installed (Debian's package xdg-utils)"
	}
	return "xdg-open", ""
}
