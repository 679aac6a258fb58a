package certificate_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/certificate"
)

const day = 24 * time.Hour

// local is an authority in a directory of its own.
func local(t *testing.T) certificate.Authority {
	t.Helper()
	return certificate.Authority{
		Dir: filepath.Join(t.TempDir(), "tls"), Name: "poststack s",
		Server: certificate.Names{
			DNS: []string{"localhost", "postgres"}, IPs: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		},
	}
}

func TestAuthority_Renew(t *testing.T) {
	t.Parallel()
	a, now := local(t), time.Now()
	done, err := a.Renew(now)
	require.NoError(t, err)
	assert.Equal(t, certificate.Renewed{Authority: true, Server: true}, done)
	first, err := certificate.Load(a.Dir, now)
	require.NoError(t, err)
	assert.Equal(t, filepath.Join(a.Dir, "root.pem"), first.RootPath)
	for _, name := range []string{"localhost", "postgres", "127.0.0.1", "::1"} {
		require.NoError(t, first.Leaf.VerifyHostname(name))
	}
	require.Error(t, first.Leaf.VerifyHostname("example.org"))
	assert.False(t, first.Leaf.IsCA)
	for name, mode := range map[string]os.FileMode{
		"authority.pem": 0o600, "privkey.pem": 0o600, "root.pem": 0o644, "fullchain.pem": 0o644, ".": 0o700,
	} {
		info, err := os.Stat(filepath.Join(a.Dir, name))
		require.NoError(t, err)
		assert.Equal(t, mode, info.Mode().Perm(), name)
	}
	roots, err := os.ReadFile(first.RootPath)
	require.NoError(t, err)
	assert.NotContains(t, string(roots)+string(first.Chain), "PRIVATE KEY")

	for name, tc := range map[string]struct {
		change func(a *certificate.Authority)
		at     time.Duration
		want   certificate.Renewed
	}{
		"nothing has changed":               {want: certificate.Renewed{}},
		"it is valid for more than 30 days": {at: 3600 * day},
		"the clock is a year ahead":         {at: 365 * day},
		"the authority is about to end":     {at: 3630 * day, want: certificate.Renewed{Authority: true, Server: true}},
		"both have ended":                   {at: 3700 * day, want: certificate.Renewed{Authority: true, Server: true}},
		"the names are others": {
			change: func(a *certificate.Authority) { a.Server.DNS = []string{"localhost"} },
			want:   certificate.Renewed{Server: true},
		},
		"the key was lost": {
			change: func(a *certificate.Authority) { assert.NoError(t, os.Remove(filepath.Join(a.Dir, "privkey.pem"))) },
			want:   certificate.Renewed{Server: true},
		},
		"the file for clients was lost": {change: func(a *certificate.Authority) {
			assert.NoError(t, os.Remove(filepath.Join(a.Dir, "root.pem")))
		}},
		"the authority was deleted by someone": {
			change: func(a *certificate.Authority) { assert.NoError(t, os.Remove(filepath.Join(a.Dir, "authority.pem"))) },
			want:   certificate.Renewed{Authority: true, Server: true},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			again := a
			again.Dir = filepath.Join(t.TempDir(), "tls")
			require.NoError(t, os.CopyFS(again.Dir, os.DirFS(a.Dir)))
			if tc.change != nil {
				tc.change(&again)
			}
			done, err := again.Renew(now.Add(tc.at))
			require.NoError(t, err)
			assert.Equal(t, tc.want, done)
			second, err := certificate.Load(again.Dir, now.Add(tc.at))
			require.NoError(t, err)
			assert.Equal(t, tc.want.Server, certificate.Serial(first.Leaf) != certificate.Serial(second.Leaf))
			assert.Equal(t, tc.want.Authority, string(first.Roots) != string(second.Roots), "who trusts it need not change")
		})
	}
	t.Run("a clock that is a year behind changes nothing", func(t *testing.T) {
		t.Parallel()
		before := os.DirFS(a.Dir)
		kept := filepath.Join(t.TempDir(), "tls")
		require.NoError(t, os.CopyFS(kept, before))
		again := a
		again.Dir = kept
		_, err := again.Renew(now.Add(-365 * day))
		require.ErrorContains(t, err, "check the clock of this machine")
		for _, name := range []string{"authority.pem", "privkey.pem", "root.pem", "fullchain.pem"} {
			had, err := os.ReadFile(filepath.Join(a.Dir, name))
			require.NoError(t, err)
			has, err := os.ReadFile(filepath.Join(kept, name))
			require.NoError(t, err)
			assert.Equal(t, had, has, name)
		}
	})
	t.Run("an authority that cannot be read is not replaced", func(t *testing.T) {
		t.Parallel()
		broken := local(t)
		_, err := broken.Renew(now)
		require.NoError(t, err)
		path := filepath.Join(broken.Dir, "authority.pem")
		require.NoError(t, os.WriteFile(path, []byte("nothing"), 0o600))
		_, err = broken.Renew(now)
		require.ErrorContains(t, err, path)
		require.ErrorContains(t, err, "restore it, or delete it")
	})
}

