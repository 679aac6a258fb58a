package stack

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/service"
)

// portFileOf remembers the port of the own database on an engine: with both engines, a checkout has two databases,
// which may run side by side.
func (s *Stack) portFileOf(kind engine.Kind) string {
	return filepath.Join(s.Config.StateDir, "port."+string(kind))
}

// rememberedPort is the port that the own database has, from the settings or from its first start.
func (s *Stack) rememberedPort(ctx context.Context) (uint16, error) {
	if s.Config.Database.Port != 0 {
		return s.Config.Database.Port, nil
	}
	e, err := s.engine(ctx)
	if err != nil {
		return 0, err
	}
	port, err := readPort(s.portFileOf(e.Info().Kind))
	if !errors.Is(err, errNotSetUp) {
		return port, err
	}
	c, err := container.Find(ctx, e, s.containerName())
	if err != nil {
		return 0, err
	}
	if len(c.Ports) == 0 || s.check(e, "container", c.Name, c.Labels) != nil {
		return 0, errNotSetUp
	}
	return c.Ports[0].Host, nil // it runs there, although what remembers it was lost
}

// readPort reads a port that was kept; [errNotSetUp] if there is none.
func readPort(path string) (uint16, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return 0, errNotSetUp
	}
	if err != nil {
		return 0, fmt.Errorf("read port: %w", err)
	}
	port, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 16)
	if err != nil || port == 0 {
		return 0, fmt.Errorf("read port: %q in %s is not a port; delete the file to choose another", text, path)
	}
	return uint16(port), nil
}

// choosePort is the remembered port, or else the first from the declared one that is free on 127.0.0.1.
func (s *Stack) choosePort(ctx context.Context, e Engine, declared uint16) (uint16, error) {
	port, err := s.rememberedPort(ctx)
	if !errors.Is(err, errNotSetUp) {
		return port, err
	}
	from, err := s.offset(declared)
	if err != nil {
		return 0, err
	}
	return service.NextPort(ctx, e, nil, engine.Port{HostIP: service.Loopback, Host: from})
}

// sayMoved tells of a port that is chosen and is not the one that is declared, before anything has it.
func (s *Stack) sayMoved(r event.Reporter, port uint16) {
	place, err := s.declaredDatabase()
	if err != nil {
		return
	}
	if from, err := s.offset(place.port.Host); err == nil && port != from {
		r.Notice(fmt.Sprintf("port %d is taken: this stack's database gets port %d", from, port))
	}
}

// offset is from where on a free port is looked for that is declared.
func (s *Stack) offset(declared uint16) (uint16, error) {
	from := int(declared) + int(s.Config.PortOffset)
	if from > math.MaxUint16 {
		return 0, badUsage("port_offset: %d and the %d that is declared are no port; choose a lower one",
			s.Config.PortOffset, declared)
	}
	return uint16(from), nil
}

// rememberPort keeps the port once a container has it, also one that was set: a URL that people have written down
// stays right, and the file tells on which engine the stack has its data.
func (s *Stack) rememberPort(kind engine.Kind, port uint16) error {
	path := s.portFileOf(kind)
	text := strconv.Itoa(int(port))
	if had, err := os.ReadFile(path); err == nil && string(had) == text {
		return nil
	}
	return keep("port", path, text)
}
