package stack

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/secret"
)

// ownerFile keeps the random ID that everything of this stack carries, and keyFile the key of the hashes in labels.
func (s *Stack) ownerFile() string { return filepath.Join(s.Config.StateDir, "owner") }
func (s *Stack) keyFile() string   { return filepath.Join(s.Config.StateDir, "key") }

// owner is whose the stack's things are, as far as the state directory knows. It makes nothing.
func (s *Stack) owner(kind engine.Kind) (container.Owner, error) {
	o := container.Owner{Stack: s.Config.Stack}
	var err error
	if o.ID, err = readWord(s.ownerFile()); err != nil {
		return o, err
	}
	key, err := readWord(s.keyFile())
	o.Key = secret.Value(key)
	if err != nil {
		return o, err
	}
	// An earlier release gave its things no ID. Its state directory has the password, and what tells that the
	// database is on this engine.
	_, unknown := s.password(false)
	o.Adopts = unknown == nil && (s.hasData(kind) || s.Config.Database.Port != 0)
	return o, nil
}

// makeOwner is owner, which it makes where there is none yet.
func (s *Stack) makeOwner(kind engine.Kind) (container.Owner, error) {
	o, err := s.owner(kind)
	if err == nil && o.ID == "" {
		o.ID = rand.Text()
		err = keep("owner", s.ownerFile(), o.ID)
	}
	if err == nil && o.Key == "" {
		o.Key = secret.Value(rand.Text())
		err = keep("key", s.keyFile(), o.Key.Reveal())
	}
	return o, err
}

// keep writes a file of the state directory, whole or not at all.
func keep(what, path, text string) error {
	if err := renameio.WriteFile(path, []byte(text), 0o600); err != nil {
		return fmt.Errorf("write %s file: %w", what, err)
	}
	return nil
}

// keepJSON writes a value as [keep]; [readJSON] reads it, and tells whether there is one.
func keepJSON(what, path string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return keep(what, path, string(text))
}

func readJSON(path string, value any) (there bool, err error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err == nil {
		err = json.Unmarshal(text, value)
	}
	return true, err
}

// readWord reads the one word that a file of the state directory holds; "" if there is no such file.
func readWord(path string) (string, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", &UsageError{Reason: err.Error()}
	}
	words := strings.Fields(string(text))
	if len(words) != 1 {
		return "", badUsage("read %s: it must hold one word", path)
	}
	return words[0], nil
}

// hasData tells whether the stack had a database on that engine when it was last heard of.
func (s *Stack) hasData(kind engine.Kind) bool {
	_, err := os.Stat(s.portFileOf(kind))
	return err == nil
}

// check returns a [*container.ForeignError] unless what labels belong to is this stack's own. With DATABASE_URL set
// nothing is.
func (s *Stack) check(e Engine, kind, name string, labels map[string]string) error {
	o, err := s.owner(e.Info().Kind)
	if err != nil {
		return err
	}
	return o.Check(kind, name, labels)
}

// refuseForeign looks for things that have the names of ours and are somebody else's, before anything is made.
func (s *Stack) refuseForeign(ctx context.Context, e Engine) error {
	c, errC := e.ContainerInspect(ctx, s.containerName())
	n, errN := e.NetworkInspect(ctx, s.networkName())
	v, errV := e.VolumeInspect(ctx, s.volumeName(e.Info().Kind))
	for _, thing := range []struct {
		err        error
		kind, name string
		labels     map[string]string
	}{
		{errV, "volume", v.Name, v.Labels}, {errC, "container", c.Name, c.Labels}, {errN, "network", n.Name, n.Labels},
	} {
		switch {
		case errors.Is(thing.err, engine.ErrNotFound):
		case thing.err != nil:
			return thing.err
		case thing.kind == "volume" && thing.labels[container.LabelStack] == "": // made by hand, for this
		default:
			if err := s.check(e, thing.kind, thing.name, thing.labels); err != nil {
				return err
			}
		}
	}
	return nil
}
