package config

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"net"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Service is what is set of a service that runs.
type Service struct {
	Listen Addresses         `yaml:"listen"` // of this machine, that its ports are published on; none is 127.0.0.1
	Ports  map[uint16]uint16 `yaml:"ports"`  // port in the container → port of this machine
}

// Addresses are one address, or a list of them.
type Addresses []string

// UnmarshalYAML reads both.
func (a *Addresses) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		*a = Addresses{node.Value}
		return nil
	}
	return node.Decode((*[]string)(a))
}

// services reads which services run: a list of names, or a mapping of names to what is set of each.
func services(c *Config, _ scope, raw string) (string, error) {
	var node yaml.Node
	if err := yaml.Unmarshal([]byte(raw), &node); err != nil || len(node.Content) == 0 {
		return "", errors.New("is not YAML")
	}
	found := map[string]Service{}
	root := node.Content[0]
	switch root.Kind {
	case yaml.ScalarNode:
		for _, name := range strings.FieldsFunc(root.Value, func(r rune) bool { return r == ',' || r == ' ' }) {
			found[name] = Service{}
		}
	case yaml.SequenceNode:
		for _, item := range root.Content {
			if item.Kind != yaml.ScalarNode {
				return "", errors.New("is a list of something else than names")
			}
			found[item.Value] = Service{}
		}
	default:
		for i := 0; i+1 < len(root.Content); i += 2 {
			name := root.Content[i].Value
			one, err := serviceSettings(root.Content[i+1])
			if err != nil {
				return "", fmt.Errorf("says of %s: %w", name, err)
			}
			found[name] = one
		}
	}
	for name := range found {
		if !regexp.MustCompile(`^[a-z0-9]+([._-][a-z0-9]+)*$`).MatchString(name) {
			return "", fmt.Errorf("names %q, which cannot be a service", name)
		}
	}
	c.Services = found
	return shown(found), nil
}

// serviceSettings reads what is set of one service; nothing is as good as no settings.
func serviceSettings(node *yaml.Node) (Service, error) {
	var s Service
	if isNull(node) {
		return s, nil
	}
	if node.Kind != yaml.MappingNode {
		return s, errors.New("it is not a group of listen and ports")
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if key := node.Content[i].Value; key != "listen" && key != "ports" {
			return s, fmt.Errorf("unknown setting %q; known are listen and ports", key)
		}
	}
	if err := node.Decode(&s); err != nil {
		return s, fmt.Errorf("ports are a mapping of ports in the container to ports of this machine, from 1 to %d",
			math.MaxUint16)
	}
	for inside, host := range s.Ports {
		if inside == 0 || host == 0 {
			return s, fmt.Errorf("a port is from 1 to %d", math.MaxUint16)
		}
	}
	for _, address := range s.Listen {
		if net.ParseIP(address) == nil {
			return s, fmt.Errorf("listen %q is not an address of this machine, such as 0.0.0.0 for all of IPv4", address)
		}
	}
	return s, nil
}

// shown is the setting as people see it.
func shown(services map[string]Service) string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(services)) {
		s, more := services[name], []string{}
		if len(s.Listen) > 0 {
			more = append(more, "on "+strings.Join(s.Listen, " and "))
		}
		for _, port := range slices.Sorted(maps.Keys(s.Ports)) {
			more = append(more, fmt.Sprintf("%d at %d", port, s.Ports[port]))
		}
		if len(more) > 0 {
			name += " (" + strings.Join(more, ", ") + ")"
		}
		list = append(list, name)
	}
	return strings.Join(list, ", ")
}
