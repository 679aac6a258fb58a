//go:build bench

package bench_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// must runs a program, and fails with what it printed: its last line first, where a table has room for one.
func must(cmd *exec.Cmd) error {
	out, err := cmd.CombinedOutput()
	if err != nil {
		text := strings.TrimSpace(string(out))
		last := text[strings.LastIndex(text, "\n")+1:]
		return fmt.Errorf("run %s: %w: %s\n%s", filepath.Base(cmd.Path), err, last, text)
	}
	return nil
}

// mage is a run of mage's in the checkout, with env over its environment.
func (s *site) mage(env []string, args ...string) func(context.Context) error {
	return func(ctx context.Context) error { return must(s.c.Command(ctx, env, args...)) }
}

// compiled is the same through the compiled program.
func (s *site) compiled(env []string, args ...string) func(context.Context) error {
	return func(ctx context.Context) error { return must(s.command(ctx, env, args...)) }
}

// command is the compiled program with args, as it is to be run in the checkout.
func (s *site) command(ctx context.Context, env []string, args ...string) *exec.Cmd {
	cmd := s.c.Command(ctx, env, args...)
	cmd.Path, cmd.Args[0] = s.program, s.program
	return cmd
}

// noop is the floor of every target: mage's own start.
func (s *site) noop() *Probe {
	return Timed("a target that does nothing", nil, s.mage(nil, "noop"))
}

// against compares a row with a peer, or tells why that is missing.
func against(r Row, peer, floor *Probe, err error) Row {
	if err != nil {
		r.Missing = Reason(err)
		return r
	}
	r.Peer, r.PeerFloor = peer, floor
	return r
}

// edit adds a comment to a file of the checkout, so that it differs from before.
func (s *site) edit(name string, n int) error {
	f, err := os.OpenFile(filepath.Join(s.c.Dir, name), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "# bench %d %d\n", os.Getpid(), n)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}

// edits edits a file of the checkout in another way each time.
func (s *site) edits(name string) func(context.Context) error {
	n := 0
	return func(context.Context) error {
		n++
		return s.edit(name, n)
	}
}

// changelog has the checkout hold a changelog with n small changesets, and names its root.
func (s *site) changelog(n int) (root string, err error) {
	dir := fmt.Sprintf("bench%d", n)
	var sql strings.Builder
	sql.WriteString("--liquibase formatted sql\n")
	for i := range n {
		fmt.Fprintf(&sql, "--changeset bench:%d\ncreate table t%d (id int primary key, name text not null);\n"+
			"create index on t%d (name);\n--rollback drop table t%d;\n", i, i, i, i)
	}
	if err := os.MkdirAll(filepath.Join(s.c.Dir, dir), 0o755); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(s.c.Dir, dir, "001.sql"), []byte(sql.String()), 0o644); err != nil {
		return "", err
	}
	root = filepath.Join(dir, "root.yaml")
	text := "databaseChangeLog:\n  - include:\n      file: 001.sql\n      relativeToChangelogFile: true\n"
	return root, os.WriteFile(filepath.Join(s.c.Dir, root), []byte(text), 0o644)
}
