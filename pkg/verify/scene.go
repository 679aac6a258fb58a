package verify

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/poststack/poststack/pkg/certificate"
	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/image"
	"github.com/poststack/poststack/pkg/secret"
	"github.com/poststack/poststack/pkg/service"
)

// cleanupTime is how long removing a scene may take after the work itself was cancelled.
const cleanupTime = 30 * time.Second

// scene is a container of the image with a network and volumes of its own.
type scene struct {
	*verification
	name     string // of the network, and what the volumes' names begin with
	box      Disposable
	cleanup  []func(context.Context) error // last first
	trust    certificate.Pair              // in its volume, if the image asks for one
	password secret.Value
	locked   map[string]string // volumes that are mounted read-only

	running []running // what was seen of it when it was ready
	open    []string
}

// prepare makes what the declared container needs. The scene must be closed also when there is an error.
func (s *scene) prepare(ctx context.Context) error {
	s.name, s.locked = "poststack-verify-"+strings.ToLower(rand.Text()[:12]), map[string]string{}
	s.later(func(ctx context.Context) error { return s.Engine.NetworkRemove(ctx, s.name) })
	if err := s.Engine.NetworkCreate(ctx, s.name,
		engine.NetworkOptions{Labels: container.DisposableLabels()}); err != nil {
		return err
	}
	if c := s.Image.Runtime.Start.Certificate; c != nil {
		var err error
		if s.trust, err = newPair(); err != nil {
			return err
		}
		uid, gid := c.IDs()
		chain := engine.File{
			Path: path.Join(c.Path, certificate.ChainFile), Mode: c.Bits(), UID: uid, GID: gid, Content: s.trust.Certificate,
		}
		key := engine.File{
			Path: path.Join(c.Path, certificate.KeyFile), Mode: c.Bits(), UID: uid, GID: gid, Content: s.trust.Key,
		}
		if err := s.lock(ctx, "certificate", c.Path, chain, key); err != nil {
			return err
		}
	}
	return s.prepareFiles(ctx)
}

// prepareFiles makes the files that the service declares, each directory of them in a volume; secrets are made for the
// check.
func (s *scene) prepareFiles(ctx context.Context) error {
	if s.Image.Service == nil {
		return nil
	}
	secrets := map[string][]byte{}
	for _, wanted := range s.Image.Service.Secrets {
		if wanted.Certificate {
			pair, err := newPair()
			if err != nil {
				return err
			}
			secrets[wanted.Name] = slices.Concat(pair.Key, pair.Certificate)
			continue
		}
		value := secret.Value(rand.Text())
		secrets[wanted.Name] = []byte(value.Reveal())
		if wanted.Name == image.PasswordSecret {
			s.password = value
		}
	}
	files, err := service.Stack{Setting: s.Setting}.Files(s.Image, secrets)
	if err != nil {
		return err
	}
	below := map[string][]engine.File{}
	for _, f := range files {
		below[path.Dir(f.Path)] = append(below[path.Dir(f.Path)], f)
	}
	for i, dir := range slices.Sorted(maps.Keys(below)) {
		if err := s.lock(ctx, "files"+strconv.Itoa(i), dir, below[dir]...); err != nil {
			return err
		}
	}
	return nil
}

// later has something removed when the scene is closed.
func (s *scene) later(remove func(context.Context) error) { s.cleanup = append(s.cleanup, remove) }

// volume makes an empty volume.
func (s *scene) volume(ctx context.Context, purpose string) (string, error) {
	name := s.name + "-" + purpose
	s.later(func(ctx context.Context) error { return s.Engine.VolumeRemove(ctx, name) })
	return name, s.Engine.VolumeCreate(ctx, name, container.DisposableLabels())
}

