package stack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/poststack/poststack/pkg/backup"
	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/database"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/image"
	"github.com/poststack/poststack/pkg/service"
)

// backedVolume is a volume of a service that a backup of everything has.
type backedVolume struct {
	image.ServiceVolume
	service string
}

// member is its name in a backup.
func (v backedVolume) member() string { return "volume-" + v.Name + ".tar.gz" }

// held is where a container has volumes that are read or filled.
const held = "/held"

func (v backedVolume) dir() string { return path.Join(held, v.Name) }

// backedVolumes are those that image.yaml files declare.
func (s *Stack) backedVolumes() (found []backedVolume, err error) {
	services, err := s.servicesHere()
	for _, d := range services {
		for _, v := range d.Service.Volumes {
			if v.Backup {
				found = append(found, backedVolume{v, d.Name})
			}
		}
	}
	return found, err
}

// holder is a container that has volumes, and nothing else to do. It is root, and so may read and make everybody's
// files.
type holder struct {
	inside
	volumes []backedVolume
	report  event.Reporter
}

// hold has one while do lasts.
func (s *Stack) hold(
	ctx context.Context, e Engine, ref engine.Ref, stack service.Stack, volumes []backedVolume, do func(holder) error,
) error {
	spec := engine.ContainerSpec{Image: ref, User: "root"}
	for _, v := range volumes {
		spec.Mounts = append(spec.Mounts, engine.Mount{Volume: stack.Volume(v.Name), Target: v.dir()})
	}
	return idle(ctx, e, postgresImage, spec, func(id engine.ContainerID) error {
		return do(holder{inside: inside{s, e, id}, volumes: volumes})
	})
}

// presentVolumes are those to back up: declared, and there.
func (b *taking) presentVolumes(ctx context.Context) (found []backedVolume, err error) {
	all, err := b.backedVolumes()
	if err != nil {
		return nil, err
	}
	stack, err := b.servicesOn(b.engine.Info().Kind)
	if err != nil {
		return nil, err
	}
	for _, v := range all {
		volume, err := b.engine.VolumeInspect(ctx, stack.Volume(v.Name))
		if errors.Is(err, engine.ErrNotFound) {
			continue
		}
		if err == nil && volume.Labels[container.LabelStack] != "" { // else people have made it, for this
			err = b.check(b.engine, "volume", volume.Name, volume.Labels)
		}
		if err != nil {
			return nil, err
		}
		found = append(found, v)
	}
	return found, nil
}

// packed prints what a directory holds. That files change or go while they are read is no failure: what has to be of
// one moment has a snapshot.
const packed = `set -o pipefail
{ tar --create --numeric-owner --exclude=./` + image.SnapshotDir + ` --directory="$1" . || [ $? -eq 1 ]; } | gzip -1`

// pack writes the volumes.
func (b *taking) pack(ctx context.Context, w *backup.Writer) error {
	if len(b.volumes) == 0 {
		return nil
	}
	stack, err := b.servicesOn(b.engine.Info().Kind)
	if err != nil {
		return err
	}
	return b.hold(ctx, b.engine, b.image, stack, b.volumes, func(h holder) error {
		for _, v := range b.volumes {
			b.report.Step("reading volume " + v.Name)
			if err := w.Member(v.member(), func(out io.Writer) error { return h.pack(ctx, v, out) }); err != nil {
				return fmt.Errorf("back up volume %q: %w", v.Name, err)
			}
		}
		return nil
	})
}

// pack writes one, from its snapshot if it has one.
func (h holder) pack(ctx context.Context, v backedVolume, out io.Writer) (err error) {
	dir := v.dir()
	made, err := h.snapshot(ctx, v)
	if err != nil {
		return err
	}
	if made {
		dir = path.Join(dir, image.SnapshotDir)
		defer func() { err = errors.Join(err, h.drop(ctx, dir)) }()
	}
	return h.print(ctx, out, "bash", "-c", packed, "bash", dir)
}

// drop removes a snapshot, for as long as that takes; not so long after an interrupt: the next one removes it, too.
func (h holder) drop(ctx context.Context, dir string) error {
	if ctx.Err() != nil {
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeTime)
		defer cancel()
		ctx = limited
	}
	_, err := h.engine.ContainerExec(ctx, h.id, engine.ExecSpec{Command: []string{"rm", "-rf", dir}})
	return err
}

// snapshot has the service make it, if it runs: nobody writes to the volume otherwise.
func (h holder) snapshot(ctx context.Context, v backedVolume) (made bool, err error) {
	if len(v.Snapshot) == 0 {
		return false, nil
	}
	c, err := h.serviceContainer(ctx, h.engine, v.service)
	if err != nil || c.State != engine.Running {
		return false, err
	}
	res, err := h.engine.ContainerExec(ctx, c.ID, engine.ExecSpec{Command: v.Snapshot})
	if err == nil && res.Code != 0 {
		err = errors.New(service.Ending(res))
	}
	if err != nil {
		return false,
			fmt.Errorf("run %s in the container of %s, which mage services:start makes anew if it is of an older image: %w",
				service.CommandText(v.Snapshot), v.service, err)
	}
	return true, nil
}

// unpack fills the volume that a member of a backup is of.
func (h holder) unpack(ctx context.Context, member string, r io.Reader) error {
	for _, v := range h.volumes {
		if v.member() == member {
			h.report.Step("filling volume " + v.Name)
			return h.read(ctx, r, "tar", "--extract", "--gzip", "--preserve-permissions",
				"--numeric-owner", "--directory="+v.dir())
		}
	}
	return nil
}

// UnmatchedData is what a restored volume and the restored database do not both know.
type UnmatchedData struct {
	Volume string   `json:"volume"`
	What   string   `json:"what"`  // "mailbox without account"
	Names  []string `json:"names"` // directories below the volume's path
}

// unmatched compares the directories of volumes with the rows that they belong to.
func (h holder) unmatched(ctx context.Context, target database.Target) (found []UnmatchedData, err error) {
	conn, err := target.Connect(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	for _, v := range h.volumes {
		if v.Rows == nil {
			continue
		}
		var list bytes.Buffer
		const directories = `cd "$1" && for d in $2; do [ ! -d "$d" ] || printf '%s\n' "$d"; done`
		if err := h.print(ctx, &list, "bash", "-c", directories, "bash", v.dir(), v.Rows.Directories); err != nil {
			return nil, err
		}
		rows, _ := conn.Query(ctx, v.Rows.SQL) // its error is that of the rows
		wanted, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return nil, fmt.Errorf("compare volume %q with the database: %w", v.Name, err)
		}
		there := strings.FieldsFunc(list.String(), func(r rune) bool { return r == '\n' })
		found = append(found,
			UnmatchedData{v.Name, v.Rows.Each + " without " + v.Rows.Of, without(there, wanted)},
			UnmatchedData{v.Name, v.Rows.Of + " without " + v.Rows.Each, without(wanted, there)})
	}
	return slices.DeleteFunc(found, func(u UnmatchedData) bool { return len(u.Names) == 0 }), nil
}

// without are those of some that are not among others.
func without(some, others []string) []string {
	others = slices.Sorted(slices.Values(others))
	return slices.DeleteFunc(slices.Sorted(slices.Values(some)), func(name string) bool {
		_, among := slices.BinarySearch(others, name)
		return among
	})
}
