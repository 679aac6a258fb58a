package backup_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/backup"
)

// content is what random members hold: one is longer than a piece, one is empty.
func content() map[string]string {
	text := make([]byte, 5<<20)
	chance := rand.New(rand.NewPCG(1, 2))
	for i := range text {
		text[i] = byte(chance.Uint32())
	}
	return map[string]string{"roles.sql": "", "schema.sql": "create table t ();\n", "database.dump": string(text)}
}

// order is that of the members.
func order() []string { return []string{"roles.sql", "schema.sql", "database.dump"} }

func header() backup.Header {
	return backup.Header{
		Poststack: "test", Created: time.Date(2026, 1, 2, 3, 4, 5, 6, time.Local), Stack: "s", Database: "d", User: "u",
		Server: "15.20", Major: 15, Encoding: "UTF8", Collation: "C.UTF-8", Schema: "abc",
		Volumes: []string{"mail", "certificates"},
	}
}

func written(t *testing.T, members map[string]string, to ...age.Recipient) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := backup.Create(&out, header(), to)
	require.NoError(t, err)
	for _, name := range order() {
		require.NoError(t, w.Member(name, func(w io.Writer) error {
			_, err := io.WriteString(w, members[name])
			return err
		}))
	}
	require.NoError(t, w.Close(map[string]int64{"public.t": 7}))
	return out.Bytes()
}

// read gives the members of a backup, once all of it was read.
func read(file []byte, identities ...age.Identity) (backup.Manifest, map[string]string, error) {
	members := map[string]string{}
	m, err := backup.Read(bytes.NewReader(file), identities, func(name string, r io.Reader) error {
		text, err := io.ReadAll(r)
		members[name] = string(text)
		return err
	})
	return m, members, err
}

func key(t *testing.T) *age.X25519Identity {
	t.Helper()
	k, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	return k
}

func TestBackup(t *testing.T) {
	t.Parallel()
	mine := key(t)
	for name, to := range map[string][]age.Recipient{"plain": nil, "encrypted": {key(t).Recipient(), mine.Recipient()}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := written(t, content(), to...)
			m, members, err := read(file, mine)
			require.NoError(t, err)
			assert.Equal(t, content(), members)
			assert.Equal(t, map[string]int64{"public.t": 7}, m.Rows)
			h, err := backup.ReadHeader(bytes.NewReader(file))
			require.NoError(t, err)
			assert.Equal(t, h, m.Header)
			assert.Equal(t, len(to) > 0, h.Encrypted)
			assert.True(t, header().Created.Equal(h.Created))
			_, err = backup.Check(bytes.NewReader(file))
			require.NoError(t, err, "which needs no identity")
			assert.Equal(t, len(to) == 0, bytes.Contains(file, []byte("create table")), "nothing is in it in plain text")
			assert.Equal(t, len(to) == 0, bytes.Contains(file, []byte("public.t")))
		})
	}
}

// TestBackup_by_hand makes the dump again as docs/backup.md says, without this package.
func TestBackup_by_hand(t *testing.T) {
	t.Parallel()
	mine := key(t)
	archive := tar.NewReader(bytes.NewReader(written(t, content(), mine.Recipient())))
	var pieces bytes.Buffer
	for {
		head, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		if strings.HasPrefix(head.Name, "database.dump.age/") {
			_, err := io.Copy(&pieces, archive)
			require.NoError(t, err)
		}
	}
	plain, err := age.Decrypt(&pieces, mine)
	require.NoError(t, err)
	text, err := io.ReadAll(plain)
	require.NoError(t, err)
	assert.Equal(t, backup.Fingerprint([]byte(content()["database.dump"])), backup.Fingerprint(text),
		"a diff of these would be long")
}

// TestBackup_damaged changes one byte anywhere: it is refused, or, in what fills up blocks, it is without effect.
func TestBackup_damaged(t *testing.T) {
	t.Parallel()
	small := map[string]string{"schema.sql": "create table t ();\n", "database.dump": strings.Repeat("row\n", 300)}
	mine := key(t)
	for name, to := range map[string][]age.Recipient{"plain": nil, "encrypted": {mine.Recipient()}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := written(t, small, to...)
			want, members, err := read(file, mine)
			require.NoError(t, err)
			refused := 0
			for i := 0; i < len(file); i += 7 {
				bad := bytes.Clone(file)
				bad[i] ^= 0x20
				m, got, err := read(bad, mine)
				_, checked := backup.Check(bytes.NewReader(bad))
				if err == nil {
					require.Equal(t, members, got, "byte %d", i)
					require.Equal(t, want, m, "byte %d", i)
					continue
				}
				require.Error(t, checked, "byte %d: %v", i, err)
				refused++
			}
			assert.Greater(t, refused, len(file)/7/4)
		})
	}
}

func TestBackup_truncated(t *testing.T) {
	t.Parallel()
	mine := key(t)
	file := written(t, content(), mine.Recipient())
	for cut := 0; cut < len(file)-1024; cut += 511*97 + 1 { // the last two blocks only say that the archive ends
		_, _, err := read(file[:cut], mine)
		require.Error(t, err, "%d bytes", cut)
		assert.True(t, errors.Is(err, backup.ErrDamaged) || errors.Is(err, backup.ErrForeign), "%d bytes: %v", cut, err)
		_, err = backup.Check(bytes.NewReader(file[:cut]))
		require.Error(t, err, "%d bytes", cut)
	}
}

