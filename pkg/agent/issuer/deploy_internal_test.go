package issuer

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/certificate"
)

// pairIn puts a new pair for those names into a directory.
func pairIn(t *testing.T, dir string, names ...string) {
	t.Helper()
	made, err := certificate.SelfSigned(certificate.Names{DNS: names}, time.Hour)
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(dir, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, certificate.ChainFile), made.Certificate, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, certificate.KeyFile), made.Key, 0o600))
}

func TestDeploy(t *testing.T) {
	t.Parallel()
	from, to := filepath.Join(t.TempDir(), "from"), filepath.Join(t.TempDir(), "to")
	pairIn(t, from, "a.example.org", "*.a.example.org")
	require.NoError(t, deploy(from, to, []string{"a.example.org", "*.a.example.org"}, time.Now()))
	first := deployed(to)
	require.NotNil(t, first)
	info, err := os.Stat(to)
	require.NoError(t, err)
	assert.Equal(t, directoryMode, info.Mode().Perm())
	info, err = os.Stat(filepath.Join(to, certificate.KeyFile))
	require.NoError(t, err)
	assert.Equal(t, fileMode, info.Mode().Perm())

	pairIn(t, from, "a.example.org")
	require.NoError(t, deploy(from, to, []string{"a.example.org"}, time.Now()))
	assert.NotEqual(t, fingerprint(first), fingerprint(deployed(to)))
	before, err := os.ReadFile(filepath.Join(to, certificate.ChainFile+old))
	require.NoError(t, err)
	assert.Contains(t, string(before), "CERTIFICATE")
	require.NoError(t, withdraw(to))
	assert.NoDirExists(t, to)
}

func TestDeploy_refuses(t *testing.T) {
	t.Parallel()
	whole := t.TempDir()
	pairIn(t, whole, "a.example.org")
	for name, tc := range map[string]struct {
		names []string
		spoil func(t *testing.T, from, to string)
		at    time.Duration
		why   string
	}{
		"a name more":  {[]string{"a.example.org", "b.example.org"}, nil, 0, "b.example.org"},
		"it has ended": {[]string{"a.example.org"}, nil, 2 * time.Hour, "it ended"},
		"no key": {[]string{"a.example.org"}, func(t *testing.T, from, _ string) {
			t.Helper()
			require.NoError(t, os.Remove(filepath.Join(from, certificate.KeyFile)))
		}, 0, "no such file"},
		"a key of another": {
			[]string{"a.example.org"}, func(t *testing.T, from, _ string) { t.Helper(); mix(t, from) }, 0, "does not match",
		},
		"half of a chain": {
			[]string{"a.example.org"},
			func(t *testing.T, from, _ string) { t.Helper(); cut(t, filepath.Join(from, certificate.ChainFile)) },
			0, "deploy the certificate",
		},
		"half of what signed it": {
			[]string{"a.example.org"},
			func(t *testing.T, from, _ string) {
				t.Helper()
				path := filepath.Join(from, certificate.ChainFile)
				one, err := os.ReadFile(path)
				require.NoError(t, err)
				require.NoError(t, os.WriteFile(path, append(one, one[:len(one)/2]...), 0o600))
			},
			0, "a certificate in it is cut off",
		},
		"a chain in its way": {[]string{"a.example.org"}, func(t *testing.T, _, to string) {
			t.Helper()
			require.NoError(t, os.MkdirAll(filepath.Join(to, certificate.ChainFile), 0o755))
		}, 0, "deploy the certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			from, to := t.TempDir(), t.TempDir()
			for _, file := range []string{certificate.ChainFile, certificate.KeyFile} {
				content, err := os.ReadFile(filepath.Join(whole, file))
				require.NoError(t, err)
				require.NoError(t, os.WriteFile(filepath.Join(from, file), content, 0o600))
			}
			if tc.spoil != nil {
				tc.spoil(t, from, to)
			}
			require.ErrorContains(t, deploy(from, to, tc.names, time.Now().Add(tc.at)), tc.why)
			assert.NoFileExists(t, filepath.Join(to, certificate.KeyFile), "no half of a pair")
		})
	}
}

// mix puts the key of another pair there.
func mix(t *testing.T, dir string) {
	t.Helper()
	other := t.TempDir()
	pairIn(t, other, "a.example.org")
	key, err := os.ReadFile(filepath.Join(other, certificate.KeyFile))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, certificate.KeyFile), key, 0o600))
}

func cut(t *testing.T, path string) {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.NoError(t, os.Truncate(path, info.Size()/2))
}

func TestStore_repair(t *testing.T) {
	t.Parallel()
	s := store{t.TempDir()}
	require.NoError(t, os.MkdirAll(filepath.Join(s.dir, "renewal"), 0o700))
	pairIn(t, s.live("whole"), "a.example.org")
	require.NoError(t, os.WriteFile(s.renewal("whole"), []byte("[renewalparams]\nserver = https://ca/dir\n"), 0o600))
	pairIn(t, s.live("cut"), "a.example.org")
	require.NoError(t, os.WriteFile(s.renewal("cut"), nil, 0o600)) // as certbot leaves it when it is killed
	for _, name := range []string{"whole", "cut", "none"} {
		require.NoError(t, s.repair(name))
	}
	assert.NoDirExists(t, s.live("cut"))
	names, err := s.names()
	require.NoError(t, err)
	assert.Equal(t, []string{"whole"}, names)
	assert.Equal(t, "https://ca/dir", s.find("whole").server)
	assert.Nil(t, s.find("cut").leaf)
}
