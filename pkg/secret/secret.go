// Package secret keeps passwords out of what people and files get to see: a type that prints as a mask, and
// a set that masks known values in any text that passes through it.
package secret

import (
	"cmp"
	"slices"
	"strings"
	"sync"
)

// Mask is what stands in a text where a secret stood.
const Mask = "[redacted]"

// Value is a secret. Every way of printing or encoding it gives [Mask]; only [Value.Reveal] gives the text.
type Value string

// Reveal returns the secret itself.
func (v Value) Reveal() string { return string(v) }

// String returns [Mask], or "" when there is no secret.
func (v Value) String() string {
	if v == "" {
		return ""
	}
	return Mask
}

// GoString masks the secret under %#v.
func (v Value) GoString() string { return v.String() }

// MarshalText masks the secret in JSON and YAML.
func (v Value) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// Set is the secrets known so far. The zero value is empty and ready; a nil *Set redacts nothing. It is safe
// for concurrent use.
type Set struct {
	mu       sync.RWMutex
	values   []string
	replacer *strings.Replacer
}

// Add makes each of values a secret. Empty ones are ignored: they would mask the space between all letters.
func (s *Set) Add(values ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range values {
		if v != "" && !slices.Contains(s.values, v) {
			s.values = append(s.values, v)
		}
	}
	// Longest first, so that a secret inside another leaves no rest of it.
	slices.SortFunc(s.values, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	pairs := make([]string, 0, 2*len(s.values))
	for _, v := range s.values {
		pairs = append(pairs, v, Mask)
	}
	s.replacer = strings.NewReplacer(pairs...)
}

// Redact returns text with every known secret replaced by [Mask].
func (s *Set) Redact(text string) string {
	if s == nil {
		return text
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.replacer == nil {
		return text
	}
	return s.replacer.Replace(text)
}