func TestBackup_another_key(t *testing.T) {
	t.Parallel()
	file := written(t, content(), key(t).Recipient())
	_, members, err := read(file, key(t))
	require.ErrorIs(t, err, backup.ErrNoIdentity)
	assert.Empty(t, members)
}

func TestBackup_foreign(t *testing.T) {
	t.Parallel()
	var other bytes.Buffer
	w := tar.NewWriter(&other)
	require.NoError(t, w.WriteHeader(&tar.Header{Name: "etc/passwd", Typeflag: tar.TypeReg}))
	require.NoError(t, w.Close())
	for name, text := range map[string]string{
		"nothing": "", "text": strings.Repeat("select 1;\n", 200), "another archive": other.String(),
		"a dump": "PGDMP\x01\x0f",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := backup.ReadHeader(strings.NewReader(text))
			require.ErrorIs(t, err, backup.ErrForeign)
			_, _, err = read([]byte(text))
			require.ErrorIs(t, err, backup.ErrForeign)
		})
	}
}

// TestBackup_rearranged has members that are whole, in an archive that was made of two.
func TestBackup_rearranged(t *testing.T) {
	t.Parallel()
	one, two := written(t, content()), written(t, map[string]string{"roles.sql": "create role r;", "schema.sql": "other"})
	h := bytes.Index(two, []byte("schema.sql/000001"))
	_, _, err := read(append(bytes.Clone(one[:bytes.Index(one, []byte("schema.sql/000001"))]), two[h:]...))
	assert.ErrorIs(t, err, backup.ErrDamaged)
}

func TestBackup_whose_member_fails(t *testing.T) {
	t.Parallel()
	lost := errors.New("connection lost")
	w, err := backup.Create(io.Discard, header(), nil)
	require.NoError(t, err)
	require.ErrorIs(t, w.Member("database.dump", func(io.Writer) error { return lost }), lost)
	_, err = backup.Read(bytes.NewReader(written(t, content())), nil, func(string, io.Reader) error { return lost })
	assert.ErrorIs(t, err, lost)
}

func TestSchema(t *testing.T) {
	t.Parallel()
	const text = "--\n-- PostgreSQL database dump\n--\n\n\\restrict %s\n\n-- Dumped from database version 15.20\n" +
		"-- Dumped by pg_dump version 15.20\n\ncreate table t ();\n\\unrestrict %s\n"
	a := backup.Schema([]byte(strings.ReplaceAll(text, "%s", "abc")))
	b := backup.Schema([]byte(strings.ReplaceAll(text, "%s", "def")))
	assert.Equal(t, backup.Fingerprint(a), backup.Fingerprint(b))
	assert.Contains(t, string(a), "create table t ();\n")
	nested := backup.Schema([]byte("check (((a >= 1) and (a <= 9)) and b)\n"))
	flat := backup.Schema([]byte("check ((a >= 1) and (a <= 9) and b)\n"))
	assert.Equal(t, backup.Fingerprint(nested), backup.Fingerprint(flat),
		"as PostgreSQL prints the same before and after a restore")
	wanted, found := backup.Difference(nested, flat)
	assert.Equal(t, wanted, found)
	wanted, found = backup.Difference(a, bytes.ReplaceAll(b, []byte("t ()"), []byte("t (a int)")))
	assert.Equal(t, "create table t ();", wanted)
	assert.Equal(t, "create table t (a int);", found)
}

// FuzzRead damages a backup: what is read of it is what was written, or it is refused.
func FuzzRead(f *testing.F) {
	for _, at := range []uint16{0, 1, 100, 156, 257, 512, 600, 1024, 4096} {
		f.Add(at, byte(1), uint16(0))
		f.Add(at, byte(0), at)
	}
	want := map[string]string{
		"roles.sql": "", "schema.sql": "create table t ();\n", "database.dump": strings.Repeat("PGDMP", 100),
	}
	f.Fuzz(func(t *testing.T, at uint16, change byte, cut uint16) {
		file := written(t, want)
		file[int(at)%len(file)] ^= change
		file = file[:len(file)-int(cut)%len(file)]
		_, checked := backup.Check(bytes.NewReader(file))
		m, members, err := read(file)
		if err != nil {
			return
		}
		assert.NoError(t, checked, "one reading takes it, and the other does not")
		assert.Equal(t, want, members)
		assert.Equal(t, header().Database, m.Header.Database)
	})
}

func TestUnqualified(t *testing.T) {
	t.Parallel()
	for name, differ := range map[string][2]string{
		"of one table":  {` SELECT p.name, "odd P".id AS zone_id`, ` SELECT name, id AS zone_id`},
		"of a schema":   {`GRANT SELECT ON TABLE public.domains TO r;`, `GRANT SELECT ON TABLE domains TO r;`},
		"not a number":  {`DEFAULT 1.5`, `DEFAULT 1.5`},
		"of other text": {`CHECK (p.kind = 'a b')`, `CHECK (kind = 'a b')`},
	} {
		assert.Equal(t, differ[1], string(backup.Unqualified([]byte(differ[0]))), name)
	}
}
