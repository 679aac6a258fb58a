package issuer

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// leafOf is a certificate for those names that lasts for so long, and has lasted for a while.
func leafOf(t *testing.T, since, left time.Duration, names ...string) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: names, NotBefore: time.Now().Add(-since), NotAfter: time.Now().Add(left),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	leaf, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return leaf
}

const day = 24 * time.Hour

// sceneOf is a row whose certificate was issued, is deployed and is known to the table.
func sceneOf(t *testing.T, since, left time.Duration) scene {
	t.Helper()
	leaf := leafOf(t, since, left, "a.example.org", "www.a.example.org")
	tried := time.Now().Add(-since)
	return scene{
		row: row{
			ID: 1, Names: []string{"www.a.example.org", "a.example.org"}, Status: statusIssued, Challenge: "http-01",
			Directory:   "a",
			Fingerprint: fingerprint(leaf), TriedAt: &tried, Enabled: true,
		},
		have: lineage{leaf: leaf, server: "ca", came: tried.Add(time.Second)}, served: fingerprint(leaf), server: "ca",
		now: time.Now(),
	}
}

func TestNext(t *testing.T) {
	t.Parallel()
	ago := func(d time.Duration) *time.Time { at := time.Now().Add(-d); return &at }
	for name, tc := range map[string]struct {
		since, left time.Duration
		change      func(*scene)
		want        action
		in          time.Duration // when it is looked at again, if it is nothing
	}{
		"90 days are renewed 30 before the end": {10 * day, 80 * day, nil, nothing, 50 * day},
		"and then":                              {60 * day, 29 * day, nil, order, 0},
		"47 days in the last third":             {30 * day, 17 * day, nil, nothing, (17*day*3 - 47*day) / 3},
		"a year 30 days before the end":         {day, 364 * day, nil, nothing, 334 * day},
		"one that has ended":                    {90 * day, -day, nil, order, 0},
		"there is none": {
			day, day, func(s *scene) { s.have, s.row.TriedAt = lineage{}, nil }, order, 0,
		},
		"a name more": {
			day, 89 * day, func(s *scene) { s.row.Names = append(s.row.Names, "b.example.org") }, order, 0,
		},
		"a name less": {
			day, 89 * day, func(s *scene) { s.row.Names = s.row.Names[:1] }, order, 0,
		},
		"a name that a wildcard stands for": {
			day, 89 * day, func(s *scene) {
				s.row.Names, s.row.Challenge = append(s.row.Names, "*.example.net", "www.example.net"), challengeDNS
				s.have.leaf.DNSNames = append(s.have.leaf.DNSNames, "*.example.net")
			}, nothing, 59 * day,
		},
		"another authority": {day, 89 * day, func(s *scene) { s.server = "other" }, order, 0},
		"somebody asks":     {day, 89 * day, func(s *scene) { s.row.WantedAt = ago(0) }, order, 0},
		"and has an answer that the table lacks": {
			day, 89 * day, func(s *scene) { s.row.WantedAt = ago(time.Second); s.memory.answered = *ago(0) }, nothing, 59 * day,
		},
		"its domain is disabled": {
			60 * day, 29 * day, func(s *scene) { s.row.Enabled = false }, nothing, 0,
		},
		"the files are gone": {day, 89 * day, func(s *scene) { s.served = "" }, hand, 0},
		"and could not be written a moment ago": {
			day, 89 * day, func(s *scene) { s.served = ""; s.memory.wait = s.now.Add(7 * time.Second) },
			nothing, 7 * time.Second,
		},
		"the table does not know": {day, 89 * day, func(s *scene) { s.row.Fingerprint = "" }, hand, 0},
		"a name that is none": {
			day, 89 * day, func(s *scene) { s.row.Names = []string{"--webroot.example.org,x"} }, nothing, 0,
		},
		"refused a while ago": {
			60 * day, 29 * day, func(s *scene) { s.row.TriedAt, s.row.LastError = ago(20*time.Minute), "no" },
			nothing, 40 * time.Minute,
		},
		"refused, and somebody asks": {60 * day, 29 * day, func(s *scene) {
			s.row.TriedAt, s.row.LastError, s.row.WantedAt = ago(20*time.Minute), "no", ago(0)
		}, nothing, 40 * time.Minute},
		"refused an hour ago": {
			60 * day, 29 * day, func(s *scene) { s.row.TriedAt, s.row.LastError = ago(time.Hour+time.Second), "no" }, order, 0,
		},
		"refused just now, and the table is away": {
			60 * day, 29 * day, func(s *scene) { s.memory.tried, s.memory.failed = *ago(0), true }, nothing, time.Hour,
		},
		"the last try was cut off": {
			60 * day, 29 * day, func(s *scene) { s.row.TriedAt = ago(10 * time.Second) }, nothing, 50 * time.Second,
		},
		"the last try was cut off, and somebody asks": {
			60 * day, 29 * day, func(s *scene) { s.row.TriedAt, s.row.WantedAt = ago(10*time.Second), ago(0) }, order, 0,
		},
		"refused, and an old one is not deployed": {
			day, 89 * day, func(s *scene) { s.row.TriedAt, s.row.LastError, s.served = ago(time.Minute), "no", "" }, hand, 0,
		},
		"refused while the clock was a year ahead": {
			60 * day, 29 * day, func(s *scene) { s.row.TriedAt, s.row.LastError = ago(-365*day), "no" }, order, 0,
		},
		"cut off while the clock was a year ahead": {
			60 * day, 29 * day, func(s *scene) { s.row.TriedAt = ago(-365 * day) }, order, 0,
		},
		"issued while the clock was a year ahead": {day, 89 * day, func(s *scene) {
			s.row.TriedAt, s.have.came = ago(-365*day), *ago(-365*day - time.Second)
		}, nothing, 59 * day},
		"issued a moment ago, and the clock is a year ahead": {366 * day, -276 * day, func(s *scene) {
			s.row.TriedAt, s.have.came = ago(time.Minute), *ago(time.Second)
		}, nothing, 59 * time.Minute},
		"the clock is a year behind": {-365 * day, 455 * day, nil, nothing, 425 * day},
		"revoked while the clock was a year ahead": {day, 89 * day, func(s *scene) {
			s.row.Status, s.row.TriedAt, s.row.LastError = statusRevoked, ago(-365*day), "away"
		}, revoke, 0},
		"revoked": {day, 89 * day, func(s *scene) { s.row.Status = statusRevoked }, revoke, 0},
		"revoked, and done": {day, 89 * day, func(s *scene) {
			s.row.Status, s.row.RevokedAt, s.have, s.served = statusRevoked, ago(0), lineage{}, ""
		}, nothing, 0},
		"revoked, and the authority was away": {day, 89 * day, func(s *scene) {
			s.row.Status, s.row.TriedAt, s.row.LastError = statusRevoked, ago(time.Minute), "away"
		}, nothing, 59 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := sceneOf(t, tc.since, tc.left)
			if tc.change != nil {
				tc.change(&s)
			}
			got, at := s.next()
			assert.Equal(t, tc.want, got)
			switch {
			case tc.want == nothing && tc.in == 0:
				assert.True(t, at.IsZero(), at)
			case tc.want == nothing:
				assert.WithinDuration(t, time.Now().Add(tc.in), at, 3*time.Second)
			}
		})
	}
}

