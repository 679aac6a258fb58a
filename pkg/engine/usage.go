package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"

	"github.com/moby/moby/client"
)

// VolumeUsage returns how many bytes of the disk a volume takes: blocks, as du counts them. It reads the
// volume's directory where this user may, and otherwise asks the engine, which looks at every volume.
func (e *Engine) VolumeUsage(ctx context.Context, name string) (int64, error) {
	v, err := e.VolumeInspect(ctx, name)
	if err != nil {
		return 0, err
	}
	bytes, err := diskUsage(ctx, v.Mountpoint)
	if err == nil {
		return bytes, nil
	}
	if ctx.Err() != nil {
		return 0, apiError(ctx, "measure volume", name, err)
	}
	return e.askUsage(ctx, name)
}

// diskUsage sums the blocks of every file below dir, a hard-linked one once. What vanishes meanwhile does
// not count.
func diskUsage(ctx context.Context, dir string) (int64, error) {
	var total int64
	seen := map[uint64]bool{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return vanished(p, dir, err)
		}
		info, err := d.Info()
		if err != nil {
			return vanished(p, dir, err)
		}
		st, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			return errors.New("this system tells no block counts")
		}
		if st.Nlink > 1 && !d.IsDir() {
			if seen[st.Ino] {
				return nil
			}
			seen[st.Ino] = true
		}
		total += st.Blocks * 512
		return nil
	})
	return total, err
}

func vanished(p, dir string, err error) error {
	if p != dir && errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// askUsage takes the engine's word.
func (e *Engine) askUsage(ctx context.Context, name string) (int64, error) {
	res, err := e.api.DiskUsage(ctx, client.DiskUsageOptions{Volumes: true, Verbose: true})
	if err != nil {
		return 0, apiError(ctx, "measure volume", name, err)
	}
	for _, v := range res.Volumes.Items {
		if v.Name == name && v.UsageData != nil && v.UsageData.Size >= 0 {
			return v.UsageData.Size, nil
		}
	}
	return 0, fmt.Errorf("measure volume %q: the engine does not tell its size", name)
}
