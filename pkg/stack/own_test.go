package stack_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/secret"
	"github.com/poststack/poststack/pkg/stack"
)

func TestStack_password_generated(t *testing.T) {
	t.Parallel()
	b := newBench(t).built(t, "postgres")
	serve(t, b.engine)
	_, err := b.phase(t, (*stack.Stack).StartDatabase)
	require.NoError(t, err)
	path := b.state(t, "password")
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode())
	password := read(t, path)
	assert.Regexp(t, `^[A-Z2-7]{32}$`, password)

	_, err = b.phase(t, (*stack.Stack).Down)
	require.NoError(t, err)
	_, err = b.phase(t, (*stack.Stack).StartDatabase)
	require.NoError(t, err)
	assert.Equal(t, password, read(t, path), "it is kept")
}

func TestStack_password_file(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{"bare": "pw-k06", "LF": "pw-k06\n", "CRLF": "pw-k06\r\n"} {
		t.Run("one that ends with "+name+" holds the same password", func(t *testing.T) {
			t.Parallel()
			b := newBench(t).built(t, "postgres")
			serve(t, b.engine)
			b.config.Database.PasswordFile = filepath.Join(t.TempDir(), "pw")
			write(t, b.config.Database.PasswordFile, text)
			_, err := b.phase(t, (*stack.Stack).StartDatabase)
			require.NoError(t, err)
			assert.Equal(t, "pw-k06", string(b.engine.Files(containerName)["/run/secrets/postgres-password"].Content))
			s, ctx, _ := b.open(t)
			target, err := s.Target(ctx)
			require.NoError(t, err)
			assert.Equal(t, secret.Value("pw-k06"), target.Password)
			assert.NoFileExists(t, b.state(t, "password"))

			_, err = b.phase(t, reset(true))
			require.NoError(t, err)
			assert.Equal(t, text, read(t, b.config.Database.PasswordFile), "a file of the user's is never deleted")
		})
	}
	t.Run("one that is a pipe is read once", func(t *testing.T) {
		t.Parallel()
		b := newBench(t).built(t, "postgres")
		serve(t, b.engine)
		r, w, err := os.Pipe()
		require.NoError(t, err)
		defer func() { _ = r.Close() }()
		_, err = w.WriteString("pw-k06\n")
		require.NoError(t, err)
		require.NoError(t, w.Close())
		b.config.Database.PasswordFile = fmt.Sprintf("/dev/fd/%d", r.Fd())
		s, ctx, _ := b.open(t)
		require.NoError(t, s.StartDatabase(ctx))
		target, err := s.Target(ctx)
		require.NoError(t, err)
		assert.Equal(t, secret.Value("pw-k06"), target.Password)
	})
	t.Run("special characters stay as they are", func(t *testing.T) {
		t.Parallel()
		const password = " p@s:s/w#r%d?&=+'\"\\$HOME {x}; "
		b := newBench(t).built(t, "postgres")
		serve(t, b.engine)
		write(t, b.state(t, "password"), password+"\n")
		_, err := b.phase(t, (*stack.Stack).StartDatabase)
		assert.NoError(t, err)
		s, ctx, _ := b.open(t)
		target, err := s.Target(ctx)
		require.NoError(t, err)
		assert.Equal(t, secret.Value(password), target.Password)
	})
	for name, prepare := range map[string]func(t *testing.T, path string){
		"empty":            func(t *testing.T, path string) { write(t, path, "") },
		"only a line end":  func(t *testing.T, path string) { write(t, path, "\r\n") },
		"of several lines": func(t *testing.T, path string) { write(t, path, "s3cr3t-one\ns3cr3t-two\n") },
		"binary":           func(t *testing.T, path string) { write(t, path, "s3cr3t\x00pw") },
		"a directory":      func(t *testing.T, path string) { require.NoError(t, os.Mkdir(path, 0o700)) },
		"missing":          func(*testing.T, string) {},
	} {
		t.Run("one that is "+name+" is refused before anything is made", func(t *testing.T) {
			t.Parallel()
			b := newBench(t).built(t, "postgres")
			b.config.Database.PasswordFile = filepath.Join(t.TempDir(), "pw")
			prepare(t, b.config.Database.PasswordFile)
			j, err := b.phase(t, (*stack.Stack).StartDatabase)
			assert.ErrorContains(t, err, b.config.Database.PasswordFile)
			assert.NotContains(t, err.Error(), "s3cr3t")
			assert.Equal(t, 2, stack.ExitStatus(err))
			assert.Equal(t, event.Failed, j.last(t, event.PhaseEnded).Outcome)
			assert.Empty(t, b.engine.Calls())
		})
	}
}

