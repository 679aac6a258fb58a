// Command dockerlint checks Dockerfiles by the rules of docker's own linter, without a daemon. That they keep to what
// every builder Poststack supports understands is seen to where they are read, in pkg/image.
//
//	go run -C tools/dockerlint . -root ../.. containers/postgres/Dockerfile
//
// Each finding is one line, FILE:LINE: RULE: text. It exits with 1 when there is one, and with 2 when a file
// cannot be read.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}

// run checks the files that args name and returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("dockerlint", flag.ContinueOnError)
	flags.SetOutput(stderr)
	root := flags.String("root", ".", "directory that the files are relative to")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	status := 0
	for _, name := range flags.Args() {
		data, err := os.ReadFile(filepath.Join(*root, name))
		if err != nil {
			fmt.Fprintln(stderr, "dockerlint:", err)
			return 2
		}
		for _, f := range check(ctx, name, data) {
			fmt.Fprintln(stdout, f)
			status = 1
		}
	}
	return status
}

// Finding is something wrong with a Dockerfile.
type Finding struct {
	File string
	Line int // counted from 1; 0 concerns the whole file
	Rule string
	Text string
}

// String gives the finding as editors and GitHub understand it.
func (f Finding) String() string {
	return fmt.Sprintf("%s:%d: %s: %s", f.File, f.Line, f.Rule, f.Text)
}

// check returns what is wrong with the Dockerfile data, by line.
func check(ctx context.Context, name string, data []byte) []Finding {
	found := official(ctx, name, data)
	slices.SortStableFunc(found, func(a, b Finding) int { return cmp.Compare(a.Line, b.Line) })
	return found
}