// issued is a certificate of the tests' own making.
type issued struct {
	*x509.Certificate
	key  crypto.Signer
	text []byte
}

// issue makes one; without an issuer it signs itself.
func issue(t *testing.T, issuer *issued, key crypto.Signer, change func(*x509.Certificate)) issued {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "made for a test"},
		NotBefore: time.Now().Add(-day), NotAfter: time.Now().Add(90 * day), BasicConstraintsValid: true,
		DNSNames: []string{"localhost"},
	}
	change(template)
	made := issued{key: key}
	if issuer == nil {
		issuer = &issued{Certificate: template, key: key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer.Certificate, key.Public(), issuer.key)
	require.NoError(t, err)
	made.Certificate, err = x509.ParseCertificate(der)
	require.NoError(t, err)
	made.text = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return made
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return key
}

func keyText(t *testing.T, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func asRoot(c *x509.Certificate) {
	c.IsCA, c.Subject.CommonName, c.DNSNames, c.KeyUsage = true, "root", nil, x509.KeyUsageCertSign
}

func TestLoad(t *testing.T) {
	t.Parallel()
	root := issue(t, nil, newKey(t), asRoot)
	middle := issue(t, &root, newKey(t), func(c *x509.Certificate) { asRoot(c); c.Subject.CommonName = "intermediate" })
	key := newKey(t)
	leaf := issue(t, &middle, key, func(*x509.Certificate) {})
	own := issue(t, nil, key, func(c *x509.Certificate) { c.Subject.CommonName = "self" })
	other := issue(t, nil, newKey(t), asRoot)
	ended := issue(t, &root, key, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) })
	future := issue(t, &root, key, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Hour) })
	client := issue(t, &root, key, func(c *x509.Certificate) {
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	})
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	weak := issue(t, &root, short, func(*x509.Certificate) {})
	chain := append(append([]byte{}, leaf.text...), middle.text...)
	locked := []byte("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n")

	type files map[string][]byte
	for name, tc := range map[string]struct {
		files files
		roots string // the file that clients get
		want  string // of the error
	}{
		"with its root": {
			files: files{"fullchain.pem": chain, "privkey.pem": keyText(t, key), "root.pem": root.text}, roots: "root.pem",
		},
		"with its root in the chain": {
			files: files{"fullchain.pem": append(append([]byte{}, chain...), root.text...), "privkey.pem": keyText(t, key)},
			roots: "fullchain.pem",
		},
		"with its root among its issuers": {files: files{
			"fullchain.pem": chain, "privkey.pem": keyText(t, key),
			"chain.pem": append(append([]byte{}, middle.text...), root.text...),
		}, roots: "chain.pem"},
		"one that signs itself": {
			files: files{"fullchain.pem": own.text, "privkey.pem": keyText(t, key)}, roots: "fullchain.pem",
		},
		"no certificate": {
			files: files{"privkey.pem": keyText(t, key)},
			want:  "fullchain.pem\": there is no such file; put the certificate there",
		},
		"no key": {
			files: files{"fullchain.pem": own.text},
			want:  "privkey.pem\": there is no such file; put the certificate's key there",
		},
		"a certificate that is not PEM": {
			files: files{"fullchain.pem": own.Raw, "privkey.pem": keyText(t, key)}, want: "it holds no certificate in PEM",
		},
		"a key in its place": {
			files: files{"fullchain.pem": keyText(t, key), "privkey.pem": keyText(t, key)},
			want:  "it holds no certificate in PEM",
		},
		"a broken certificate": {
			files: files{"fullchain.pem": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")})},
			want:  "a certificate in it cannot be read",
		},
		"an empty file": {
			files: files{"fullchain.pem": nil, "privkey.pem": nil}, want: "it holds no certificate in PEM",
		},
		"a chain that is cut off": {
			files: files{
				"fullchain.pem": append(bytes.Clone(own.text), own.text[:len(own.text)/2]...), "privkey.pem": keyText(t, key),
			},
			want: "fullchain.pem\": a certificate in it is cut off, or damaged",
		},
		"a key that is not PEM": {
			files: files{"fullchain.pem": own.text, "privkey.pem": []byte("secret")}, want: "it holds no key in PEM",
		},
		"a key with a pass phrase": {
			files: files{"fullchain.pem": own.text, "privkey.pem": locked}, want: "has a pass phrase",
		},
		"another's key": {
			files: files{"fullchain.pem": own.text, "privkey.pem": keyText(t, newKey(t))},
			want:  "it is not the key of the first certificate in fullchain.pem",
		},
		"the issuer first": {files: files{
			"fullchain.pem": append(append([]byte{}, middle.text...), leaf.text...),
			"privkey.pem":   keyText(t, key), "root.pem": root.text,
		}, want: "it is not the key of the first certificate"},
		"a key that is too short": {
			files: files{"fullchain.pem": weak.text, "privkey.pem": keyText(t, short), "root.pem": root.text},
			want:  "an RSA key of 1024 bits",
		},
		"one that has ended": {
			files: files{"fullchain.pem": ended.text, "privkey.pem": keyText(t, key), "root.pem": root.text},
			want:  "it ended on ",
		},
		"one that has not begun": {
			files: files{"fullchain.pem": future.text, "privkey.pem": keyText(t, key), "root.pem": root.text},
			want:  "check the clock",
		},
		"a client's": {
			files: files{"fullchain.pem": client.text, "privkey.pem": keyText(t, key), "root.pem": root.text},
			want:  "incompatible key usage",
		},
		"another's root": {
			files: files{"fullchain.pem": chain, "privkey.pem": keyText(t, key), "root.pem": other.text},
			want:  "put the certificate of the authority that issued it beside it as root.pem",
		},
		"without its intermediate": {
			files: files{"fullchain.pem": leaf.text, "privkey.pem": keyText(t, key), "root.pem": root.text},
			want:  "no client that trusts",
		},
		"a root that is not PEM": {
			files: files{"fullchain.pem": chain, "privkey.pem": keyText(t, key), "root.pem": root.Raw},
			want:  "root.pem\": it holds no certificate in PEM",
		},
		"an authority that nobody here trusts": {
			files: files{"fullchain.pem": chain, "privkey.pem": keyText(t, key)}, want: "root.pem",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for file, content := range tc.files {
				require.NoError(t, os.WriteFile(filepath.Join(dir, file), content, 0o600))
			}
			s, err := certificate.Load(dir, time.Now())
			if tc.want != "" {
				require.ErrorContains(t, err, tc.want)
				require.ErrorContains(t, err, dir)
				assert.NotContains(t, err.Error(), "PRIVATE")
				return
			}
			require.NoError(t, err)
			assert.Equal(t, filepath.Join(dir, tc.roots), s.RootPath)
		})
	}
	t.Run("no directory", func(t *testing.T) {
		t.Parallel()
		_, err := certificate.Load(filepath.Join(t.TempDir(), "none"), time.Now())
		require.ErrorContains(t, err, "no such file or directory; name a directory that holds fullchain.pem and privkey.pem")
		_, err = certificate.Load("/dev/null", time.Now())
		require.ErrorContains(t, err, "it is not a directory")
	})
}

