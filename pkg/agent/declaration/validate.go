package declaration

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// validate joins everything that is wrong.
func (d *Declaration) validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if d.Service == "" {
		bad("service is missing")
	}
	for name, path := range map[string]string{"directory": d.Directory, "status": d.Status} {
		if !filepath.IsAbs(path) {
			bad("%s %q is not an absolute path", name, path)
		}
	}
	for name, argv := range map[string][]string{
		"prepare": d.Prepare.Run, "daemon": d.Daemon.Run, "check": d.Check.Run, "reload": d.Daemon.Reload.Run,
	} {
		if len(argv) > 0 && !filepath.IsAbs(argv[0]) {
			bad("%s: %q is not the absolute path of a program", name, argv[0])
		}
	}
	if len(d.Daemon.Run) == 0 {
		bad("daemon: run is missing")
	}
	for _, signal := range append([]string{d.Daemon.Reload.Signal, d.Daemon.Stop.Signal, d.Daemon.Stop.Again},
		d.Daemon.Ignore...) {
		if signal != "" && unix.SignalNum(signal) == 0 {
			bad("daemon: %q is not a signal such as SIGHUP", signal)
		}
	}
	if d.Daemon.Reload.Signal != "" && len(d.Daemon.Reload.Run) > 0 {
		bad("daemon: reload is either a signal or run")
	}
	errs = append(errs, d.validateOutputs()...)
	for _, t := range d.times() {
		if *t.value <= 0 {
			bad("%s %s must be more than nothing", t.name, *t.value)
		}
	}
	return errors.Join(errs...)
}

// validateOutputs looks at queries and what is made of them.
func (d *Declaration) validateOutputs() (errs []error) {
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	known := slices.Sorted(maps.Keys(d.Queries))
	for _, name := range known {
		if d.Queries[name].SQL == "" {
			bad("queries: %q has no sql", name)
		}
	}
	for i, o := range d.Outputs {
		if o.Template == "" {
			bad("outputs: number %d has no template", i+1)
		}
		if o.Each == "" {
			if o.Path == "" {
				bad("outputs: %q has neither path nor each", o.Template)
			}
			continue
		}
		if !slices.Contains(known, o.Each) {
			bad("outputs: %q is for each row of %q, which is not in queries", o.Template, o.Each)
		} else if d.Queries[o.Each].Key == "" {
			bad("outputs: %q is for each row of %q, which has no key", o.Template, o.Each)
		}
	}
	if p := d.Pairs; p != nil {
		if !filepath.IsAbs(p.Directory) || !filepath.IsAbs(p.Startup) {
			bad("pairs: directory and startup must be absolute paths")
		}
		if !slices.Contains(known, p.Query) {
			bad("pairs: query %q is not in queries", p.Query)
		}
	}
	return errs
}
