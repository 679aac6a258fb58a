package secret_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/secret"
)

// setOf is the set of those secrets.
func setOf(secrets ...string) *secret.Set {
	set := &secret.Set{}
	set.Add(secrets...)
	return set
}

// calls notes each call of Write.
type calls struct{ texts []string }

func (c *calls) Write(p []byte) (int, error) {
	c.texts = append(c.texts, string(p))
	return len(p), nil
}

func TestWriter_PassesOnWholeLinesAsTheyAreComplete(t *testing.T) {
	t.Parallel()
	var got calls
	w := secret.NewWriter(&got, setOf("hunter-2"))
	for _, piece := range []string{"one\ntw", "o hun", "ter-2\nthree\nfour hunter", "-", "2"} {
		n, err := w.Write([]byte(piece))
		require.NoError(t, err)
		assert.Len(t, piece, n)
	}
	assert.Equal(t, []string{"one\n", "two [redacted]\nthree\n"}, got.texts)
	require.NoError(t, w.Close())
	require.NoError(t, w.Close(), "a second time there is nothing left")
	assert.Equal(t, []string{"one\n", "two [redacted]\nthree\n", "four [redacted]"}, got.texts)
}

func TestWriter_EveryCutOfTheText(t *testing.T) {
	t.Parallel()
	const text = "a hunter-2\nb\nhunter-2"
	for cut := range len(text) {
		var got bytes.Buffer
		w := secret.NewWriter(&got, setOf("hunter-2"))
		_, err := io.WriteString(w, text[:cut])
		require.NoError(t, err)
		_, err = io.WriteString(w, text[cut:])
		require.NoError(t, err)
		require.NoError(t, w.Close())
		assert.Equal(t, "a [redacted]\nb\n[redacted]", got.String())
	}
}

func TestWriter_ALineThatNeverEnds(t *testing.T) {
	t.Parallel()
	t.Run("is passed on in parts that cut no secret", func(t *testing.T) {
		t.Parallel()
		const password = "correct horse battery staple"
		text := strings.Repeat("x", 64<<10-len(password)/2) + password + strings.Repeat("y", 200<<10) + password
		var got bytes.Buffer
		w := secret.NewWriter(&got, setOf(password))
		_, err := io.Copy(w, iotest.HalfReader(struct{ io.Reader }{strings.NewReader(text)}))
		require.NoError(t, err)
		assert.Greater(t, got.Len(), 128<<10, "most of it has been passed on")
		require.NoError(t, w.Close())
		assert.Equal(t, strings.ReplaceAll(text, password, secret.Mask), got.String())
	})
	t.Run("without secrets nothing is held back for long", func(t *testing.T) {
		t.Parallel()
		text := strings.Repeat("binary", 100_000)
		var got bytes.Buffer
		w := secret.NewWriter(&got, nil)
		_, err := io.Copy(w, strings.NewReader(text))
		require.NoError(t, err)
		require.NoError(t, w.Close())
		assert.Equal(t, text, got.String())
	})
}

func TestWriter_WhenTheNextOneFails(t *testing.T) {
	t.Parallel()
	full := errors.New("disk full")
	w := secret.NewWriter(writerFunc(func([]byte) (int, error) { return 0, full }), nil)
	n, err := w.Write([]byte("line\nrest"))
	require.ErrorIs(t, err, full)
	assert.Zero(t, n)
	require.NoError(t, w.Close(), "what could not be written is not tried again")
}

func TestWriter_ConcurrentUse(t *testing.T) {
	t.Parallel()
	var got bytes.Buffer
	w := secret.NewWriter(&got, setOf("hunter-2"))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				_, _ = io.WriteString(w, "password hunter-2\n")
			}
		})
	}
	wg.Wait()
	require.NoError(t, w.Close())
	assert.Equal(t, strings.Repeat("password [redacted]\n", 800), got.String())
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
