package source

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
)

// Stamp identifies the code that a program was compiled from: a hash over the names and contents of its
// sources. "" is a program without one.
type Stamp string

// builtFrom is set by the linker when mage install compiles: mage has no other way to hand a value in.
var builtFrom string //nolint:gochecknoglobals // the linker sets variables of a package, and nothing else

// Built returns the stamp of this program; "" unless mage install made it.
func Built() Stamp { return Stamp(builtFrom) }

// CurrentStamp returns the stamp of the code in a checkout. It reads every source, which takes a few
// milliseconds.
func CurrentStamp(root string) (Stamp, error) {
	sources, err := goSources(root)
	if err != nil {
		return "", err
	}
	hash := sha256.New()
	for _, rel := range sources {
		data, err := os.ReadFile(filepath.Join(root, rel))
		if err != nil {
			return "", fmt.Errorf("read source: %w", err)
		}
		_, _ = fmt.Fprintf(hash, "%s %d\n", rel, len(data))
		_, _ = hash.Write(data)
	}
	return Stamp(hex.EncodeToString(hash.Sum(nil)[:12])), nil
}

// Stale reports whether the code in a checkout is other than what built was made from. A program without a
// stamp is never stale: mage compiles those anew whenever the code changes.
func Stale(root string, built Stamp) (bool, error) {
	if built == "" {
		return false, nil
	}
	now, err := CurrentStamp(root)
	return now != built, err
}

// StaleWarning returns what to tell people when this program is [Stale], and "" when it is not or when the
// checkout cannot be read: whatever works on it next says so better.
func StaleWarning(root string) string {
	stale, err := Stale(root, Built())
	if err != nil || !stale {
		return ""
	}
	return "this program was compiled from other code than the checkout holds; compile it again with: go tool mage install"
}