// lock makes a volume with files in it that the container mounts read-only at target.
func (s *scene) lock(ctx context.Context, purpose, target string, files ...engine.File) error {
	name, err := s.volume(ctx, purpose)
	if err != nil {
		return err
	}
	s.locked[name] = target
	return container.FillVolume(ctx, s.Engine, s.Ref, engine.Mount{Volume: name, Target: target}, files)
}

// serve starts the container that image.yaml declares, with env over its environment, and publishes its ports. Of the
// service's environment it has what refers to no setting: the image's defaults are what is checked.
func (s *scene) serve(ctx context.Context, env map[string]string) error {
	declared, run := s.Image.Runtime.Start, image.Service{}
	if s.Image.Service != nil {
		run = *s.Image.Service
	}
	tcp, udp := s.ports()
	spec := container.DisposableSpec{
		Command: declared.Command, Env: map[string]string{}, Ports: tcp, UDP: udp, Network: s.name, Locked: s.locked,
		Volumes: map[string]string{}, ReadOnly: run.ReadOnly, Groups: run.Groups, Confinement: s.Image.Service.Confinement(),
	}
	maps.Copy(spec.Env, run.Environment)
	maps.DeleteFunc(spec.Env, func(_, value string) bool { return service.Refers(value) })
	maps.Copy(spec.Env, declared.Environment)
	maps.Copy(spec.Env, env)
	for _, t := range run.Tmpfs {
		spec.Tmpfs = append(spec.Tmpfs, t.Spec())
	}
	for _, target := range declared.Tmpfs {
		spec.Tmpfs = append(spec.Tmpfs, engine.Tmpfs{Path: target})
	}
	targets := slices.Clone(declared.Volumes)
	for _, v := range run.Volumes {
		if !slices.Contains(slices.Collect(maps.Values(s.locked)), v.Path) { // of the certificate, say
			targets = append(targets, v.Path)
		}
	}
	for i, target := range targets {
		name, err := s.volume(ctx, "data"+strconv.Itoa(i))
		if err != nil {
			return err
		}
		spec.Volumes[name] = target
	}
	return s.start(ctx, spec)
}

// start starts a container of the image.
func (s *scene) start(ctx context.Context, spec container.DisposableSpec) error {
	spec.Image = s.Ref
	box, err := s.Start(ctx, spec)
	if err != nil {
		return err
	}
	s.box = box
	s.later(func(context.Context) error { return box.Close() })
	return nil
}

// ports are those that health checks ask on: all of them over TCP, and some over UDP, too.
func (s *scene) ports() (tcp, udp []uint16) {
	for _, c := range s.Image.Runtime.Checks {
		p := c.Port()
		if p != 0 && !slices.Contains(tcp, p) {
			tcp = append(tcp, p)
		}
		if c.DNS != nil && !slices.Contains(udp, p) {
			udp = append(udp, p)
		}
	}
	return tcp, udp
}

// close removes everything, also when ctx has ended.
func (s *scene) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
	defer cancel()
	var problems []error
	for _, v := range slices.Backward(s.cleanup) {
		if err := v(ctx); err != nil && !errors.Is(err, engine.ErrNotFound) {
			problems = append(problems, fmt.Errorf("clean up: %w", err))
		}
	}
	s.cleanup = nil
	return errors.Join(problems...)
}

// alive fails once the container has exited, or is gone. An engine that does not answer for a moment says
// nothing about the container.
func (s *scene) alive(ctx context.Context) error {
	c, err := s.Engine.ContainerInspect(ctx, string(s.box.ID()))
	if errors.Is(err, engine.ErrNotFound) {
		return err
	}
	if err != nil {
		return nil //nolint:nilerr // as said above
	}
	return exited(c)
}

// exited is an error if the container has ended.
func exited(c engine.Container) error {
	if c.State == engine.Running || c.State == engine.Created {
		return nil
	}
	text := fmt.Sprintf("the container exited with status %d", c.ExitCode)
	if c.OOMKilled {
		text += " (out of memory)"
	}
	return errors.New(text)
}
