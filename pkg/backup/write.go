package backup

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
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

// stream writes the pieces of a member.
func (w *Writer) stream(name string, write func(io.Writer) error) (err error) {
	if len(w.to) == 0 {
		out := &pieces{to: w, name: name}
		if err := write(out); err != nil {
			return err
		}
		return out.Close()
	}
	out := &pieces{to: w, name: name + encrypted}
	sealed, err := age.Encrypt(out, w.to...)
	if err == nil {
		err = write(sealed)
	}
	if err == nil {
		err = sealed.Close()
	}
	if err != nil {
		return err
	}
	return out.Close()
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

// pieces gathers a stream into entries.
type pieces struct {
	to     *Writer
	name   string
	number int
	held   bytes.Buffer
}

// Write holds p back until a piece is full.
func (p *pieces) Write(data []byte) (int, error) {
	all := len(data)
	for len(data) > 0 {
		n := min(len(data), pieceSize-p.held.Len())
		p.held.Write(data[:n])
		data = data[n:]
		if p.held.Len() == pieceSize {
			if err := p.flush(); err != nil {
				return 0, err
			}
		}
	}
	return all, nil
}

// Close writes the last piece. A stream of nothing has one, too.
func (p *pieces) Close() error {
	if p.held.Len() > 0 || p.number == 0 {
		return p.flush()
	}
	return nil
}

func (p *pieces) flush() error {
	p.number++
	err := p.to.entry(pieceName(p.name, p.number), p.held.Bytes())
	p.held.Reset()
	return err
}

func pieceName(member string, number int) string { return fmt.Sprintf("%s/%06d", member, number) }
