package stack

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/docker/go-units"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/image"
)

// Images reports every image of the catalogue: its tags, size, age and digest, and whether it is current; with
// updates also what Debian has for those that are.
func (s *Stack) Images(ctx context.Context, updates bool) error {
	builder, err := s.builder(ctx)
	if err != nil {
		return s.failure("images", Unexpected, err)
	}
	images, err := builder.Images(ctx)
	if err != nil {
		return s.failure("images", Unexpected, err)
	}
	var waits map[string][]image.Update
	if updates {
		if waits, err = s.updates(ctx, s.Sink.For("images")); err != nil {
			return s.failure("images", Unexpected, err)
		}
	}
	report := event.Report{Header: []string{"image", "state", "digest", "tags", "size", "age", "id"}, Data: images}
	if updates {
		report.Header = append(report.Header, "updates")
	}
	for n, i := range images {
		row := []string{i.Name, "not built", "", "", "", "", ""}
		if i.Built {
			row = []string{
				i.Name, "current", i.InputDigest.Short(), tags(i.Tags), units.HumanSize(float64(i.SizeBytes)),
				units.HumanDuration(time.Since(*i.Created)), shortID(string(i.ID)),
			}
		}
		if i.Built && !i.Current {
			row[1] = "outdated"
		}
		if of, asked := waits[i.Name]; asked {
			images[n].Updates = &of
			row = append(row, waiting(of))
		} else if updates {
			row = append(row, "")
		}
		report.Rows = append(report.Rows, row)
	}
	s.Sink.Result(report)
	return nil
}

// tags are the tags of an image without the name that they share.
func tags(refs []engine.Ref) string {
	names := make([]string, 0, len(refs))
	for _, ref := range refs {
		names = append(names, string(ref[strings.LastIndexByte(string(ref), ':')+1:]))
	}
	return strings.Join(names, ", ")
}

// updates asks Debian for newer packages of the images that are current. Those that are not built are left out.
func (s *Stack) updates(ctx context.Context, r event.Reporter) (found map[string][]image.Update, err error) {
	e, err := s.engine(ctx)
	if err != nil {
		return nil, err
	}
	spec, err := s.askingForUpdates(ctx, e)
	if err != nil || spec.Image == "" {
		return nil, err
	}
	r.Step("asking Debian for updates")
	err = idle(ctx, e, baseImage, spec, func(id engine.ContainerID) error {
		res, err := e.ContainerExec(ctx, id, engine.ExecSpec{Command: []string{"bash", "-c", image.AskForUpdates}})
		if err == nil && res.Code != 0 {
			err = fmt.Errorf("ask Debian for updates: %s", strings.TrimSpace(res.Stderr))
		}
		found = image.ParseUpdates(res.Stdout)
		return err
	})
	return found, err
}

// askingForUpdates is a container of the base image that has what dpkg says of each image; without an image if the base
// is not built.
func (s *Stack) askingForUpdates(ctx context.Context, e Engine) (engine.ContainerSpec, error) {
	spec := engine.ContainerSpec{User: "root", HostNetwork: true, Env: map[string]string{}}
	images, err := s.catalogue()
	if err != nil {
		return spec, err
	}
	for _, name := range []string{"http_proxy", "https_proxy", "no_proxy"} {
		if value := s.Getenv(name); value != "" {
			spec.Env[name] = value
		}
	}
	for _, name := range images.Names() {
		ref, err := s.imageRef(name)
		if err != nil {
			return spec, err
		}
		status, err := fileOf(ctx, e, engine.ContainerSpec{Image: ref}, dpkgStatus)
		if errors.Is(err, engine.ErrNotFound) {
			continue
		}
		if err != nil {
			return spec, err
		}
		if name == baseImage {
			spec.Image = ref
		}
		spec.Files = append(spec.Files, engine.File{Path: image.UpdatesStatus + name, Mode: 0o644, Content: status})
	}
	return spec, nil
}

// waiting says how many updates there are.
func waiting(updates []image.Update) string {
	if len(updates) == 0 {
		return "none"
	}
	security := 0
	for _, u := range updates {
		if u.Security {
			security++
		}
	}
	text := count(len(updates), "update")
	if security > 0 {
		text += fmt.Sprintf(", %d of security", security)
	}
	return text
}

// LookForUpdates has the builds of this run take nothing from a cache for the images that Debian has updates for. All
// images stand on Debian's own: where it has some for one that stands on nothing else, all are built anew. It does
// nothing unless that was asked for.
func (s *Stack) LookForUpdates(ctx context.Context) error {
	if asked, _ := ctx.Value(buildKey{}).(BuildOptions); !asked.Renew {
		return nil
	}
	return s.run(ctx, "updates", BuildWork, func(ctx context.Context, r event.Reporter) (ended, error) {
		found, err := s.updates(ctx, r)
		if err != nil {
			return ended{}, err
		}
		images, err := s.catalogue()
		if err != nil {
			return ended{}, err
		}
		s.renew = map[string]bool{}
		all, told := false, []string{}
		for _, name := range images.Names() {
			if len(found[name]) == 0 {
				continue
			}
			s.renew[name] = true
			all = all || len(images.Parents(name)) == 0
			told = append(told, name+": "+waiting(found[name]))
		}
		for _, name := range images.Names() {
			s.renew[name] = s.renew[name] || all
		}
		if len(told) == 0 {
			return ended{Outcome: event.Unchanged, Text: "Debian has none for the images that are built"}, nil
		}
		return ended{Outcome: event.Passed, Text: strings.Join(told, "; ")}, nil
	})
}
