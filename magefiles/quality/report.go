package quality

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

// counts is how many tests ended how. A test with subtests counts by those.
type counts struct {
	Passed, Failed, Skipped int
}

func (c counts) total() int { return c.Passed + c.Failed + c.Skipped }

// String gives the counts in words.
func (c counts) String() string {
	return fmt.Sprintf("%d passed, %d failed, %d skipped", c.Passed, c.Failed, c.Skipped)
}

// report turns the events of go test -json into what a person wants to see: the output of what fails, one
// line for each package, and, if listed, one for each test. It is the stdout of go test.
type report struct {
	out    io.Writer
	listed bool
	counts counts

	line  []byte // an event that is not complete yet
	tests map[testID]*testLog
	packs map[string][]string // output of each package outside its tests
}

// testID names a test. An empty test is the package itself.
type testID struct{ pkg, test string }

// testLog is what is known of a test that has not ended.
type testLog struct {
	output   []string
	parent   bool // it has subtests
	failures int  // of its subtests
}

// testEvent is one line of go test -json, as go doc test2json describes it.
type testEvent struct {
	Action  string
	Package string
	Test    string
	Output  string
	Elapsed float64 // seconds
}

// Write reads whole lines; the rest of p waits for the next call.
func (r *report) Write(p []byte) (int, error) {
	r.line = append(r.line, p...)
	for {
		end := bytes.IndexByte(r.line, '\n')
		if end < 0 {
			return len(p), nil
		}
		if err := r.read(r.line[:end]); err != nil {
			return 0, err
		}
		r.line = r.line[end+1:]
	}
}

// close shows what never came to an end, and returns whether that could be written.
func (r *report) close() error {
	if len(r.line) > 0 {
		if err := r.read(r.line); err != nil {
			return err
		}
	}
	for id := range r.tests {
		if err := r.endPackage(id.pkg, true); err != nil {
			return err
		}
	}
	return nil
}

// read takes one line: an event, or text that go printed around them.
func (r *report) read(line []byte) error {
	var e testEvent
	if err := json.Unmarshal(line, &e); err != nil || e.Action == "" {
		return r.print(string(line) + "\n")
	}
	switch e.Action {
	case "build-output":
		return r.print(e.Output)
	case "output":
		r.keep(e)
	case "run":
		r.log(testID{e.Package, e.Test})
	case "pass", "fail", "skip":
		if e.Test == "" {
			return r.endPackage(e.Package, e.Action == "fail")
		}
		return r.endTest(e)
	}
	return nil
}

// keep holds output back until its test or package ends.
func (r *report) keep(e testEvent) {
	if e.Test != "" {
		l := r.log(testID{e.Package, e.Test})
		l.output = append(l.output, e.Output)
		return
	}
	if r.packs == nil {
		r.packs = map[string][]string{}
	}
	r.packs[e.Package] = append(r.packs[e.Package], e.Output)
}

// log returns the record of a test, new if need be, and marks the tests above it as parents.
func (r *report) log(id testID) *testLog {
	if r.tests == nil {
		r.tests = map[testID]*testLog{}
	}
	l := r.tests[id]
	if l == nil {
		l = &testLog{}
		r.tests[id] = l
		if up, ok := id.parent(); ok {
			r.log(up).parent = true
		}
	}
	return l
}

// parent names the test that id is a subtest of.
func (id testID) parent() (testID, bool) {
	cut := strings.LastIndexByte(id.test, '/')
	if cut < 0 {
		return testID{}, false
	}
	return testID{id.pkg, id.test[:cut]}, true
}

// endTest counts a test and shows what there is to say.
func (r *report) endTest(e testEvent) error {
	id := testID{e.Package, e.Test}
	l := r.log(id)
	delete(r.tests, id)
	up, sub := id.parent()
	switch {
	case e.Action == "fail":
		if l.failures == 0 {
			r.counts.Failed++
		}
		if sub {
			r.log(up).failures++
		}
		return r.print(said(l.output))
	case l.parent:
	case e.Action == "skip":
		r.counts.Skipped++
	default:
		r.counts.Passed++
	}
	if !r.listed || sub {
		return nil
	}
	if e.Action == "skip" {
		return r.print(said(l.output)) // with the reason
	}
	took := time.Duration(e.Elapsed * float64(time.Second)).Round(10 * time.Millisecond)
	return r.print(fmt.Sprintf("--- %s: %s (%.2fs)\n", strings.ToUpper(e.Action), e.Test, took.Seconds()))
}

// endPackage shows the line of a package, and after a failure all it wrote and the tests that never ended.
func (r *report) endPackage(pkg string, failed bool) error {
	var text strings.Builder
	for id, l := range r.tests {
		if id.pkg != pkg {
			continue
		}
		delete(r.tests, id)
		if failed && !l.parent {
			r.counts.Failed++
			text.WriteString(said(l.output))
		}
	}
	for _, out := range r.packs[pkg] {
		if failed && out != "PASS\n" || isPackageLine(out) {
			text.WriteString(withoutCoverage(out))
		}
	}
	delete(r.packs, pkg)
	return r.print(text.String())
}

// isPackageLine tells the line that go test prints for a package from what its tests print.
func isPackageLine(out string) bool {
	return strings.HasPrefix(out, "ok  \t") || strings.HasPrefix(out, "FAIL\t")
}

// withoutCoverage drops what go test says about coverage: it counts each package's tests against all code.
func withoutCoverage(out string) string {
	if strings.HasPrefix(out, "coverage: ") {
		return ""
	}
	if line, _, cut := strings.Cut(out, "\tcoverage: "); cut {
		return line + "\n"
	}
	return out
}

// said joins the output of a test without the lines by which go test marks where it switches between tests.
func said(output []string) string {
	var text strings.Builder
	for _, out := range output {
		if !strings.HasPrefix(out, "=== ") {
			text.WriteString(out)
		}
	}
	return text.String()
}

func (r *report) print(text string) error {
	_, err := io.WriteString(r.out, text)
	return err
}
