package image

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// order sorts names so that each comes after those that it needs, and otherwise by name. rest are those that need each
// other, and what needs them.
func order(names []string, needs func(string) []string) (sorted, rest []string) {
	done := map[string]bool{}
	rest = names
	for before := -1; len(sorted) > before; {
		before = len(sorted)
		names, rest = rest, nil
		for _, name := range names {
			if slices.ContainsFunc(needs(name), func(n string) bool { return !done[n] }) {
				rest = append(rest, name)
				continue
			}
			done[name] = true
			sorted = append(sorted, name)
		}
	}
	return sorted, rest
}

// sortServices orders the services, those that others depend on first.
func (c *Catalogue) sortServices(base string) error {
	var errs []error
	services := slices.DeleteFunc(keys(c.byName), func(name string) bool { return c.byName[name].Service == nil })
	for _, name := range services {
		for _, other := range c.byName[name].Service.DependsOn {
			if !slices.Contains(services, other) {
				errs = append(errs, fmt.Errorf("%s/%s/%s: unknown service %q in service.depends_on%s",
					base, name, definitionName, other, suggest(other, services)))
			}
		}
	}
	errs = append(errs, c.checkVolumes(base, services)...)
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	var rest []string
	c.services, rest = order(services, func(name string) []string { return c.byName[name].Service.DependsOn })
	if len(rest) > 0 {
		return fmt.Errorf("%s: services depend on each other: %s", base, strings.Join(rest, ", "))
	}
	return nil
}

// Services lists the images that run a service, those that others depend on first.
func (c *Catalogue) Services() []string { return slices.Clone(c.services) }

// checkVolumes refuses volumes of one name in two services, unless both say that they share it: one would be given the
// other's data.
func (c *Catalogue) checkVolumes(base string, services []string) (errs []error) {
	type place struct {
		service string
		volume  ServiceVolume
	}
	first, backs := map[string]place{}, map[string]string{}
	for _, name := range services {
		for _, volume := range c.byName[name].Service.Volumes {
			other, taken := first[volume.Name]
			if by := backs[volume.Name]; volume.Backup && by != "" {
				errs = append(errs,
					fmt.Errorf("%s/%s/%s:%d: service.volumes: %s has backup: true for %q already: one service says how a volume is "+
						"backed up",
						base, name, definitionName, volume.Line, by, volume.Name))
			}
			if volume.Backup {
				backs[volume.Name] = name
			}
			switch {
			case !taken:
				first[volume.Name] = place{name, volume}
			case !other.volume.Shared || !volume.Shared:
				errs = append(errs,
					fmt.Errorf("%s/%s/%s:%d: service.volumes: %q is a volume of %s too: give it another name, or share it with "+
						"shared: true in both",
						base, name, definitionName, volume.Line, volume.Name, other.service))
			}
		}
	}
	return errs
}
