package present_test

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// screen is a pseudo-terminal and what stands on it. It understands what the live view writes: line breaks,
// the cursor going up, clearing, colours.
type screen struct {
	file    *os.File // the side that programs write to
	columns int
	done    chan struct{}

	mu     sync.Mutex
	raw    strings.Builder
	lines  [][]rune
	row    int
	column int
	widest int // line that was ever written
}

// openScreen opens a terminal of that many columns.
func openScreen(t *testing.T, columns int) *screen {
	t.Helper()
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err, "open a pseudo-terminal")
	fd := int(ours.Fd())
	require.NoError(t, unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0))
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	require.NoError(t, err)
	theirs, err := os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	require.NoError(t, unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: uint16(columns)}))
	s := &screen{file: theirs, columns: columns, lines: [][]rune{nil}, done: make(chan struct{})}
	go s.read(ours)
	t.Cleanup(func() { _ = theirs.Close(); <-s.done; _ = ours.Close() })
	return s
}

// read shows everything until the other side is closed.
func (s *screen) read(from *os.File) {
	defer close(s.done)
	buf := make([]byte, 1<<16)
	var rest string
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		rest = s.show(rest + string(buf[:n]))
	}
}

var sequence = regexp.MustCompile(`^\x1b\[([0-9;]*)([A-Za-z])`)

// show interprets text, and returns what is incomplete at its end.
func (s *screen) show(text string) (rest string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	whole := strings.ToValidUTF8(text, "")
	if cut := strings.LastIndexByte(text, 0x1b); cut >= 0 && !sequence.MatchString(text[cut:]) {
		whole, rest = text[:cut], text[cut:]
	} else if len(whole) < len(text) { // a letter is cut in two
		rest = text[len(whole):]
	}
	s.raw.WriteString(whole)
	for len(whole) > 0 {
		if m := sequence.FindStringSubmatch(whole); m != nil {
			s.obey(m[1], m[2])
			whole = whole[len(m[0]):]
			continue
		}
		letter := []rune(whole)[0]
		whole = whole[len(string(letter)):]
		s.put(letter)
	}
	return rest
}

// obey moves the cursor or clears. Source: ECMA-48, CUU, ED, EL; colours are passed over.
func (s *screen) obey(argument, command string) {
	n, _ := strconv.Atoi(argument)
	switch command {
	case "A":
		s.row = max(0, s.row-max(1, n))
	case "J":
		s.lines = append(s.lines[:s.row], s.lines[s.row][:min(s.column, len(s.lines[s.row]))])
	case "K":
		s.lines[s.row] = s.lines[s.row][:min(s.column, len(s.lines[s.row]))]
	}
}

// put writes a letter where the cursor is.
func (s *screen) put(letter rune) {
	switch letter {
	case '\n':
		s.row++
		if s.row == len(s.lines) {
			s.lines = append(s.lines, nil)
		}
	case '\r':
		s.column = 0
	case '\t':
		s.column += 8 - s.column%8
		s.widest = max(s.widest, s.column)
	default:
		line := s.lines[s.row]
		for len(line) <= s.column {
			line = append(line, ' ')
		}
		line[s.column] = letter
		s.lines[s.row] = line
		s.column++
		s.widest = max(s.widest, s.column)
	}
}

// close waits until everything has arrived, and returns the lines that stand on the screen.
func (s *screen) close() []string {
	_ = s.file.Close()
	<-s.done
	s.mu.Lock()
	defer s.mu.Unlock()
	lines := make([]string, 0, len(s.lines))
	for _, line := range s.lines {
		lines = append(lines, strings.TrimRight(string(line), " "))
	}
	return lines
}
