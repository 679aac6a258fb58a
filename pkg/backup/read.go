package backup

import (
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"slices"
	"strings"

	"filippo.io/age"
)

// maxHeader bounds what is read of a header or a manifest, in bytes: a foreign file may claim any size.
const maxHeader = 64 << 20

// ReadHeader reads only what a backup says of itself.
func ReadHeader(r io.Reader) (Header, error) {
	_, h, err := open(r)
	return h, err
}

// Check reads a whole backup and compares it with its checksums, for which it needs no identity.
func Check(r io.Reader) (Header, error) {
	in, h, err := open(r)
	if err != nil {
		return h, err
	}
	for err == nil {
		err = in.next() // which reads what is left of the piece before
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return h, err
}

// Read reads a whole backup, decrypts it, and gives each member to take, in the order in which they were written. What
// take does not read is read after it. Whether a member was whole is known when Read returns: until then nothing may
// depend on it. Errors of take are returned as they are.
func Read(r io.Reader, identities []age.Identity, take func(name string, r io.Reader) error) (Manifest, error) {
	in, h, err := open(r)
	if err != nil {
		return Manifest{}, err
	}
	var read []Member
	for err = in.next(); err == nil; err = in.next() {
		stream := &member{in: in, dir: in.dir()}
		name := stream.dir
		var plain io.Reader = stream
		if h.Encrypted {
			name = strings.TrimSuffix(name, encrypted)
			if plain, err = age.Decrypt(stream, identities...); err != nil {
				return Manifest{}, opened(err, stream.failed)
			}
		}
		if name == ManifestName {
			return stream.manifest(h, plain, read)
		}
		of := newSum()
		tee := &faithful{from: io.TeeReader(plain, of), stream: stream}
		if err := take(name, tee); err != nil && tee.err == nil {
			return Manifest{}, err
		}
		if _, err := io.Copy(io.Discard, tee); err != nil {
			return Manifest{}, err
		}
		if err := stream.drain(); err != nil {
			return Manifest{}, err
		}
		read = append(read, Member{Name: name, Bytes: of.bytes, SHA256: of.text()})
	}
	if errors.Is(err, io.EOF) {
		err = damaged("it has no manifest")
	}
	return Manifest{}, err
}

// opened tells a wrong identity from a damaged member.
func opened(err, stream error) error {
	var none *age.NoIdentityMatchError
	switch {
	case stream != nil:
		return stream
	case errors.As(err, &none):
		return ErrNoIdentity
	default:
		return damaged("%v", err)
	}
}

// manifest reads the last member, and holds what was read before to it.
func (m *member) manifest(h Header, plain io.Reader, read []Member) (out Manifest, err error) {
	text, err := io.ReadAll(io.LimitReader(plain, maxHeader))
	if err == nil {
		err = m.drain()
	}
	if err != nil {
		return out, opened(err, m.failed)
	}
	if m.in.pushed {
		return out, damaged("there is more after the manifest")
	}
	if err := json.Unmarshal(text, &out); err != nil {
		return out, damaged("its manifest: %v", err)
	}
	if !reflect.DeepEqual(out.Header, h) {
		return out, damaged("%s is not what the manifest says", HeaderName)
	}
	if !slices.Equal(out.Members, read) {
		return out, damaged("its members are not those of the manifest")
	}
	return out, nil
}

// drain reads what is left of the stream.
func (m *member) drain() error {
	_, err := io.Copy(io.Discard, m)
	return err
}

// faithful makes an error of decryption what it is: damage.
type faithful struct {
	from   io.Reader
	stream *member
	err    error
}

// Read reads on, and remembers why it could not.
func (f *faithful) Read(p []byte) (int, error) {
	n, err := f.from.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = opened(err, f.stream.failed)
		f.err = err
	}
	return n, err
}

// member is the stream that the pieces of one directory make.
type member struct {
	in     *input
	dir    string
	ended  bool
	failed error
}

// Read reads the pieces one after the other.
func (m *member) Read(p []byte) (int, error) {
	for !m.ended && m.failed == nil {
		n, err := m.in.Read(p)
		if n > 0 {
			return n, nil
		}
		if err == nil {
			continue
		}
		if !errors.Is(err, io.EOF) {
			m.failed = err
			break
		}
		switch err := m.in.next(); {
		case errors.Is(err, io.EOF):
			m.ended = true
		case err != nil:
			m.failed = err
		case m.in.dir() != m.dir:
			m.ended, m.in.pushed = true, true
		}
	}
	if m.failed != nil {
		return 0, m.failed
	}
	return 0, io.EOF
}
