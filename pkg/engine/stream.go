package engine

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/client"
)

// maxExecOutput is how much of each of an exec's stdout and stderr is kept, in bytes.
const maxExecOutput = 8 << 20

// ContainerExec runs a command in a running container and waits for it. A command that ends with another
// status than 0 is no error. When ctx ends first the call returns; the API has no way to end the command.
func (e *Engine) ContainerExec(ctx context.Context, id ContainerID, spec ExecSpec) (ExecResult, error) {
	created, err := e.api.ExecCreate(ctx, string(id), client.ExecCreateOptions{
		Cmd: spec.Command, User: spec.User, Env: EnvList(spec.Env),
		AttachStdout: true, AttachStderr: true,
	})
	if err != nil {
		return ExecResult{}, apiError(ctx, "exec in container", string(id), err)
	}
	stdout, stderr := &capped{max: maxExecOutput}, &capped{max: maxExecOutput}
	if err := e.attach(ctx, created.ID, stdout, stderr); err != nil {
		return ExecResult{}, apiError(ctx, "exec in container", string(id), err)
	}
	code, err := e.execCode(ctx, created.ID)
	if err != nil {
		return ExecResult{}, apiError(ctx, "exec in container", string(id), err)
	}
	return ExecResult{Code: code, Stdout: stdout.String(), Stderr: stderr.String()}, nil
}

// attach starts an exec and copies its output until it closes it.
func (e *Engine) attach(ctx context.Context, exec string, stdout, stderr io.Writer) error {
	res, err := e.api.ExecAttach(ctx, exec, client.ExecAttachOptions{})
	if err != nil {
		return err
	}
	defer res.Close()
	stop := context.AfterFunc(ctx, res.Close)
	defer stop()
	if _, err := stdcopy.StdCopy(stdout, stderr, res.Reader); err != nil && ctx.Err() == nil {
		return err
	}
	return ctx.Err()
}

// execCode asks until the exec has ended: its output may close a moment earlier.
func (e *Engine) execCode(ctx context.Context, exec string) (int, error) {
	for wait := time.Millisecond; ; wait = min(2*wait, 100*time.Millisecond) {
		res, err := e.api.ExecInspect(ctx, exec, client.ExecInspectOptions{})
		if err != nil || !res.Running {
			return res.ExitCode, err
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(wait):
		}
	}
}

// ContainerCopyTo puts files into a container, running or not, replacing what has the same path. Parents
// that are missing are made; those that exist keep their owner and mode.
func (e *Engine) ContainerCopyTo(ctx context.Context, id ContainerID, files []File) error {
	return e.copyTo(ctx, id, files, "")
}

// copyTo is ContainerCopyTo, to directories below one that is there if it is not "".
func (e *Engine) copyTo(ctx context.Context, id ContainerID, files []File, below string) error {
	if len(files) == 0 {
		return nil
	}
	missing := map[string]bool{}
	depth := func(f File) int { return strings.Count(f.Path, "/") }
	for _, f := range slices.SortedStableFunc(slices.Values(files), func(a, b File) int { return depth(a) - depth(b) }) {
		if !path.IsAbs(f.Path) || path.Clean(f.Path) != f.Path {
			return fmt.Errorf("copy %q to container %q: the path is not absolute and clean", f.Path, id)
		}
		if below != "" {
			for dir := path.Dir(f.Path); within(dir, below); dir = path.Dir(dir) {
				missing[dir] = dir != below
			}
			continue
		}
		if err := e.missingParents(ctx, id, f.Path, missing); err != nil {
			return err
		}
	}
	archive, err := fileArchive(files, missing)
	if err != nil {
		return fmt.Errorf("copy %d files to container %q: %w", len(files), id, err)
	}
	return e.copyArchives(ctx, id, archive)
}

// copyArchives sends each archive to the directory it is for.
func (e *Engine) copyArchives(ctx context.Context, id ContainerID, archives map[string]*bytes.Buffer) error {
	for dir, content := range archives {
		options := client.CopyToContainerOptions{DestinationPath: dir, Content: content}
		if _, err := e.api.CopyToContainer(ctx, string(id), options); err != nil {
			return apiError(ctx, "copy files to container", string(id), err)
		}
	}
	return nil
}

// missingParents records in missing, for every directory above file, whether it has to be made. Each question mounts
// the container's file system on podman, so none is asked whose answer follows from another's: files come with the
// shallowest first.
func (e *Engine) missingParents(ctx context.Context, id ContainerID, file string, missing map[string]bool) error {
	for dir := path.Dir(file); dir != "/"; dir = path.Dir(dir) {
		if _, known := missing[dir]; known {
			return nil
		}
		if missing[path.Dir(dir)] {
			missing[dir] = true
			return nil
		}
		_, err := e.api.ContainerStatPath(ctx, string(id), client.ContainerStatPathOptions{Path: dir})
		err = apiError(ctx, "look for directory in container", dir, err)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		missing[dir] = err != nil
		if err == nil {
			return nil
		}
	}
	return nil
}

// fileArchive packs files by the deepest directory that exists, so that a copy reaches volumes too.
func fileArchive(files []File, missing map[string]bool) (map[string]*bytes.Buffer, error) {
	out, writers, made := map[string]*bytes.Buffer{}, map[string]*tar.Writer{}, map[string]bool{}
	for _, f := range files {
		root := path.Dir(f.Path)
		var dirs []string
		for ; root != "/" && missing[root]; root = path.Dir(root) {
			dirs = append(dirs, root)
		}
		if out[root] == nil {
			out[root] = &bytes.Buffer{}
			writers[root] = tar.NewWriter(out[root])
		}
		w := writers[root]
		slices.Reverse(dirs)
		for _, d := range dirs {
			if made[d] {
				continue
			}
			made[d] = true
			if err := w.WriteHeader(&tar.Header{
				Typeflag: tar.TypeDir, Name: below(d, root) + "/", Mode: 0o755, Format: tar.FormatPAX,
			}); err != nil {
				return nil, err
			}
		}
		head := &tar.Header{
			Typeflag: tar.TypeReg, Name: below(f.Path, root), Mode: f.Mode & 0o7777, Uid: f.UID, Gid: f.GID,
			Size: int64(len(f.Content)), ModTime: time.Now(), Format: tar.FormatPAX,
		}
		if err := w.WriteHeader(head); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.Content); err != nil {
			return nil, err
		}
	}
	for _, w := range writers {
		if err := w.Close(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// below is p relative to the directory root above it.
func below(p, root string) string { return strings.TrimPrefix(strings.TrimPrefix(p, root), "/") }

// capped keeps the first max bytes and swallows the rest.
type capped struct {
	bytes.Buffer
	max int
}

func (c *capped) Write(p []byte) (int, error) {
	if room := c.max - c.Len(); room > 0 {
		c.Buffer.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}
