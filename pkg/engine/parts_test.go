package engine_test

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
)

func TestClassify(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]error{
		// docker 20.10
		"driver failed programming external connectivity on endpoint x (y): Bind for 127.0.0.1:5432 failed: port is " +
			"already allocated": engine.ErrPortInUse,
		"driver failed programming external connectivity on endpoint x (y): Error starting userland proxy: listen tcp4 " +
			"127.0.0.1:5432: bind: address already in use": engine.ErrPortInUse,
		`Conflict. The container name "/x" is already in use by container "0123". You have to remove (or rename) that ` +
			`container to be able to reuse that name.`: engine.ErrConflict,
		"network with name x already exists": engine.ErrConflict,
		// podman 4.3
		"cannot listen on the TCP port: listen tcp4 127.0.0.1:5432: bind: address " +
			"already in use": engine.ErrPortInUse,
		`creating container storage: the container name "x" is already in use by 0123. You have to remove that container ` +
			`to be able to reuse that name: that name is already in use`: engine.ErrConflict,
		"container 0123 does not exist in database: no such container": engine.ErrNotFound,
	} {
		assert.ErrorIs(t, engine.Classify(errors.New(text)), want, text)
	}
	assert.ErrorIs(t, engine.Classify(fmt.Errorf("no such container: %w", errdefs.ErrNotFound)), engine.ErrNotFound)
	plain := errors.New("container 0123 is not running")
	assert.Equal(t, plain, engine.Classify(plain))
}

func TestBases(t *testing.T) {
	t.Parallel()
	text := `# comment
ARG SUITE=bookworm
ARG BASE_IMAGE
FROM --platform=linux/amd64 ${BASE_IMAGE} AS build
RUN make \
  # a comment in between
  && FROM nowhere
COPY --from=build /a /b
FROM debian:$SUITE-slim
COPY --chown=1:2 --from=localhost/tools:1 /t /t
COPY --from=0 /a /c
FROM scratch
FROM ${UNSET:-localhost/x:2}
`
	got := engine.Bases(text, map[string]string{"BASE_IMAGE": "localhost/base:1"})
	assert.Equal(t, []engine.Ref{"localhost/base:1", "debian:bookworm-slim", "localhost/tools:1", "localhost/x:2"}, got)
}

func TestWithArgLabels(t *testing.T) {
	t.Parallel()
	text := "ARG BASE\nFROM ${BASE}\nARG A=1\nARG B\n# note\nENV A=$A\nRUN x\nARG C=3\nLABEL c=$C"
	one, inserted := engine.WithArgLabels(text, map[string]string{"BASE": "b", "B": "2"})
	assert.Equal(t, 2, inserted, "one for each run of ARGs, none before FROM")
	assert.Equal(t, 2, strings.Count(one, "LABEL org.poststack.build-args="))
	assert.Less(t, strings.Index(one, "# note"), strings.Index(one, "LABEL org."))
	assert.Less(t, strings.Index(one, "LABEL org."), strings.Index(one, "ENV A"))
	same, _ := engine.WithArgLabels(text, map[string]string{"BASE": "other", "B": "2"})
	assert.Equal(t, one, same, "the base is in the cache's key anyway")
	given, _ := engine.WithArgLabels(text, map[string]string{"B": "3"})
	assert.NotEqual(t, one, given)
	def, _ := engine.WithArgLabels(strings.Replace(text, "C=3", "C=4", 1), map[string]string{"B": "2"})
	assert.Equal(t, one[:strings.Index(one, "ARG C")], def[:strings.Index(def, "ARG C")],
		"what stands before keeps its cache")
	assert.NotEqual(t, one[strings.Index(one, "LABEL c=")-40:], def[strings.Index(def, "LABEL c=")-40:])
	plain := "FROM x\nRUN y\n"
	unchanged, inserted := engine.WithArgLabels(plain, nil)
	assert.Equal(t, plain, unchanged)
	assert.Zero(t, inserted)
}

func TestLabelLine(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "\nLABEL \"a\"=\"1\" \"b\"=\"x \\\"y\\\" \\$z \\\\ two lines\"\n",
		engine.LabelLine(map[string]string{"b": "x \"y\" $z \\ two\nlines", "a": "1"}))
	assert.Empty(t, engine.LabelLine(nil))
}

