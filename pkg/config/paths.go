package config

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strings"
)

// defaultStack names the stack after the checkout's directory. The end of the name comes from the whole path,
// with symbolic links resolved: two checkouts never share one, and one checkout has the same by every path.
func defaultStack(s scope) (string, error) {
	root, err := filepath.EvalSymlinks(s.root)
	if err != nil {
		return "", fmt.Errorf("cannot find the checkout: %w", err)
	}
	sum := sha256.Sum256([]byte(root))
	suffix := "-" + hex.EncodeToString(sum[:3])
	return plainName(filepath.Base(root), maxStack-len(suffix)) + suffix, nil
}

// plainName makes base a valid beginning of a stack's name, of at most limit bytes.
func plainName(base string, limit int) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.' || r == '_' {
			return r
		}
		return '-'
	}, strings.ToLower(base))
	name = strings.TrimLeft(name, "-_.")
	name = strings.TrimRight(name[:min(len(name), limit)], "-_.")
	if name == "" {
		return "stack"
	}
	return name
}

// userDir is the directory poststack below the user's directory that the variable names, or else below the
// one in HOME. The XDG specification has a relative path in the variable ignored.
func userDir(variable, inHome string) func(scope) (string, error) {
	return func(s scope) (string, error) {
		if dir := s.env[variable]; filepath.IsAbs(dir) {
			return filepath.Join(dir, "poststack"), nil
		}
		if home := s.env["HOME"]; filepath.IsAbs(home) {
			return filepath.Join(home, inHome, "poststack"), nil
		}
		return "", fmt.Errorf("neither HOME nor %s is an absolute path; set one, or this setting", variable)
	}
}
