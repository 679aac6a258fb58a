package e2e_test

import (
	"fmt"
	"testing"

	"github.com/creack/pty"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
	"github.com/poststack/poststack/tests/checkout"
)

// TestOutput_terminal interrupts a build that is drawn live on a wide terminal and on a narrow one, and changes its
// width meanwhile: the terminal is afterwards as it was before.
func TestOutput_terminal(t *testing.T) {
	enginetest.AnyEngine(t)
	enginetest.ForEach(t, func(t *testing.T, kind engine.Kind) {
		for _, columns := range []uint16{120, 40} {
			t.Run(fmt.Sprintf("%d columns", columns), func(t *testing.T) { interruptedLive(t, kind, columns) })
		}
	})
}

func interruptedLive(t *testing.T, kind engine.Kind, columns uint16) {
	t.Helper()
	c := checkout.New(t, kind)
	c.Write(t, "containers/base-debian/Dockerfile", func(string) string {
		return "ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nRUN sleep 60\n"
	})
	s := sit(t, c, nil, "build:base")
	require.NoError(t, pty.Setsize(s.tty, &pty.Winsize{Rows: 24, Cols: columns}))
	before, err := unix.IoctlGetTermios(int(s.tty.Fd()), unix.TCGETS)
	require.NoError(t, err)

	s.see(": RUN") // more does not fit on the narrow one
	require.NoError(t, pty.Setsize(s.tty, &pty.Winsize{Rows: 24, Cols: 60}))
	s.keys("\x03")
	s.see("cancelled")
	after, err := unix.IoctlGetTermios(int(s.tty.Fd()), unix.TCGETS)
	require.NoError(t, err)
	assert.Equal(t, before, after, "the terminal's modes")
	assert.Equal(t, 130, s.end())
}
