package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/volume"
	"github.com/moby/moby/client"

	"github.com/poststack/poststack/pkg/session"
)

// VolumeCreate makes a named volume. One that exists is left as it is, with its labels.
func (e *Engine) VolumeCreate(ctx context.Context, name string, labels map[string]string) error {
	if err := e.guardLabels(labels); err != nil {
		return fmt.Errorf("create volume %q: %w", name, err)
	}
	_, err := e.api.VolumeCreate(ctx,
		client.VolumeCreateOptions{Name: name, Labels: session.WithOrigin(labels, e.opts.Getenv)})
	err = apiError(ctx, "create volume", name, err)
	if errors.Is(err, ErrConflict) {
		return nil
	}
	return err
}

// VolumeInspect describes a volume. An unknown one is [ErrNotFound].
func (e *Engine) VolumeInspect(ctx context.Context, name string) (Volume, error) {
	res, err := e.api.VolumeInspect(ctx, name, client.VolumeInspectOptions{})
	if err == nil && res.Volume.Name != name {
		// Podman 4.3 also finds a volume by the beginning of its name.
		return Volume{}, fmt.Errorf("inspect volume %q: %w", name, ErrNotFound)
	}
	return volumeOf(res.Volume), apiError(ctx, "inspect volume", name, err)
}

// VolumeList lists the volumes that carry all of labels, which must not be empty.
func (e *Engine) VolumeList(ctx context.Context, labels map[string]string) ([]Volume, error) {
	filters, err := labelFilters(labels)
	if err != nil {
		return nil, fmt.Errorf("list volumes: %w", err)
	}
	res, err := e.api.VolumeList(ctx, client.VolumeListOptions{Filters: filters})
	if err != nil {
		return nil, apiError(ctx, "list volumes with labels", labelText(labels), err)
	}
	var out []Volume
	for _, v := range res.Items {
		if hasLabels(v.Labels, labels) {
			out = append(out, volumeOf(v))
		}
	}
	return out, nil
}

// VolumeRemove removes a volume and what is in it. One that does not exist is no error; one in use is.
func (e *Engine) VolumeRemove(ctx context.Context, name string) error {
	if _, err := e.VolumeInspect(ctx, name); err != nil {
		return unlessAbsent(err)
	}
	_, err := e.api.VolumeRemove(ctx, name, client.VolumeRemoveOptions{})
	return unlessAbsent(apiError(ctx, "remove volume", name, err))
}

func volumeOf(v volume.Volume) Volume {
	return Volume{Name: v.Name, Labels: v.Labels, Mountpoint: v.Mountpoint}
}

// labelFilters refuses an empty selection: it would select everybody's objects.
func labelFilters(labels map[string]string) (client.Filters, error) {
	if len(labels) == 0 {
		return nil, errors.New("no label to select by")
	}
	f := client.Filters{}
	for k, v := range labels {
		f.Add("label", k+"="+v)
	}
	return f, nil
}

// hasLabels compares exactly, whatever an engine's own filter took for a match.
func hasLabels(have, want map[string]string) bool {
	for k, v := range want {
		if got, ok := have[k]; !ok || got != v {
			return false
		}
	}
	return true
}

func labelText(labels map[string]string) string {
	parts := make([]string, 0, len(labels))
	for k, v := range labels {
		parts = append(parts, k+"="+v)
	}
	slices.Sort(parts)
	return strings.Join(parts, ",")
}
