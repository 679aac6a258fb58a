//go:build bench

package bench_test

import (
	"context"
	_ "embed"
	"fmt"
	"strconv"
	"strings"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/image"
)

//go:embed testdata/contents.py
var contentsScript string

// contents tell what the bytes of the images are, once: they are the same on every engine.
func (s *site) contents(ctx context.Context) ([]Content, error) {
	var all []Content
	base, err := s.files(ctx, "base-debian")
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"base-debian", "postgres", "liquibase"} {
		img, err := s.engine.ImageInspect(ctx, image.LatestRef(name))
		if err != nil {
			return nil, err
		}
		files, err := s.files(ctx, name)
		if err != nil {
			return nil, err
		}
		c := Content{Image: name, Bytes: img.SizeBytes}
		shared, rest := int64(0), img.SizeBytes
		var own []Part
		for part, size := range files {
			rest -= size
			if name != "base-debian" {
				inherited := min(size, base[part])
				shared, size = shared+inherited, size-inherited
			}
			if size > 0 {
				own = append(own, Part{Name: part, Bytes: size})
			}
		}
		if shared > 0 {
			c.Parts = append(c.Parts, Part{Name: "base-debian, shared", Bytes: shared})
		}
		c.Parts = append(append(c.Parts, Largest(own, 12)...),
			Part{Name: "replaced or removed by a later layer, and the layers themselves", Bytes: rest})
		all = append(all, c)
	}
	return all, nil
}

// files sums up the files of an image by what they belong to.
func (s *site) files(ctx context.Context, name string) (map[string]int64, error) {
	id, err := s.engine.ContainerCreate(ctx, engine.ContainerSpec{
		Image: image.LatestRef(name), Entrypoint: []string{"sleep"}, Command: []string{"infinity"}, User: "root",
		Labels: container.DisposableLabels(),
	})
	if err != nil {
		return nil, err
	}
	defer func() { _ = s.engine.ContainerRemove(context.WithoutCancel(ctx), id) }()
	if err := s.engine.ContainerStart(ctx, id); err != nil {
		return nil, err
	}
	res, err := s.engine.ContainerExec(ctx, id,
		engine.ExecSpec{Command: []string{"python3", "-c", contentsScript}, User: "root"})
	if err == nil && res.Code != 0 {
		err = fmt.Errorf("read files of image %q: exit status %d: %s", name, res.Code, res.Stderr)
	}
	if err != nil {
		return nil, err
	}
	files := map[string]int64{}
	for line := range strings.Lines(res.Stdout) {
		size, part, _ := strings.Cut(strings.TrimSpace(line), "\t")
		if files[part], err = strconv.ParseInt(size, 10, 64); err != nil {
			return nil, fmt.Errorf("read files of image %q: %w", name, err)
		}
	}
	return files, nil
}
