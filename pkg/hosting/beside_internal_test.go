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
		"a target that is there in full":    {"away NS ns.away", "away NS ns.away.example.org.", "already"},
		"an address that is there":          {"@ AAAA 2001:DB8:0::1", "@ AAAA 2001:db8::1", "already"},
		"a key that is there in upper case": {"_25._tcp TLSA 3 1 1 AB", "_25._tcp TLSA 3 1 1 ab", "already"},
		"a text in other letters":           {"@ TXT a", "@ TXT A", ""},
		"a service in full": {
			"_imap._tcp SRV 1 143 mail", "_imap._tcp SRV 1 143 mail.example.org.", "already",
		},
		"names that stand for each other":   {"x CNAME y", "y CNAME x", "leads back"},
		"a wildcard that stands for a host": {"@ MX mail", "* CNAME x.example.net.", "so must have an address of its own"},
		"a host that a wildcard stands for": {"* CNAME x", "@ MX mail", "name what it stands for, x"},
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

func TestTargetNotes(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		there []RecordRow
		added string
		want  string
	}{
		"nothing there": {nil, "@ MX mail", "mail.example.org has no address yet"},
		"an address":    {rowsOf("mail AAAA 2001:db8::1"), "@ MX mail", ""},
		"an address out of service": {
			[]RecordRow{{Record: recordOf("mail A 192.0.2.1")}}, "@ MX mail", "no address yet",
		},
		"an address of a wildcard":         {rowsOf("* A 192.0.2.1"), "@ MX mail.example.org.", ""},
		"a wildcard of texts":              {rowsOf("* TXT x"), "@ MX mail", "no address yet"},
		"a wildcard that a name keeps off": {rowsOf("* A 192.0.2.1", "mail TXT x"), "@ MX mail", "no address yet"},
		"a wildcard that one below keeps": {
			rowsOf("* A 192.0.2.1", "a.mail A 192.0.2.1"), "www CNAME mail", "no address yet",
		},
		"a CNAME to a wildcard": {rowsOf("*.w CNAME host.example.net."), "www CNAME x.w", ""},
		"what is renamed":       {rowsOf("old DNAME example.net."), "www CNAME a.old", ""},
		"what is handed over":   {rowsOf("away NS ns.example.net."), "www CNAME a.away", ""},
		"what is handed over, not any more": {
			[]RecordRow{{Record: recordOf("away NS x.")}}, "www CNAME a.away", "no address yet",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := strings.Join(targetNotes("example.org", recordOf(tc.added), tc.there), "; ")
			if tc.want == "" {
				assert.Empty(t, got)
			} else {
				assert.Contains(t, got, tc.want)
			}
		})
	}
}

func TestHiddenNotes_of_wildcards(t *testing.T) {
	t.Parallel()
	there := rowsOf("* A 192.0.2.1", "* AAAA 2001:db8::1", "www A 192.0.2.1", "*.w MX mail")
	for line, want := range map[string]string{
		"app TXT x":           `"* A 192.0.2.1", "* AAAA 2001:db8::1" do not answer for app.example.org any more`,
		"app A 192.0.2.2":     `"* AAAA 2001:db8::1" does not answer for app.example.org any more`,
		"_dmarc.app TXT x":    `"* A 192.0.2.1", "* AAAA 2001:db8::1" do not answer for app.example.org any more`,
		"a.b.w TXT x":         `"*.w MX mail" does not answer for b.w.example.org any more`,
		"www TXT x":           "",
		"a.www TXT x":         "",
		"@ TXT x":             "",
		"* TXT x":             "",
		"*.app A 192.0.2.1":   "app.example.org any more",
		"_25._tcp TLSA 3 1 1": "",
	} {
		got := strings.Join(hiddenNotes("example.org", recordOf(line), there), "; ")
		if want == "" {
			assert.Empty(t, got, line)
		} else {
			assert.Contains(t, got, want, line)
		}
	}
}

func TestHiddenNotes_of_what_is_given_away(t *testing.T) {
	t.Parallel()
	there := rowsOf("away NS ns.away", "@ NS ns1.away.example.org.")
	for line, told := range map[string]bool{
		"ns.away A 192.0.2.1": false, "ns1.away A 192.0.2.1": false, "www.away A 192.0.2.1": true, "away A 192.0.2.1": true,
		"x.away NS ns.example.net.": true, "away NS ns.example.net.": false, "away DS 1 13 2 00": false,
		"x A 192.0.2.1": false,
	} {
		assert.Equal(t, told, len(hiddenNotes("example.org", recordOf(line), there)) > 0, line)
	}
}

func TestBeside_itself(t *testing.T) {
	t.Parallel()
	there := rowsOf("x A 192.0.2.1", "z CNAME y", "a CNAME b", "b CNAME a")
	for line, back := range map[string]bool{
		"y CNAME y.example.org.": true, "y CNAME z": true, "y CNAME x": false, "y CNAME a": false, "* CNAME y": true,
		"* CNAME x": false, "*.w CNAME w": false, "*.w CNAME a.w": true, "old DNAME new.old": true, "old DNAME old": true,
		"old DNAME older": false, "old DNAME example.net.": false, "y CNAME y.example.net.": false,
	} {
		err := beside("example.org", recordOf(line), there)
		if back {
			require.ErrorContains(t, err, "leads back", line)
		} else {
			require.NoError(t, err, line)
		}
	}
	require.ErrorContains(t, beside("example.org", recordOf("@ DNAME new.example.org."), nil), "leads back")
}

func TestBelongsTo(t *testing.T) {
	t.Parallel()
	there := rowsOf("sub NS ns.sub")
	for line, refused := range map[string]bool{
		"a.sub TXT text": true, "a.sub A 192.0.2.1": true, "sub A 192.0.2.1": true, "ns.sub A 192.0.2.1": false,
		"sub NS ns.example.net.": false, "sub DS 1 13 2 00": false, "x.sub NS ns.example.net.": true,
	} {
		err := belongsTo("example.org", "sub.example.org", recordOf(line), there)
		assert.Equal(t, refused, err != nil, line)
	}
	assert.NoError(t, belongsTo("example.org", "example.org", recordOf("a TXT text"), there))
	assert.NoError(t, belongsTo("example.org", "", recordOf("a.. TXT text"), there))
}
