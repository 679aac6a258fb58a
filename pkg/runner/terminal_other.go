//go:build !linux

package runner

// lend does nothing here: there is no way to hear of a program's stop without taking its end away from os/exec.
func (s screen) lend(int) {}