func TestTrouble_is_what_was_found_last(t *testing.T) {
	t.Parallel()
	found, well := "the authority says no", ""
	for name, tc := range map[string]struct {
		change func(*scene)
		want   string
	}{
		"nothing":                       {func(*scene) {}, ""},
		"of the row":                    {func(s *scene) { s.row.LastError = "old" }, "old"},
		"found after the row was read":  {func(s *scene) { s.memory.trouble = &found }, found},
		"another than the row tells":    {func(s *scene) { s.row.LastError, s.memory.trouble = "old", &found }, found},
		"mended after the row was read": {func(s *scene) { s.row.LastError, s.memory.trouble = "old", &well }, ""},
		"of this machine": {
			func(s *scene) { s.row.LastError, s.memory.told = "old", "disk full" }, "disk full",
		},
		"a row that cannot be used": {func(s *scene) { s.row.Names = []string{"a b"} }, `"a b" is no name`},
		"a revoked one, whatever its names": {
			func(s *scene) { s.row.Names, s.row.Status = []string{"a b"}, statusRevoked }, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := sceneOf(t, day, 89*day)
			tc.change(&s)
			if tc.want == "" {
				assert.Empty(t, s.trouble())
				return
			}
			assert.Contains(t, s.trouble(), tc.want)
		})
	}
}
