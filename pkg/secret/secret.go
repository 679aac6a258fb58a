// Package secret keeps passwords out of what people and files get to see: a type that prints as a mask, and
// a set that masks known values in any text that passes through it.
package secret

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
)

// Mask is what stands in a text where a secret stood.
const Mask = "[redacted]"

// Value is a secret. Every way of printing or encoding it gives [Mask]; only [Value.Reveal] gives the text.
// Keep it in exported fields: fmt prints an unexported one by reflection, and does not ask it.
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

// Format masks the secret under every verb, also one that does not suit it.
func (v Value) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, v.String()) }

// MarshalText masks the secret in JSON and YAML.
func (v Value) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// Set is the secrets known so far. The zero value is empty and ready; a nil *Set redacts nothing. It is safe
// for concurrent use.
type Set struct {
	mu       sync.RWMutex
	patterns []string // distinct, none empty
	longest  int      // length of the longest pattern in bytes
}

// Add makes each of values a secret, together with the forms it takes in URLs, JSON, quoted text and pgpass
// files, and with each line of it that is long enough to tell something. Empty values are ignored: they would
// mask the space between all letters.
func (s *Set) Add(values ...string) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range values {
		for _, p := range forms(v) {
			if p != "" && !slices.Contains(s.patterns, p) {
				s.patterns = append(s.patterns, p)
				s.longest = max(s.longest, len(p))
			}
		}
	}
}

// Redact returns text with every known secret replaced by [Mask]. Secrets that overlap or touch each other
// become one mask, so that no rest of either is left.
func (s *Set) Redact(text string) string {
	spans := s.find(text)
	if len(spans) == 0 {
		return text
	}
	var b strings.Builder
	at := 0
	for _, m := range spans {
		b.WriteString(text[at:m.from])
		b.WriteString(Mask)
		at = m.to
	}
	b.WriteString(text[at:])
	return b.String()
}

// In lists the secrets that stand in text, as they are spelt there, each once.
func (s *Set) In(text string) []string {
	var found []string
	for _, m := range s.find(text) {
		if part := text[m.from:m.to]; !slices.Contains(found, part) {
			found = append(found, part)
		}
	}
	return found
}

// span is a part of a text in bytes, from included, to not.
type span struct{ from, to int }

// find returns where secrets stand in text, in order and apart from each other.
func (s *Set) find(text string) []span {
	if s == nil {
		return nil
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	var found []span
	for _, p := range s.patterns {
		for from := 0; ; {
			i := strings.Index(text[from:], p)
			if i < 0 {
				break
			}
			found = append(found, span{from + i, from + i + len(p)})
			from += i + 1
		}
	}
	slices.SortFunc(found, func(a, b span) int { return a.from - b.from })
	return join(found)
}

// join merges the spans that overlap or touch; they are sorted by their beginning.
func join(spans []span) []span {
	joined := spans[:0]
	for _, m := range spans {
		if last := len(joined) - 1; last >= 0 && m.from <= joined[last].to {
			joined[last].to = max(joined[last].to, m.to)
			continue
		}
		joined = append(joined, m)
	}
	return joined
}

// safeCut returns how much of text, which goes on later, can be passed on now: up to a point that no secret
// crosses, neither one that is complete nor one that may just have begun.
func (s *Set) safeCut(text string) int {
	if s == nil {
		return len(text)
	}
	s.mu.RLock()
	longest := s.longest
	s.mu.RUnlock()
	cut := len(text) - max(longest-1, 0)
	for _, m := range s.find(text) {
		if m.from < cut && cut < m.to {
			cut = m.from
		}
	}
	return max(cut, 0)
}
