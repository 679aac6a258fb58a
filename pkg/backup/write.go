package backup

import (
	"archive/tar"
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"filippo.io/age"
)

// Writer writes a backup. After its first error nothing of it is of use.
type Writer struct {
	tar      *tar.Writer
	to       []age.Recipient
	manifest Manifest
	sums     strings.Builder
}

// Create begins a backup. With recipients its members are encrypted for them.
func Create(w io.Writer, h Header, to []age.Recipient) (*Writer, error) {
	h.Format, h.Encrypted, h.Created = format, len(to) > 0, h.Created.UTC().Round(0)
	out := &Writer{tar: tar.NewWriter(w), to: to, manifest: Manifest{Header: h}}
	text, err := json.MarshalIndent(h, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write backup: %w", err)
	}
	return out, out.entry(HeaderName, append(text, '\n'))
}

// Member writes one stream, which write gives. Its error ends the backup.
func (w *Writer) Member(name string, write func(io.Writer) error) error {
	plain := newSum()
	if err := w.stream(name, func(out io.Writer) error { return write(io.MultiWriter(plain, out)) }); err != nil {
		return err
	}
	w.manifest.Members = append(w.manifest.Members, Member{Name: name, Bytes: plain.bytes, SHA256: plain.text()})
	return nil
}

// Close finishes the backup. Rows are how many each table has.
func (w *Writer) Close(rows map[string]int64) error {
	w.manifest.Rows = rows
	text, err := json.MarshalIndent(w.manifest, "", "  ")
	if err != nil {
		return fmt.Errorf("write backup: %w", err)
	}
	err = w.stream(ManifestName, func(out io.Writer) error {
		_, err := out.Write(append(text, '\n'))
		return err
	})
	if err == nil {
		err = w.entry(SumsName, []byte(w.sums.String()))
	}
	if err != nil {
		return err
	}
	if err := w.tar.Close(); err != nil {
		return fmt.Errorf("write backup: %w", err)
	}
	return nil
}

// stream writes the pieces of a member. A stream of nothing has one, too.
func (w *Writer) stream(name string, write func(io.Writer) error) (err error) {
	if len(w.to) > 0 {
		name += encrypted
	}
	p := &pieces{to: w, name: name}
	out := bufio.NewWriterSize(p, pieceSize)
	var sealed io.WriteCloser
	if len(w.to) == 0 {
		err = write(out)
	} else if sealed, err = age.Encrypt(out, w.to...); err == nil {
		err = write(sealed)
	}
	if err == nil && sealed != nil {
		err = sealed.Close()
	}
	if err == nil {
		err = out.Flush()
	}
	if err == nil && p.number == 0 {
		err = p.add(nil)
	}
	return err
}

// entry writes an entry of the archive, and its sum.
func (w *Writer) entry(name string, content []byte) error {
	head := &tar.Header{
		Typeflag: tar.TypeReg, Name: name, Mode: 0o600, Size: int64(len(content)),
		ModTime: w.manifest.Header.Created.Truncate(time.Second), // a fraction would take another entry
	}
	err := w.tar.WriteHeader(head)
	if err == nil {
		_, err = w.tar.Write(content)
	}
	if err != nil {
		return fmt.Errorf("write backup: %w", err)
	}
	of := newSum()
	_, _ = of.Write(content)
	fmt.Fprintf(&w.sums, "%s  %s\n", of.text(), name)
	return nil
}

// pieces makes entries of a stream.
type pieces struct {
	to     *Writer
	name   string
	number int
}

// Write makes entries of what is gathered.
func (p *pieces) Write(data []byte) (int, error) {
	for piece := range slices.Chunk(data, pieceSize) {
		if err := p.add(piece); err != nil {
			return 0, err
		}
	}
	return len(data), nil
}

func (p *pieces) add(piece []byte) error {
	p.number++
	return p.to.entry(pieceName(p.name, p.number), piece)
}

func pieceName(member string, number int) string { return fmt.Sprintf("%s/%06d", member, number) }
