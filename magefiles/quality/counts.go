package quality

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
)

// counts is how many tests ended how, as gotestsum counts them: a test with subtests is one more.
type counts struct {
	Passed, Failed, Skipped int
	Again                   []string // tests that failed, and held when they were run again
	fell                    []string // tests that failed, without their subtests
}

// String gives the counts in words. .ci/run adds them up.
func (c counts) String() string {
	return fmt.Sprintf("%d passed, %d failed, %d skipped", c.Passed, c.Failed, c.Skipped)
}

// countsOf reads what gotestsum writes after the first run: DONE 9 tests, 2 skipped, 5 failures, 1 error in 0.257s. A
// run that was told to end has none.
func countsOf(output string) (c counts, ok bool) {
	done := regexp.MustCompile(`(?m)^DONE (?:\d+ runs, )?(\d+) tests?(?:, (\d+) skipped)?(?:, (\d+) failures?)?.* in `)
	found := done.FindStringSubmatch(output)
	if found == nil {
		return counts{}, false
	}
	number := func(text string) int { n, _ := strconv.Atoi(text); return n } // what is left out is 0
	c = counts{Skipped: number(found[2]), Failed: number(found[3])}
	c.Passed = number(found[1]) - c.Skipped - c.Failed
	for _, name := range regexp.MustCompile(`(?m)^=== FAIL: \S+ ([^\s/]+) `).FindAllStringSubmatch(output, -1) {
		c.fell = append(c.fell, name[1])
	}
	slices.Sort(c.fell)
	c.fell = slices.Compact(c.fell)
	return c, true
}

// hold counts what has failed as passed: all of it has held when it was run again.
func (c *counts) hold() {
	c.Passed, c.Failed, c.Again = c.Passed+c.Failed, 0, c.fell
}
