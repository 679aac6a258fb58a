package pair_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/agent/pair"
	"github.com/poststack/poststack/pkg/certificate"
)

func now() time.Time { return time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC) }

// write makes a pair that lasts for that many days from now.
func write(t *testing.T, dir string, days int, names ...string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: names,
		NotBefore: now().AddDate(0, 0, -100), NotAfter: now().AddDate(0, 0, days),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(dir, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, certificate.ChainFile),
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, certificate.KeyFile),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
}

func TestStore_For(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	write(t, in("wild"), 30, "example.org", "*.example.org")
	write(t, in("www"), 10, "www.example.org")
	write(t, in("late"), 60, "twice.example.net")
	write(t, in("early"), 20, "twice.example.net")
	write(t, in("ended"), -1, "ended.example.net")
	write(t, in("both-ended"), -1, "both.example.org")
	write(t, in("other-key"), 30, "broken.example.net")
	write(t, in("spare"), 30)
	require.NoError(t,
		os.Rename(filepath.Join(in("spare"), certificate.KeyFile), filepath.Join(in("other-key"), certificate.KeyFile)))
	write(t, in("half"), 30, "half.example.net")
	require.NoError(t, os.Remove(filepath.Join(in("half"), certificate.KeyFile)))

	s := pair.NewStore(dir, "/standin", now)
	s.Refresh([]string{
		"wild", "www", "early", "late", "ended", "both-ended", "other-key", "half", "absent", "../wild", ".",
	})
	for name, want := range map[string]string{
		"example.org":           in("wild"),
		"a.example.org":         in("wild"),
		"www.example.org":       in("www"),
		"twice.example.net":     in("late"),
		"fizz.buzz.example.org": "/standin",
		"another-example.org":   "/standin",
		"broken.example.net":    "/standin",
		"half.example.net":      "/standin",
		"ended.example.net":     in("ended"),
		"both.example.org":      in("wild"),
		"unknown.example.net":   "/standin",
	} {
		assert.Equal(t, want, s.For(name), name)
	}
	states := map[string]pair.State{}
	for _, state := range s.States() {
		states[state.Directory] = state
	}
	assert.Len(t, states, 10)
	assert.Equal(t,
		pair.State{
			Directory: "late", Names: []string{"twice.example.net"},
			Serial: "1", NotAfter: now().AddDate(0, 0, 60), Served: true,
		},
		states["late"])
	assert.False(t, states["early"].Served)
	assert.True(t, states["absent"].Missing())
	require.Error(t, states["other-key"].Err)
	assert.False(t, states["other-key"].Missing())
	warnings := s.Warnings()
	require.Len(t, warnings, 3, "%q", warnings)
	assert.Contains(t, warnings[2], "other-key: tls: private key does not match public key")
}

func TestStore_Refresh_sees_what_has_changed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a"), 30, "a.example.org")
	s := pair.NewStore(dir, "/standin", now)
	s.Refresh([]string{"a"})
	first := s.Stamp()
	s.Refresh([]string{"a"})
	assert.Equal(t, first, s.Stamp())

	write(t, filepath.Join(dir, "a"), 60, "b.example.org")
	s.Refresh([]string{"a"})
	assert.NotEqual(t, first, s.Stamp())
	assert.Equal(t, "/standin", s.For("a.example.org"))
	assert.Equal(t, filepath.Join(dir, "a"), s.For("b.example.org"))

	require.NoError(t, os.RemoveAll(filepath.Join(dir, "a")))
	s.Refresh([]string{"a"})
	assert.Equal(t, "/standin", s.For("b.example.org"))
}

func TestStore_Refresh_sees_what_begins_and_ends(t *testing.T) {
	t.Parallel()
	dir, at := t.TempDir(), now()
	write(t, filepath.Join(dir, "own"), 1, "www.example.org")
	write(t, filepath.Join(dir, "wild"), 30, "*.example.org")
	s := pair.NewStore(dir, "/standin", func() time.Time { return at })
	stamps := map[string]string{}
	for days, want := range map[int]string{-200: "own", 0: "own", 2: "wild"} {
		at = now().AddDate(0, 0, days)
		s.Refresh([]string{"own", "wild"})
		assert.Equal(t, filepath.Join(dir, want), s.For("www.example.org"), days)
		stamps[s.Stamp()] = want
	}
	assert.Len(t, stamps, 3, "no file has changed, but another pair may be the best")
}

func TestStandIn(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "standin")
	begun := time.Now()
	require.NoError(t, pair.StandIn(dir, begun))
	first, err := tls.LoadX509KeyPair(filepath.Join(dir, certificate.ChainFile), filepath.Join(dir, certificate.KeyFile))
	require.NoError(t, err)
	assert.Equal(t, []string{pair.StandInName}, first.Leaf.DNSNames)
	info, err := os.Stat(filepath.Join(dir, certificate.KeyFile))
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode())

	require.NoError(t, pair.StandIn(dir, begun.AddDate(0, 6, 0)))
	same, err := tls.LoadX509KeyPair(filepath.Join(dir, certificate.ChainFile), filepath.Join(dir, certificate.KeyFile))
	require.NoError(t, err)
	assert.Equal(t, first.Leaf.SerialNumber, same.Leaf.SerialNumber)

	require.NoError(t, pair.StandIn(dir, begun.AddDate(1, 6, 0)))
	later, err := tls.LoadX509KeyPair(filepath.Join(dir, certificate.ChainFile), filepath.Join(dir, certificate.KeyFile))
	require.NoError(t, err)
	assert.NotEqual(t, first.Leaf.SerialNumber, later.Leaf.SerialNumber)
}
