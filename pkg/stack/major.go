package stack

import (
	"context"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/engine"
)

// MajorError is a database of another major version than the image's, which can neither read nor upgrade it.
type MajorError struct {
	Container string
	Volume    string
	Has       string // of the data
	Image     engine.Ref
	Wants     string // of the image
}

func (e *MajorError) Error() string {
	return fmt.Sprintf("start database: volume %q was made by PostgreSQL %s, and image %q has %s, which cannot read it; "+
		"container %q was left as it is; go back to the Debian suite that has %s (POSTSTACK_DEBIAN_SUITE), make a backup "+
		"there (mage db:backup), and have this one restore it: mage db:restore FILE; docs/backup.md says how",
		e.Volume, e.Has, e.Image, e.Wants, e.Container, e.Has)
}

// checkMajor refuses to replace a container by one of an image whose PostgreSQL cannot read the data. The container's
// own data directory tells the one version, the packages of the image the other; where either is silent, the image's
// entrypoint is left to judge.
func (s *Stack) checkMajor(ctx context.Context, e Engine, service container.Service, c engine.Container) error {
	if c.ID == "" || service.Declares(c) || !mounts(c, s.volumeName(e.Info().Kind)) {
		return nil
	}
	img, err := e.ImageInspect(ctx, service.Spec.Image)
	if err != nil || img.ID == c.Image {
		return nil //nolint:nilerr // an image that is missing is told by who makes the container
	}
	place, err := s.declaredDatabase()
	if err != nil {
		return err
	}
	has, err := e.ContainerFile(ctx, c.ID, path.Join(dataDir(c.Env, place.data.Path), "PG_VERSION"))
	if err != nil {
		return nil //nolint:nilerr // there is no finished database
	}
	wants, err := s.majorOf(ctx, e, img.ID)
	if err != nil {
		return err
	}
	if major := strings.TrimSpace(string(has)); wants != "" && major != wants {
		return &MajorError{
			Container: c.Name, Volume: s.volumeName(e.Info().Kind), Has: major, Image: service.Spec.Image, Wants: wants,
		}
	}
	return nil
}

// mounts tells whether a container has that volume: one that a restore is about to replace has another.
func mounts(c engine.Container, volume string) bool {
	return slices.ContainsFunc(c.Mounts, func(m engine.Mount) bool { return m.Volume == volume })
}

// dataDir is where a container of the image keeps its database, whose volume is at mounted.
func dataDir(env []string, mounted string) string {
	for _, variable := range env {
		if dir, ok := strings.CutPrefix(variable, "PGDATA="); ok {
			return dir
		}
	}
	return path.Join(mounted, "data")
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