// TestStartDatabase_other_names changes what a volume keeps for good, while its server runs.
func TestStartDatabase_other_names(t *testing.T) {
	t.Parallel()
	b := newBench(t).built(t, "postgres")
	server := serve(t, b.engine)
	_, err := b.phase(t, (*stack.Stack).StartDatabase)
	require.NoError(t, err)
	before, err := b.engine.ContainerInspect(t.Context(), containerName)
	require.NoError(t, err)
	was := b.config.Database
	for says, change := range map[string]func(){
		`was made for the user "` + was.User + `", not "other"`: func() { b.config.Database.User = "other" },
		`the server has no database "other"`: func() {
			b.config.Database.Name, server.reply = "other", "3D000"
		},
	} {
		change()
		_, err = b.phase(t, (*stack.Stack).StartDatabase)
		require.ErrorContains(t, err, says)
		assert.ErrorContains(t, err, "all was left as it was")
		assert.Equal(t, 2, stack.ExitStatus(err))
		after, err := b.engine.ContainerInspect(t.Context(), containerName)
		require.NoError(t, err)
		assert.Equal(t, before.ID, after.ID, says)
		assert.Equal(t, engine.Running, after.State, says)
		b.config.Database, server.reply = was, ""
	}
	b.config.Database.Name = "other" // somebody has made it meanwhile
	_, err = b.phase(t, (*stack.Stack).StartDatabase)
	require.NoError(t, err)
	after, err := b.engine.ContainerInspect(t.Context(), containerName)
	require.NoError(t, err)
	assert.NotEqual(t, before.ID, after.ID)
}

func TestStack_Target(t *testing.T) {
	t.Parallel()
	t.Run("an external one is what the URL says", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		b.config.Database.URL = "postgres://app:s3cr3t-pw@db.example:5433/mail?sslmode=require"
		s, ctx, j := b.open(t)
		assert.True(t, s.External())
		target, err := s.Target(ctx)
		require.NoError(t, err)
		assert.Equal(t, "db.example:5433", target.Address())
		assert.Equal(t, "mail", target.Database)
		s.Sink.For("x").Notice("it is s3cr3t-pw")
		assert.Equal(t, []string{"it is [redacted]"}, j.texts(event.Notice), "the password is a known secret")
		assert.Empty(t, b.engine.Calls())
	})
	for _, url := range []secret.Value{
		"postgres://app:al@pha-k17@127.0.0.1:5432/mail", "postgres://app:al/pha-k17@127.0.0.1:5432/mail",
		"mysql://app:pha-k17@127.0.0.1/mail", "postgres://app:pha-k17@127.0.0.1:99999/mail",
	} {
		t.Run("one that cannot be read is a matter of usage, without its password", func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.config.Database.URL = url
			s, ctx, _ := b.open(t)
			_, err := s.Target(ctx)
			require.ErrorAs(t, err, new(*stack.UsageError))
			assert.ErrorContains(t, err, "DATABASE_URL: ")
			assert.NotContains(t, err.Error(), "pha-k17")
			_, err = b.phase(t, (*stack.Stack).VerifyDatabase)
			assert.Equal(t, 2, stack.ExitStatus(err))
		})
	}
	t.Run("the own one before there is any", func(t *testing.T) {
		t.Parallel()
		for _, port := range []uint16{0, 5444} {
			b := newBench(t)
			b.config.Database.Port = port
			s, ctx, _ := b.open(t)
			_, err := s.Target(ctx)
			assert.EqualError(t, err, "this stack has no database yet: run mage setup, or set DATABASE_URL")
			assert.NoDirExists(t, b.config.StateDir, "asking makes nothing")
		}
	})
	t.Run("the own one", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		write(t, b.state(t, "password"), "p@ss")
		b.config.Database.Port = 5444
		s, ctx, j := b.open(t)
		require.NoError(t, s.PrintURL(ctx, false))
		report := j.last(t, event.Result).Report
		assert.Equal(t, "postgresql://poststack:p%40ss@127.0.0.1:5444/poststack?sslmode=disable", report.Text)
	})
}

func TestStack_PrintURL_without_a_database(t *testing.T) {
	t.Parallel()
	j, err := newBench(t).phase(t, printURL(false))
	assert.Equal(t, 5, stack.ExitStatus(err))
	assert.Empty(t, j.events, "nothing but a URL may be on stdout")
}

func TestTarget_own_waits_as_long_as_set(t *testing.T) {
	t.Parallel()
	b := newBench(t).built(t, "postgres")
	b.config.Timeout.Connect = time.Minute
	serve(t, b.engine)
	_, err := b.phase(t, (*stack.Stack).StartDatabase)
	require.NoError(t, err)
	s, ctx, _ := b.open(t)
	target, err := s.Target(ctx)
	require.NoError(t, err)
	assert.Equal(t, time.Minute, target.ConnectTimeout, "the remedy for a slow machine")
}
