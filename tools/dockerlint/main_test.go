package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	const head = "ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\n"
	for _, tc := range []struct {
		name string
		file string
		want []string
	}{
		{"a plain file on its parent is fine", head + "COPY --chown=1:1 a /a\nRUN true\nCMD [\"/a\"]\n", nil},
		{"a second stage may be copied from", "FROM debian:bookworm-slim AS build\nRUN true\nFROM scratch\n" +
			"COPY --from=build /a /a\n", nil},
		{"an image of the catalogue may be copied from", "# a comment\nARG BASE_IMAGE\nARG TOOL_IMAGE\n" +
			"FROM ${TOOL_IMAGE} AS tool\nFROM ${BASE_IMAGE}\nCOPY --from=tool /a /a\n", nil},
		{"docker's own rules apply", head + "ENV A 1\n", []string{
			`Dockerfile:3: LegacyKeyValueFormat: "ENV key=value" should be used instead of legacy "ENV key value" format`,
		}},
		{"an unknown instruction is a build error", head + "RUNN true\n", []string{
			"Dockerfile:3: BuildError: dockerfile parse error on line 3: unknown instruction: RUNN (did you mean RUN?)",
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			found := check(t.Context(), "Dockerfile", []byte(tc.file))
			if len(found) != len(tc.want) {
				t.Fatalf("found %v, want %v", found, tc.want)
			}
			for i, f := range found {
				if f.String() != tc.want[i] {
					t.Errorf("finding %d = %s, want %s", i, f, tc.want[i])
				}
			}
		})
	}
}

func TestRun(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for name, text := range map[string]string{"good": "FROM scratch\nCOPY a /a\n", "bad": "FROM scratch\nENV A 1\n"} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tc := range []struct {
		name   string
		args   []string
		status int
		stdout string
	}{
		{"nothing to say", []string{"-root", root, "good"}, 0, ""},
		{
			"findings name the file as given",
			[]string{"-root", root, "good", "bad"},
			1,
			"bad:2: LegacyKeyValueFormat: \"ENV key=value\" should be used instead of legacy \"ENV key value\" format\n",
		},
		{"a missing file", []string{"-root", root, "absent"}, 2, ""},
		{"an unknown option", []string{"-rot", root}, 2, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr bytes.Buffer
			if got := run(t.Context(), tc.args, &stdout, &stderr); got != tc.status || stdout.String() != tc.stdout {
				t.Errorf("status %d, stdout %q, want %d, %q", got, stdout.String(), tc.status, tc.stdout)
			}
			if tc.status == 2 && stderr.Len() == 0 {
				t.Error("no reason on stderr")
			}
		})
	}
}
