package engine

import (
	"strconv"
	"strings"
)

// atLeast compares the first two numbers of a version such as "4.3.1+ds1-8+deb12u1". What is no version is
// old.
func atLeast(version string, major, minor int) bool {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return false
	}
	a, err := strconv.Atoi(parts[0])
	if err != nil {
		return false
	}
	b, err := strconv.Atoi(strings.TrimRight(parts[1], "-abcdefghijklmnopqrstuvwxyz"))
	if err != nil {
		return false
	}
	return a > major || (a == major && b >= minor)
}
