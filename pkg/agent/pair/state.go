package pair

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"time"
)

// State is one pair as it was found.
type State struct {
	Directory string // below that of the pairs
	Names     []string
	Serial    string // in lower-case hex
	NotAfter  time.Time
	Served    bool  // some name is served with it
	Err       error // why nobody is; fs.ErrNotExist while there is none
}

// States are all pairs of the last look, by their directories.
func (s *Store) States() []State {
	var out []State
	for _, name := range slices.Sorted(maps.Keys(s.seen)) {
		l := s.seen[name]
		state := State{Directory: name, Served: l.served, Err: l.err}
		if l.err == nil {
			state.Names, state.Serial, state.NotAfter = l.leaf.DNSNames, fmt.Sprintf("%x", l.leaf.SerialNumber), l.leaf.NotAfter
		}
		out = append(out, state)
	}
	return out
}

// Missing tells whether the pair is not there yet.
func (s State) Missing() bool { return errors.Is(s.Err, fs.ErrNotExist) }