func TestMergeConf(t *testing.T) {
	t.Parallel()
	system := `[containers]
# a comment
default_capabilities = [
  "CHOWN", # why
  "KILL"
]
annotations = ["a # b", 'c]']
[engine]
runtime = "crun"
[engine.runtimes]
kata = ["/usr/bin/kata"]
`
	got, err := engine.MergeConf(system,
		"[engine]\nruntime = \"runc\"\nexit_command_delay = 10\nruntimes.runc = [\"/opt/runc\"]\n")
	require.NoError(t, err)
	assert.Equal(t, `[containers]
annotations = ["a # b", "c]"]
default_capabilities = ["CHOWN", "KILL"]

[engine]
exit_command_delay = 10
runtime = "runc"
[engine.runtimes]
kata = ["/usr/bin/kata"]
runc = ["/opt/runc"]
`, got)
	got, err = engine.MergeConf("[containers]\nenv = [\"A=b\", {append=true}]\nprepare = \"\"\"\ntwo\nlines\"\"\"\n")
	require.NoError(t, err)
	again, err := engine.MergeConf(got)
	require.NoError(t, err)
	assert.Equal(t, got, again, "what is written means the same")
	assert.Contains(t, got, `env = ["A=b", {append = true}]`)
	_, err = engine.MergeConf("[engine\nruntime = 1")
	require.ErrorContains(t, err, "toml: line 2")
}

func TestWriteConf(t *testing.T) {
	t.Parallel()
	user := filepath.Join(t.TempDir(), "own.conf")
	require.NoError(t, os.WriteFile(user, []byte("[engine]\nexit_command_delay = 300\nevents_logger = \"none\"\n"), 0o644))
	o := options(t, map[string]string{"CONTAINERS_CONF": user})
	t.Run("below 4.5 the user's file is merged into ours", func(t *testing.T) {
		t.Parallel()
		text := readVariable(t, o, "4.3.1", "CONTAINERS_CONF")
		assert.Equal(t, "[engine]\nevents_logger = \"none\"\nexit_command_delay = 10\n", text)
	})
	t.Run("from 4.5 on ours only adds", func(t *testing.T) {
		t.Parallel()
		assert.Equal(t, "[engine]\nexit_command_delay = 10\n", readVariable(t, o, "5.4.2", "CONTAINERS_CONF_OVERRIDE"))
	})
	t.Run("a file that is named and not there is an error", func(t *testing.T) {
		t.Parallel()
		_, err := engine.WriteConf(options(t, map[string]string{"CONTAINERS_CONF_OVERRIDE": "/no/such.conf"}), "5.0.0")
		require.ErrorContains(t, err, "/no/such.conf")
	})
}

func readVariable(t *testing.T, o engine.Options, version, name string) string {
	t.Helper()
	variable, err := engine.WriteConf(o, version)
	require.NoError(t, err)
	key, file, _ := strings.Cut(variable, "=")
	assert.Equal(t, name, key)
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	info, err := os.Stat(file)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode(), "the file merged may hold a proxy's password")
	return string(text)
}

func TestNextWorkaround(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ text, in, want string }{
		{"crun: unknown version specified: OCI runtime error", "", "runc"},
		{`default OCI runtime "crun" not found: invalid argument`, "", "runc"},
		{
			"runc create failed: error setting rlimits for ready process: error setting rlimit type 7: operation not permitted",
			"runc", "ulimits",
		},
		{"setting ulimit: permission denied", "", "ulimits"},
		{"sd-bus call: Interactive authentication required", "", "cgroupfs"},
		{"unable to write to the journal", "", "events-file"},
		{"no space left on device", "", ""},
		{"crun: still", "runc", ""},
	} {
		var in []string
		if tc.in != "" {
			in = append(in, tc.in)
		}
		assert.Equal(t, tc.want, engine.NextWorkaround(in, errors.New(tc.text)), tc.text)
	}
	failed := &engine.BuildError{
		Tail: []string{"error setting rlimit type 6", "exit status 1"}, Err: errors.New("exit status 1"),
	}
	assert.Equal(t, "ulimits", engine.NextWorkaround(nil, failed), "the lines before the last one count")
	assert.Equal(t, "[engine]\nruntime = \"runc\"\n[engine.runtimes]\nrunc = [\"/opt/runc\"]\n",
		engine.WorkaroundConf("runc", "/opt/runc"))
	assert.Regexp(t, `default_ulimits = \["nofile=\d+:\d+", "nproc=\d+:\d+"\]`, engine.WorkaroundConf("ulimits", ""))
}

