package logging_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/poststack/poststack/pkg/logging"
	"github.com/poststack/poststack/pkg/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// noon is when the tests' logs are opened.
func noon() time.Time { return time.Date(2025, 11, 25, 12, 0, 0, 0, time.FixedZone("CET", 3600)) }

// open opens logs in a scratch checkout. Only what o leaves out is filled in.
func open(t *testing.T, o logging.Options) (logs *logging.Logs, root string) {
	t.Helper()
	if o.Dir == "" {
		o.Dir = filepath.Join(t.TempDir(), "logs")
	}
	if o.Now == nil {
		o.Now = noon
	}
	logs, err := logging.Open(o)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, logs.Close()) })
	return logs, filepath.Dir(o.Dir)
}

// content reads a file of a checkout.
func content(t *testing.T, root, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	require.NoError(t, err)
	return string(text)
}

func TestOpen(t *testing.T) {
	t.Parallel()
	t.Run("makes the directories and no file", func(t *testing.T) {
		t.Parallel()
		logs, root := open(t, logging.Options{})
		for _, dir := range []string{"logs", "logs/containers", "logs/database"} {
			info, err := os.Stat(filepath.Join(root, dir))
			require.NoError(t, err)
			assert.True(t, info.IsDir())
			assert.Zero(t, info.Mode().Perm()&0o022, "others cannot write to it")
		}
		assert.Empty(t, logs.Path())
		require.NoError(t, logs.Close())
		entries, err := os.ReadDir(filepath.Join(root, "logs"))
		require.NoError(t, err)
		assert.Len(t, entries, 2)
	})
	t.Run("refuses a level that it does not know", func(t *testing.T) {
		t.Parallel()
		_, err := logging.Open(logging.Options{Dir: t.TempDir(), Level: "loud"})
		require.ErrorContains(t, err, `read log level "loud"`)
	})
	t.Run("says which directory it cannot make, and goes on", func(t *testing.T) {
		t.Parallel()
		file := filepath.Join(t.TempDir(), "logs")
		require.NoError(t, os.WriteFile(file, nil, 0o600))
		var console bytes.Buffer
		logs, err := logging.Open(logging.Options{Dir: file, Console: &console, Keep: 1})
		require.NoError(t, err)
		logs.Logger().Info("heard?")
		assert.Contains(t, console.String(), `warn   no log file: make log directory "`+file+`"`)
		assert.Contains(t, console.String(), "heard?")
		build, err := logs.Container("nginx_build")
		require.NoError(t, err)
		_, err = build.Write([]byte("STEP 1\n"))
		require.NoError(t, err, "an operation does not end for the sake of its log")
		assert.Empty(t, build.Path())
		require.ErrorContains(t, build.Close(), `make log directory "`+file+`"`)
		require.NoError(t, logs.Close())
	})
}

