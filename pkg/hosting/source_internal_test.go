package hosting

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestNeed_compare(t *testing.T) {
	t.Parallel()
	there := func(lines ...string) (rows []RecordRow) {
		for _, line := range lines {
			rows = append(rows, RecordRow{Record: recordOf(line), Enabled: true})
		}
		return rows
	}
	for name, tc := range map[string]struct {
		need  string
		there []RecordRow
		want  State
	}{
		"a CAA record above": {"app CAA 0 issue ca.example", there("@ CAA 0 issue ca.example"), Present},
		"another authority above": {
			"a.b CAA 0 issue ca.example", there("@ CAA 0 issue ca.example", "b CAA 0 issue x"), Differs,
		},
		"no CAA record":            {"app CAA 0 issue ca.example", there("app A 192.0.2.1"), Missing},
		"a wildcard":               {"app A 192.0.2.1", there("* A 192.0.2.1"), Present},
		"a wildcard of another":    {"app A 192.0.2.1", there("* A 192.0.2.2"), Differs},
		"a wildcard nearer by":     {"a.b A 192.0.2.1", there("* A 192.0.2.2", "*.b A 192.0.2.1"), Present},
		"a wildcard that is apart": {"a.b A 192.0.2.1", there("* A 192.0.2.1", "b TXT x"), Missing},
		"a name that has records":  {"app A 192.0.2.1", there("* A 192.0.2.1", "app TXT x"), Missing},
		"a name with one below it": {"app A 192.0.2.1", there("* A 192.0.2.1", "www.app A 192.0.2.1"), Missing},
		"the zone itself":          {"@ A 192.0.2.1", there("* A 192.0.2.1"), Missing},
		"no zone of ours":          {"app.example.org. A 192.0.2.1", nil, Missing},
		"a DMARC record without a blank": {
			"_dmarc TXT v=DMARC1; p=quarantine", there("_dmarc TXT v=DMARC1;p=none"), Present,
		},
		"a DMARC record with more":  {"_dmarc TXT v=DMARC1; p=quarantine", there("_dmarc TXT V = DMARC1 ; p=none"), Present},
		"a text that is none":       {"_dmarc TXT v=DMARC1; p=quarantine", there("_dmarc TXT v=DMARC10; p=none"), Missing},
		"a DMARC record of a host":  {"_dmarc TXT v=DMARC1; p=quarantine", there("_dmarc CNAME d.example.net."), Present},
		"mail of another name":      {"app MX mail.example.org.", there("app CNAME host.example.net."), Present},
		"a CAA record of a host":    {"app CAA 0 issue letsencrypt.org", there("app CNAME host.example.net."), Present},
		"a CAA record with flags":   {"@ CAA 0 issue letsencrypt.org", there("@ CAA 128 issue letsencrypt.org"), Present},
		"a CAA record in quotes":    {"@ CAA 0 issue letsencrypt.org", there(`@ CAA 0 issue "LetsEncrypt.org"`), Present},
		"a CAA record with more":    {"@ CAA 0 issue letsencrypt.org", there("@ CAA 0 issue letsencrypt.org ; a=b"), Present},
		"nobody":                    {"@ CAA 0 issue letsencrypt.org", there("@ CAA 0 issue ;"), Differs},
		"a name that begins alike":  {"@ CAA 0 issue letsencrypt.org", there("@ CAA 0 issue letsencrypt.org.uk"), Differs},
		"whom to write to":          {"@ CAA 0 issue letsencrypt.org", there("@ CAA 0 iodef mailto:a@example.org"), Missing},
		"certificates of all names": {"@ CAA 0 issue letsencrypt.org", there("@ CAA 0 issuewild ;"), Missing},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := Need{Record: recordOf(tc.need)}
			n.compare("example.org", tc.there)
			assert.Equal(t, tc.want, n.State)
		})
	}
}
