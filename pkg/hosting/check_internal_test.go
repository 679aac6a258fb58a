package hosting

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestCheckZone(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		rows []RecordRow
		want []string // a part of each problem
	}{
		"names that lead back":           {rowsOf("x CNAME y", "y CNAME x"), []string{"leads back", "leads back"}},
		"a name that leads to such":      {rowsOf("x CNAME x", "y CNAME x"), []string{"leads back"}},
		"a wildcard's address":           {rowsOf("* A 192.0.2.1", "_imap._tcp SRV 0 1 143 mail"), nil},
		"a name server below a wildcard": {rowsOf("* A 192.0.2.1", "sub NS ns2"), nil},
		"a CNAME of a wildcard": {
			rowsOf("* CNAME www", "www A 192.0.2.1", "sub NS ns2"), []string{"ns2 is a CNAME"},
		},
		"what a record out of service has": {
			append(rowsOf("sub NS ns2"), RecordRow{Record: recordOf("ns2 A 192.0.2.1")}), []string{"no address yet"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rows := append(rowsOf("@ NS ns1.example.net."), tc.rows...)
			for i, r := range rows {
				if priority := 0; r.Type == "SRV" {
					rows[i].Priority = &priority
					rows[i].Content = "0 143 mail"
				}
			}
			var got []string
			for _, p := range checkZone(ZoneRow{Name: "example.org", Enabled: true}, rows) {
				got = append(got, p.Text)
			}
			if assert.Len(t, got, len(tc.want), got) {
				for i, want := range tc.want {
					assert.Contains(t, got[i], want)
				}
			}
		})
	}
}
