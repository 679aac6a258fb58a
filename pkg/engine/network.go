package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

	"github.com/poststack/poststack/pkg/session"
)

// NetworkCreate makes a bridge network on which containers find each other by name and alias. A name that
// is taken, also at the same moment, is [ErrConflict]: docker itself would make a second network of that name.
func (e *Engine) NetworkCreate(ctx context.Context, name string, o NetworkOptions) error {
	if _, err := e.NetworkInspect(ctx, name); err == nil {
		return fmt.Errorf("create network %q: %w", name, ErrConflict)
	}
	if err := e.guardLabels(o.Labels); err != nil {
		return fmt.Errorf("create network %q: %w", name, err)
	}
	options := client.NetworkCreateOptions{Driver: "bridge", Labels: session.WithOrigin(o.Labels, e.opts.Getenv)}
	if o.IPv6 {
		options.EnableIPv6 = &o.IPv6
	}
	made, err := AskAgain(ctx,
		func() (client.NetworkCreateResult, error) { return e.api.NetworkCreate(ctx, name, options) })
	switch {
	case err == nil && e.hasRules():
		err = dropNetworkNames(name)
	case err == nil && e.info.Kind != Podman:
		return e.takeBackSecond(ctx, name, made.ID)
	}
	return apiError(ctx, "create network", name, err)
}

// takeBackSecond removes a network that docker has just made where there is another one of its name, which somebody
// has made at the same moment: no container could use either.
func (e *Engine) takeBackSecond(ctx context.Context, name, id string) error {
	res, err := e.api.NetworkList(ctx, client.NetworkListOptions{Filters: client.Filters{}.Add("name", name)})
	if err != nil {
		return apiError(ctx, "list networks named", name, err)
	}
	same := 0
	for _, n := range res.Items { // the filter also finds what the name is a part of
		if n.Name == name {
			same++
		}
	}
	if same < 2 {
		return nil
	}
	_, err = e.api.NetworkRemove(ctx, id, client.NetworkRemoveOptions{})
	return errors.Join(fmt.Errorf("create network %q: %w", name, ErrConflict),
		unlessAbsent(apiError(ctx, "remove network", id, err)))
}

// NetworkInspect describes a network. An unknown one is [ErrNotFound], and two that docker has at the moment are
// [ErrConflict].
func (e *Engine) NetworkInspect(ctx context.Context, name string) (Network, error) {
	res, err := e.api.NetworkInspect(ctx, name, client.NetworkInspectOptions{})
	if err != nil && strings.Contains(err.Error(), "is ambiguous") {
		return Network{}, fmt.Errorf("inspect network %q: %w: %w", name, ErrConflict, err)
	}
	if err == nil && res.Network.Name != name {
		// Both engines also find a network by the beginning of its ID.
		return Network{}, fmt.Errorf("inspect network %q: %w", name, ErrNotFound)
	}
	return networkOf(res.Network.Network), apiError(ctx, "inspect network", name, err)
}

// NetworkList lists the networks that carry all of labels, which must not be empty.
func (e *Engine) NetworkList(ctx context.Context, labels map[string]string) ([]Network, error) {
	filters, err := labelFilters(labels)
	if err != nil {
		return nil, fmt.Errorf("list networks: %w", err)
	}
	res, err := e.api.NetworkList(ctx, client.NetworkListOptions{Filters: filters})
	if err != nil {
		return nil, apiError(ctx, "list networks with labels", labelText(labels), err)
	}
	var out []Network
	for _, n := range res.Items {
		if hasLabels(n.Labels, labels) {
			out = append(out, networkOf(n.Network))
		}
	}
	return out, nil
}

// NetworkRemove removes a network. One that does not exist is no error; one with containers is.
func (e *Engine) NetworkRemove(ctx context.Context, name string) error {
	if _, err := e.NetworkInspect(ctx, name); err != nil {
		return unlessAbsent(err)
	}
	_, err := e.api.NetworkRemove(ctx, name, client.NetworkRemoveOptions{})
	return unlessAbsent(apiError(ctx, "remove network", name, err))
}

// NetworkGuests lists the containers on a network, by name and in order, those that do not run included.
func (e *Engine) NetworkGuests(ctx context.Context, name string) ([]string, error) {
	res, err := e.api.ContainerList(ctx,
		client.ContainerListOptions{All: true, Filters: client.Filters{}.Add("network", name)})
	if err != nil {
		return nil, apiError(ctx, "list containers on network", name, err)
	}
	var names []string
	for _, c := range res.Items {
		if c.NetworkSettings == nil || len(c.Names) == 0 {
			continue
		}
		if _, on := c.NetworkSettings.Networks[name]; on {
			names = append(names, strings.TrimPrefix(c.Names[0], "/"))
		}
	}
	slices.Sort(names)
	return names, nil
}

func networkOf(n network.Network) Network {
	return Network{ID: n.ID, Name: n.Name, Labels: n.Labels, IPv6: n.EnableIPv6}
}
