package engine

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/moby/moby/client"
)

// Layer is a step in an image's history.
type Layer struct {
	Instruction string // of the Dockerfile, as far as the engine keeps it; classic docker keeps no names of copied files
	SizeBytes   int64  // what it added; 0 for a setting
}

// ImageHistory lists the layers of an image, the oldest first, with the steps that only set something. An unknown
// image is [ErrNotFound].
func (e *Engine) ImageHistory(ctx context.Context, ref Ref) ([]Layer, error) {
	res, err := e.api.ImageHistory(ctx, string(ref))
	if err != nil {
		return nil, apiError(ctx, "read history of image", string(ref), err)
	}
	layers := make([]Layer, 0, len(res.Items))
	for _, item := range slices.Backward(res.Items) {
		text := readable(item.CreatedBy)
		if text == "" {
			text = item.Comment // of an import, which no instruction made
		}
		layers = append(layers, Layer{Instruction: text, SizeBytes: item.Size})
	}
	return layers, nil
}

// readable is what a history says about a step, as it stood in the Dockerfile. The classic builder and buildah
// write a setting as a shell's comment, "/bin/sh -c #(nop) ENV A=b", and a RUN as the shell's command, with the
// arguments of the build before it: "|1 A=b /bin/sh -c make".
func readable(createdBy string) string {
	shell := regexp.MustCompile(`^(?:\|\d+ .*?)?/bin/(?:ba)?sh (?:-[A-Za-z]+ (?:pipefail )?)*?-[A-Za-z]*c `)
	text, run := createdBy, false
	if at := shell.FindStringIndex(createdBy); at != nil {
		text, run = createdBy[at[1]:], true
	}
	if rest, nop := strings.CutPrefix(text, "#(nop)"); nop {
		text, run = rest, false
	}
	text, _ = strings.CutSuffix(strings.Join(strings.Fields(text), " "), " # buildkit")
	if run {
		return "RUN " + text
	}
	return text
}

// maxFile is how much of a file [Engine.ContainerFile] reads, in bytes.
const maxFile = 32 << 20

// ContainerFile reads a regular file of a container, which need not run. One that is not there is
// [ErrNotFound].
func (e *Engine) ContainerFile(ctx context.Context, id ContainerID, path string) ([]byte, error) {
	res, err := e.api.CopyFromContainer(ctx, string(id), client.CopyFromContainerOptions{SourcePath: path})
	if err != nil {
		return nil, apiError(ctx, "read file of container", path, err)
	}
	defer func() { _ = res.Content.Close() }()
	archive := tar.NewReader(res.Content)
	header, err := archive.Next()
	if err == nil && header.Typeflag != tar.TypeReg {
		err = errors.New("it is no regular file")
	}
	if err == nil && header.Size > maxFile {
		err = fmt.Errorf("it has %d bytes, more than %d", header.Size, maxFile)
	}
	var content []byte
	if err == nil {
		content, err = io.ReadAll(archive)
	}
	if err != nil {
		return nil, apiError(ctx, "read file of container", path, err)
	}
	return content, nil
}
