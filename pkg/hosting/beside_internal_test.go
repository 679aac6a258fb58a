package hosting

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestBeside(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ there, added, why string }{
		"mail that is refused, and taken":   {"@ MX 0 .", "@ MX 10 mail", "cannot both be true"},
		"mail that is taken, and refused":   {"@ MX 10 mail", "@ MX 0 .", "cannot both be true"},
		"a service that is there, and not":  {"_imap._tcp SRV 0 1 143 mail", "_imap._tcp SRV 0 0 0 .", "cannot both be true"},
		"two servers of mail":               {"@ MX 10 mail", "@ MX 20 mail2", ""},
		"no mail of another name":           {"@ MX 10 mail", "www MX 0 .", ""},
		"a name that goes two ways":         {"old DNAME a.example.net.", "old DNAME b.example.net.", "cannot both be true"},
		"a name below a DNAME":              {"old DNAME a.example.net.", "x.old A 192.0.2.1", "nobody would be given"},
		"a DNAME above a name":              {"x.old A 192.0.2.1", "old DNAME a.example.net.", "hides all names below"},
		"a DNAME of all, and the zone's MX": {"@ DNAME a.example.net.", "@ MX 10 mail.example.net.", ""},
		"a name that ends alike":            {"old DNAME a.example.net.", "cold A 192.0.2.1", ""},
		"a text that others answer for":     {"away NS ns.example.net.", "x.away TXT text", "nobody would be given"},
		"a text of what is handed over":     {"away NS ns.example.net.", "away TXT text", "nobody would be given"},
		"the address of its server":         {"away NS ns.away", "ns.away A 192.0.2.1", ""},
		"another server of it":              {"away NS ns.example.net.", "away NS ns2.example.net.", ""},
		"a name beside it":                  {"away NS ns.example.net.", "far TXT text", ""},
		"the zone's own servers":            {"@ NS ns.example.net.", "x TXT text", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			there, added := recordOf(tc.there), recordOf(tc.added)
			err := beside("example.org", added, []RecordRow{{Zone: "example.org", Record: there, Enabled: true}})
			if tc.why == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, tc.why)
			}
			assert.NoError(t, beside("example.org", added, []RecordRow{{Zone: "example.org", Record: there}}), "out of service")
		})
	}
	notes := hiddenNotes("example.org", recordOf("away NS ns.example.net."), []RecordRow{
		{Record: recordOf("x.away TXT text"), Enabled: true}, {Record: recordOf("ns.away A 192.0.2.1"), Enabled: true},
	})
	assert.Equal(t, []string{`"x.away TXT text" is answered by the servers of away.example.org from now on`}, notes)
}

func TestTargetNotes_of_a_key_that_nobody_has(t *testing.T) {
	t.Parallel()
	signer := recordOf("away DS 12345 13 2 00")
	notes := targetNotes("example.org", signer, []RecordRow{{Record: recordOf("@ NS ns.example.net."), Enabled: true}})
	require.Len(t, notes, 1)
	assert.Contains(t, notes[0], "mage dns:add example.org away NS SERVER")
	there := []RecordRow{{Record: recordOf("away NS ns.example.net."), Enabled: true}}
	assert.Empty(t, targetNotes("example.org", signer, there))
}

// recordOf is a record as it is written in a zone file; what stands in front of the content belongs to it here.
func recordOf(line string) Record {
	name, rest, _ := strings.Cut(line, " ")
	kind, content, _ := strings.Cut(rest, " ")
	return Record{Name: name, Type: kind, Content: content}
}
