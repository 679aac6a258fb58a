package stack

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/engine"
)

// MajorError is a database of another major version than the image's, which can neither read nor upgrade it.
type MajorError struct {
	Volume string
	Has    string // of the data
	Image  engine.Ref
	Wants  string // of the image
}

func (e *MajorError) Error() string {
	remedy := fmt.Sprintf("take it to %s with mage db:upgrade, or go back", e.Wants)
	if older(e.Wants, e.Has) {
		remedy = "no version goes back by itself (mage db:upgrade -back does after an upgrade): go on"
	}
	return fmt.Sprintf("start database: volume %q was made by PostgreSQL %s, and image %q has %s, which cannot read it; "+
		"all was left as it is; %s to the Debian suite that has %s (POSTSTACK_DEBIAN_SUITE)",
		e.Volume, e.Has, e.Image, e.Wants, remedy, e.Has)
}

// older tells whether one major version is before another.
func older(one, other string) bool {
	a, _ := strconv.Atoi(one)
	b, _ := strconv.Atoi(other)
	return a < b
}

// checkMajor refuses to replace a container by one of an image whose PostgreSQL cannot read the data. Where the
// version of either is silent, the image's entrypoint is left to judge.
func (s *Stack) checkMajor(ctx context.Context, e Engine, service container.Service, c engine.Container) error {
	if service.Declares(c) || c.ID != "" && !mounts(c, s.volumeName(e.Info().Kind)) {
		return nil
	}
	img, err := e.ImageInspect(ctx, service.Spec.Image)
	if err != nil || img.ID == c.Image {
		return nil //nolint:nilerr // an image that is missing is told by who makes the container
	}
	has, wants, err := s.majors(ctx, e, c, service.Spec.Image)
	if err != nil || has == "" || wants == "" || has == wants {
		return err
	}
	return &MajorError{
		Volume: s.volumeName(e.Info().Kind), Has: has, Image: service.Spec.Image, Wants: wants,
	}
}

// majors are the major version of the data, and that of the image of a container that is to serve them; "" is none,
// or one that cannot be told. A container's own data directory tells the one, the packages of the image the other.
func (s *Stack) majors(
	ctx context.Context, e Engine, c engine.Container, ref engine.Ref,
) (has, wants string, err error) {
	place, err := s.declaredDatabase()
	if err != nil {
		return "", "", err
	}
	img, err := e.ImageInspect(ctx, ref)
	if err != nil {
		return "", "", err
	}
	version := path.Join(cmp.Or(variable(c.Env, "PGDATA"), path.Join(place.data.Path, "data")), "PG_VERSION")
	volume := s.volumeName(e.Info().Kind)
	var text []byte
	if c.ID != "" && mounts(c, volume) {
		text, err = e.ContainerFile(ctx, c.ID, version)
	} else if _, none := e.VolumeInspect(ctx, volume); none == nil {
		on := engine.Mount{Volume: volume, Target: place.data.Path, ReadOnly: true}
		text, err = fileOf(ctx, e, engine.ContainerSpec{Image: ref, Mounts: []engine.Mount{on}}, version)
	}
	if err != nil || len(text) == 0 {
		return "", "", nil //nolint:nilerr // there is no finished database
	}
	wants, err = s.majorOf(ctx, e, img.ID)
	return strings.TrimSpace(string(text)), wants, err
}

// mounts tells whether a container has that volume: one that a restore is about to replace has another.
func mounts(c engine.Container, volume string) bool {
	return slices.ContainsFunc(c.Mounts, func(m engine.Mount) bool { return m.Volume == volume })
}

// variable is the value of a variable of a container; "" if it has none.
func variable(env []string, name string) string {
	for _, pair := range env {
		if value, ok := strings.CutPrefix(pair, name+"="); ok {
			return value
		}
	}
	return ""
}

// majorOf is the major version of an image's PostgreSQL; "" if it is not Debian's.
func (s *Stack) majorOf(ctx context.Context, e Engine, id engine.ImageID) (string, error) {
	list, err := s.packages(ctx, e, id)
	if err != nil {
		return "", err
	}
	server := regexp.MustCompile(`^postgresql-(\d+)$`)
	for _, p := range list {
		if m := server.FindStringSubmatch(p.Name); m != nil {
			return m[1], nil
		}
	}
	return "", nil
}
