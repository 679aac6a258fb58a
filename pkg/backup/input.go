package backup

import (
	"archive/tar"
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// input is the entries of an archive, each held to its sum.
type input struct {
	tar    *tar.Reader
	name   string // of the entry
	of     *sum
	sums   strings.Builder
	pushed bool // next gives the same entry again
	last   string
	number int
}

// open reads the header.
func open(r io.Reader) (*input, Header, error) {
	in := &input{tar: tar.NewReader(bufio.NewReaderSize(r, 1<<16))}
	var h Header
	head, err := in.tar.Next()
	if err != nil || head.Name != HeaderName {
		return nil, h, foreign(err)
	}
	in.name, in.of = head.Name, newSum()
	text, err := io.ReadAll(io.LimitReader(in, maxHeader))
	if err == nil {
		err = json.Unmarshal(text, &h)
	}
	switch {
	case err != nil:
		return nil, h, damaged("%s: %v", HeaderName, err)
	case h.Format < 1:
		return nil, h, ErrForeign
	case h.Format > format:
		return nil, h, fmt.Errorf("it has format %d, and this Poststack knows those up to %d: use a newer one",
			h.Format, format)
	}
	return in, h, nil
}

// foreign is a file whose beginning is not a backup's; one that cannot be read is that.
func foreign(err error) error {
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, tar.ErrHeader) {
		return ErrForeign
	}
	return err
}

// dir is the directory of the entry: the member that it is a piece of.
func (in *input) dir() string {
	dir, _, _ := strings.Cut(in.name, "/")
	return dir
}

// Read reads the entry.
func (in *input) Read(p []byte) (int, error) {
	n, err := in.tar.Read(p)
	_, _ = in.of.Write(p[:n])
	if err != nil && !errors.Is(err, io.EOF) {
		err = broken(err)
	}
	return n, err
}

// broken is what the archive's own form makes of damage; an error of the disk stays one.
func broken(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.Is(err, tar.ErrHeader) ||
		errors.Is(err, tar.ErrFieldTooLong) {
		return damaged("%v", err)
	}
	return err
}

// skip reads the rest of the entry, and notes its sum.
func (in *input) skip() error {
	if _, err := io.Copy(io.Discard, in); err != nil {
		return err
	}
	fmt.Fprintf(&in.sums, "%s  %s\n", in.of.text(), in.name)
	return nil
}

// next goes to the next piece. After the last one it compares the sums, and returns io.EOF if all is well.
func (in *input) next() error {
	if in.pushed {
		in.pushed = false
		return nil
	}
	if err := in.skip(); err != nil {
		return err
	}
	head, err := in.tar.Next()
	if errors.Is(err, io.EOF) {
		return damaged("it ends before its checksums")
	}
	if err != nil {
		return broken(err)
	}
	in.name, in.of = head.Name, newSum()
	if in.name == SumsName {
		return in.end()
	}
	if in.dir() != in.last {
		in.last, in.number = in.dir(), 0
	}
	in.number++
	if in.name != pieceName(in.last, in.number) {
		return damaged("%q stands where %q belongs", in.name, pieceName(in.last, in.number))
	}
	return nil
}

// end compares the checksums, which must be all that is left.
func (in *input) end() error {
	text, err := io.ReadAll(io.LimitReader(in.tar, maxHeader))
	if err != nil {
		return broken(err)
	}
	if string(text) != in.sums.String() {
		return damaged("its checksums are not those of its content")
	}
	if _, err := in.tar.Next(); !errors.Is(err, io.EOF) {
		return damaged("something follows its checksums")
	}
	return io.EOF
}
