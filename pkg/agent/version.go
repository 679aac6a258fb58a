package agent

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// version is that of the daemon, such as 2.4.1: Debian's suites have different ones of the same, and some want another
// syntax. It is nil where the declaration names none.
type version []int

// numbers is how a version looks, wherever it stands in a text.
var numbers = regexp.MustCompile(`[0-9]{1,9}(\.[0-9]{1,9})+`)

// readVersion finds the first one in a file, which holds what the daemon says of itself.
func readVersion(path string) (version, error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(filepath.Clean(path))
	if err != nil {
		return nil, fmt.Errorf("read the daemon's version: %w", err)
	}
	v, err := parseVersion(numbers.FindString(string(text)))
	if err != nil {
		return nil, fmt.Errorf("read the daemon's version in %s: %w", path, err)
	}
	return v, nil
}

func parseVersion(text string) (version, error) {
	if numbers.FindString(text) != text || text == "" {
		return nil, fmt.Errorf("%q is not a version such as 2.4", text)
	}
	var v version
	for part := range strings.SplitSeq(text, ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			return nil, err
		}
		v = append(v, n)
	}
	return v, nil
}

// since tells whether the daemon is of that version or a later one.
func (v version) since(first string) (bool, error) {
	if v == nil {
		return false, errors.New("since: the declaration names no file with the daemon's version")
	}
	w, err := parseVersion(first)
	return slices.Compare(v, w) >= 0, err
}