func TestProbeProgram(t *testing.T) {
	t.Parallel()
	for arch, machine := range map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64} {
		program, err := engine.ProbeProgram(arch)
		require.NoError(t, err)
		file, err := elf.NewFile(bytes.NewReader(program))
		require.NoError(t, err)
		assert.Equal(t, machine, file.Machine)
		require.Len(t, file.Progs, 1)
		assert.Equal(t, uint64(len(program)), file.Progs[0].Filesz)
	}
	_, err := engine.ProbeProgram("mips")
	require.ErrorContains(t, err, "mips")
}

func TestDiskUsage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	empty, err := engine.DiskUsage(t.Context(), dir)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a"), make([]byte, 1<<20), 0o644))
	require.NoError(t, os.Link(filepath.Join(dir, "a"), filepath.Join(dir, "b")))
	full, err := engine.DiskUsage(t.Context(), dir)
	require.NoError(t, err)
	assert.InDelta(t, 1<<20, full-empty, 16<<10, "a hard-linked file counts once")
	_, err = engine.DiskUsage(t.Context(), filepath.Join(dir, "absent"))
	require.Error(t, err)
}

func TestAtLeast(t *testing.T) {
	t.Parallel()
	assert.True(t, engine.AtLeast("4.5.0", 4, 5))
	assert.True(t, engine.AtLeast("5.0.0-dev", 4, 5))
	assert.True(t, engine.AtLeast("4.10.1", 4, 5))
	assert.False(t, engine.AtLeast("4.3.1+ds1-8+deb12u1", 4, 5))
	assert.False(t, engine.AtLeast("", 4, 5))
}

func TestStorageFiles(t *testing.T) {
	t.Parallel()
	o := options(t, map[string]string{"HOME": "/home/ada"})
	assert.Contains(t, engine.StorageFiles(o.Getenv), "/home/ada/.config/containers/storage.conf")
	o = options(t, map[string]string{"HOME": "/home/ada", "XDG_CONFIG_HOME": "/config"})
	assert.Contains(t, engine.StorageFiles(o.Getenv), "/config/containers/storage.conf")
	o = options(t, map[string]string{"CONTAINERS_STORAGE_CONF": "/other.conf"})
	assert.Equal(t, []string{"/other.conf"}, engine.StorageFiles(o.Getenv))
}

func TestRemember(t *testing.T) {
	t.Parallel()
	o := options(t, nil)
	_, ok := engine.Recall(o, "a")
	assert.False(t, ok)
	for i := range 12 {
		require.NoError(t, engine.Remember(o, fmt.Sprint(i), "4.3.1"))
	}
	for _, key := range []string{"5", "6", "7", "8", "9"} { // in use since, also in turns
		_, ok = engine.Recall(o, key)
		assert.True(t, ok)
	}
	for _, key := range []string{"12", "13"} {
		require.NoError(t, engine.Remember(o, key, "4.3.1"))
	}
	_, ok = engine.Recall(o, "5")
	assert.True(t, ok, "what is used is not forgotten for its age")
	version, ok := engine.Recall(o, "11")
	assert.True(t, ok)
	assert.Equal(t, "4.3.1", version)
	_, ok = engine.Recall(o, "0")
	assert.False(t, ok, "only the last few are kept")
	require.NoError(t, os.WriteFile(filepath.Join(o.CacheDir, "engine-podman.json"), []byte("{broken"), 0o644))
	_, ok = engine.Recall(o, "11")
	assert.False(t, ok)
	require.NoError(t, engine.Remember(o, "11", "4.9.4"))
}