func TestLogs_Logger(t *testing.T) {
	t.Parallel()
	at := time.Date(2025, 11, 25, 8, 47, 12, 0, time.UTC)
	t.Run("the console shows its level, the file at least debug", func(t *testing.T) {
		t.Parallel()
		var console bytes.Buffer
		logs, root := open(t, logging.Options{Console: &console, Level: "warn", Args: []string{"schema:update", "-force"}})
		log := logs.Logger().WithTime(at)
		log.Trace("t")
		log.Debug("d")
		log.Info("i")
		log.Warn("w")
		log.Error("e")
		assert.Equal(t, "warn   w\nerror  e\n", console.String())
		assert.Equal(t, "logs/poststack_20251125T110000Z.log", logs.Path())
		assert.Equal(t, strings.Join([]string{
			`2025-11-25T08:47:12Z info   run started  args="schema:update -force"  pid=` + fmt.Sprint(os.Getpid()),
			`2025-11-25T08:47:12Z debug  d`,
			`2025-11-25T08:47:12Z info   i`,
			`2025-11-25T08:47:12Z warn   w`,
			`2025-11-25T08:47:12Z error  e`,
			``,
		}, "\n"), content(t, root, logs.Path()))
		info, err := os.Stat(filepath.Join(root, logs.Path()))
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o600), info.Mode())
	})
	t.Run("trace reaches both", func(t *testing.T) {
		t.Parallel()
		var console bytes.Buffer
		logs, root := open(t, logging.Options{Console: &console, Level: "trace"})
		logs.Logger().Trace("t")
		assert.Equal(t, "trace  t\n", console.String())
		assert.Contains(t, content(t, root, logs.Path()), "trace  t\n")
	})
	t.Run("the phase stands first, the other fields last and in order", func(t *testing.T) {
		t.Parallel()
		var console bytes.Buffer
		logs, _ := open(t, logging.Options{Console: &console})
		logs.Logger().WithFields(logrus.Fields{
			"took": 3 * time.Second, "phase": "build:base", "image": "a b", "empty": "", "raw": []byte("bytes"), "none": nil,
			"eq": "a=b",
		}).WithError(errors.New(`no "such" file`)).Info("done")
		assert.Equal(t,
			`info   build:base  done  empty=""  eq="a=b"  error="no \"such\" file"  image="a b"  none=<nil>  raw=bytes  took=3s`+
				"\n",
			console.String())
	})
	t.Run("further lines cannot pass for entries, nor drive the terminal", func(t *testing.T) {
		t.Parallel()
		var console bytes.Buffer
		logs, _ := open(t, logging.Options{Console: &console})
		logs.Logger().WithField("k", "v\nw").Info("one\r\ntwo\n\x1b[31mred\a \xff\tü\n")
		assert.Equal(t, "info   one\n    two\n    \\x1b[31mred\\a \uFFFD\tü  k=\"v\\nw\"\n", console.String())
	})
	t.Run("colours are on the console alone", func(t *testing.T) {
		t.Parallel()
		var console bytes.Buffer
		logs, root := open(t, logging.Options{Console: &console, Colour: true, Level: "debug"})
		for _, level := range []logrus.Level{logrus.ErrorLevel, logrus.WarnLevel, logrus.InfoLevel, logrus.DebugLevel} {
			logs.Logger().Log(level, "x")
		}
		assert.Equal(t, "\x1b[31merror\x1b[0m  x\n\x1b[33mwarn \x1b[0m  x\n\x1b[36minfo \x1b[0m  x\n"+
			"\x1b[90mdebug\x1b[0m  x\n", console.String())
		assert.NotContains(t, content(t, root, logs.Path()), "\x1b")
	})
	t.Run("without a console it still writes the file", func(t *testing.T) {
		t.Parallel()
		logs, root := open(t, logging.Options{})
		logs.Logger().Info("quiet")
		assert.Contains(t, content(t, root, logs.Path()), "info   quiet\n")
	})
	t.Run("after Close it writes to the console alone", func(t *testing.T) {
		t.Parallel()
		var console bytes.Buffer
		logs, root := open(t, logging.Options{Console: &console})
		logs.Logger().Info("before")
		require.NoError(t, logs.Close())
		logs.Logger().Info("after")
		assert.Equal(t, "info   before\ninfo   after\n", console.String())
		assert.NotContains(t, content(t, root, logs.Path()), "after")
	})
	t.Run("says once that there is no file, and goes on", func(t *testing.T) {
		t.Parallel()
		var console bytes.Buffer
		logs, root := open(t, logging.Options{Console: &console})
		require.NoError(t, os.RemoveAll(filepath.Join(root, "logs")))
		logs.Logger().Info("one")
		logs.Logger().Info("two")
		assert.Equal(t, 1, strings.Count(console.String(), "no log file"))
		assert.Contains(t, console.String(), "info   one\n")
		assert.Contains(t, console.String(), "info   two\n")
		assert.Empty(t, logs.Path())
		require.NoError(t, os.MkdirAll(filepath.Join(root, "logs", "containers"), 0o755))
		require.NoError(t, os.MkdirAll(filepath.Join(root, "logs", "database"), 0o755))
	})
	t.Run("a console that has gone away is no failure", func(t *testing.T) {
		t.Parallel()
		r, w := io.Pipe()
		require.NoError(t, r.Close())
		logs, root := open(t, logging.Options{Console: w})
		logs.Logger().Info("heard?")
		assert.Contains(t, content(t, root, logs.Path()), "heard?")
	})
}

func TestLogs_ConcurrentUse(t *testing.T) {
	t.Parallel()
	logs, root := open(t, logging.Options{Console: io.Discard, Secrets: &secret.Set{}, Keep: 1})
	op, err := logs.Database("liquibase_update")
	require.NoError(t, err)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 50 {
				logs.Logger().WithField("i", i).Info("line")
				_, _ = fmt.Fprintf(op, "line %d of %d\n", j, i)
				_ = logs.Path()
			}
		})
	}
	wg.Wait()
	assert.Equal(t, 401, strings.Count(content(t, root, logs.Path()), "\n"))
	lines := content(t, root, op.Path())
	assert.Equal(t, 400, strings.Count(lines, "\n"))
	assert.Regexp(t, `^(line \d+ of \d\n)+$`, lines)
}
