package hosting

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// rowsOf are records that are in service.
func rowsOf(lines ...string) (rows []RecordRow) {
	for _, line := range lines {
		rows = append(rows, RecordRow{Record: recordOf(line), Enabled: true})
	}
	return rows
}

func TestNeeds_lacking(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		needs, there, want []string
		refused            string
	}{
		"nothing there": {
			[]string{"@ A 192.0.2.1", "@ CAA 0 issue ca"}, nil, []string{"@ A 192.0.2.1", "@ CAA 0 issue ca"}, "",
		},
		"the same twice": {[]string{"@ A 192.0.2.1", "@ A 192.0.2.1"}, nil, []string{"@ A 192.0.2.1"}, ""},
		"an address that a wildcard has, and its name has no more": {
			[]string{"app A 192.0.2.1", "_dmarc.app TXT v=DMARC1; p=none"},
			[]string{"* A 192.0.2.1"},
			[]string{"_dmarc.app TXT v=DMARC1; p=none", "app A 192.0.2.1"},
			"",
		},
		"an address that nobody has told": {[]string{"app A"}, nil, nil, "address of app.example.org is not known"},
		"an address that only the wildcard tells": {
			[]string{"app A", "app CAA 0 issue ca"}, []string{"* A 192.0.2.1"}, nil, "address of app.example.org is not known",
		},
		"a wildcard that stays": {
			[]string{"app A", "@ CAA 0 issue ca"}, []string{"* A 192.0.2.1"}, []string{"@ CAA 0 issue ca"}, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := Needs{Zone: "example.org", there: rowsOf(tc.there...)}
			for _, line := range tc.needs {
				n.List = append(n.List, Need{Record: recordOf(line)})
			}
			n.compare()
			got, err := n.lacking()
			if tc.refused != "" {
				require.ErrorContains(t, err, tc.refused)
				return
			}
			require.NoError(t, err)
			var lines []string
			for _, r := range got {
				lines = append(lines, r.String())
			}
			assert.Equal(t, tc.want, lines)
		})
	}
}

func TestNeeds_place(t *testing.T) {
	t.Parallel()
	there := rowsOf("@ NS ns.example.net.", "away NS ns.example.net.", "old DNAME example.net.", "app A 192.0.2.1")
	for name, want := range map[Domain]Domain{
		"example.org": "example.org", "app.example.org": "example.org", "faraway.example.org": "example.org",
		"away.example.org": "", "a.b.away.example.org": "", "a.old.example.org": "", "old.example.org": "example.org",
	} {
		n := Needs{Domain: name, there: there}
		n.place("example.org")
		assert.Equal(t, want, n.Zone, name)
		assert.Equal(t, want == "", n.Elsewhere(), name)
	}
	n := Needs{Zone: "example.org", secondary: true}
	assert.True(t, n.Elsewhere(), "the tables do not have what is transferred")
}
