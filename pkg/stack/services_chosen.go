package stack

import (
	"context"
	"slices"
	"strings"

	"github.com/poststack/poststack/pkg/image"
)

// dependsOn is what a service declares that it needs.
func dependsOn(images *image.Catalogue, name string) []string {
	d, err := images.Get(name)
	if err != nil || d.Service == nil {
		return nil
	}
	return d.Service.DependsOn
}

// waits tells for whom a service of names waits.
func (w serviceWork) waits(images *image.Catalogue, names []string) func(string) []string {
	return func(name string) []string {
		if !w.backwards {
			return dependsOn(images, name)
		}
		return slices.DeleteFunc(slices.Clone(names), func(other string) bool {
			return !slices.Contains(dependsOn(images, other), name)
		})
	}
}

// StartsServices tells whether services run beside the database.
func (s *Stack) StartsServices() bool { return len(s.Config.Services) > 0 }

// CheckServices refuses what no image.yaml declares, before anything is built or started.
func (s *Stack) CheckServices(_ context.Context, only string) error {
	images, err := s.catalogue()
	if err == nil {
		_, err = s.selected(images, serviceWork{only: only, needs: true})
	}
	if err != nil {
		return s.failure("services:start", Usage, err)
	}
	return nil
}

// selected are the services that are meant, without the database, which has its own phase: those that the settings
// choose, and with needs also what they depend on. What is stopped may have been chosen before.
func (s *Stack) selected(images *image.Catalogue, work serviceWork) ([]string, error) {
	all := declaredServices(images)
	for name := range s.Config.Services {
		if !slices.Contains(all, name) {
			return nil, unknownService("services: ", name, all)
		}
	}
	wanted := map[string]bool{}
	for _, name := range all {
		_, chosen := s.Config.Services[name]
		wanted[name] = name == work.only || work.only == "" && (chosen || work.backwards)
	}
	if work.only != "" && !wanted[work.only] {
		return nil, unknownService("", work.only, all)
	}
	for _, name := range slices.Backward(all) { // each before what it depends on
		if !wanted[name] || !work.needs {
			continue
		}
		for _, other := range dependsOn(images, name) {
			wanted[other] = true
		}
	}
	return slices.DeleteFunc(all, func(name string) bool { return !wanted[name] }), nil
}

// declaredServices are those that image.yaml files declare beside the database.
func declaredServices(images *image.Catalogue) []string {
	return slices.DeleteFunc(images.Services(), func(name string) bool { return name == postgresImage })
}

// servicesHere are the definitions of those, each after what it depends on.
func (s *Stack) servicesHere() ([]image.Definition, error) {
	images, err := s.catalogue()
	if err != nil {
		return nil, err
	}
	var list []image.Definition
	for _, name := range declaredServices(images) {
		d, err := images.Get(name)
		if err != nil {
			return nil, err
		}
		list = append(list, d)
	}
	return list, nil
}

// signsInAs tells whether a service signs in to the database with that role's rights.
func signsInAs(d image.Definition, role string) bool {
	return d.Service.Database != nil && d.Service.Database.Role == role
}

// unknownService refuses a service that no image.yaml declares.
func unknownService(where, name string, known []string) error {
	known = slices.Sorted(slices.Values(known))
	if len(known) == 0 {
		return badUsage("%sthere is no service %q: no image.yaml but the database's declares one", where, name)
	}
	return badUsage("%sthere is no service %q; known are: %s", where, name, strings.Join(known, ", "))
}

// noneChosen says how services are chosen.
func noneChosen(images *image.Catalogue) string {
	known := slices.Sorted(slices.Values(declaredServices(images)))
	if len(known) == 0 {
		return "nothing to do: no image.yaml but the database's declares a service"
	}
	return "nothing to do: poststack.yaml chooses no services (services: " + strings.Join(known, ", ") + ")"
}