func TestServer_Host(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		dns  []string
		ips  []net.IP
		want string
	}{
		"its address":            {[]string{"localhost", "db.example.org"}, []net.IP{net.IPv4(127, 0, 0, 1)}, "127.0.0.1"},
		"localhost":              {[]string{"db.example.org", "localhost"}, nil, "localhost"},
		"the domain":             {[]string{"db.example.org", "mail.example.org"}, nil, "mail.example.org"},
		"the domain as one of *": {[]string{"db.example.net", "*.example.org"}, nil, "mail.example.org"},
		"its first name":         {[]string{"*.example.net", "db.example.net"}, nil, "db.example.net"},
		"none":                   {[]string{"*.example.net"}, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			made := issue(t, nil, newKey(t), func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = tc.dns, tc.ips })
			host, err := certificate.Server{Dir: "/d", Leaf: made.Certificate}.Host("mail.example.org")
			if tc.want == "" {
				require.ErrorContains(t, err, "have one issued that also names localhost")
				return
			}
			require.NoError(t, err)
			assert.Equal(t, tc.want, host)
		})
	}
}

func TestDaysLeft(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for left, want := range map[time.Duration]int{36 * time.Hour: 1, time.Hour: 0, -time.Hour: -1, -25 * time.Hour: -2} {
		assert.Equal(t, want, certificate.DaysLeft(&x509.Certificate{NotAfter: now.Add(left)}, now), left)
	}
}
