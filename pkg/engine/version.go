package engine

import "fmt"

// atLeast compares the first two numbers of a version such as "4.3.1+ds1-8+deb12u1". What is no version is
// old.
func atLeast(version string, major, minor int) bool {
	var a, b int
	n, _ := fmt.Sscanf(version, "%d.%d", &a, &b)
	return n == 2 && (a > major || a == major && b >= minor)
}
