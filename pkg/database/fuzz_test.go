package database_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/database"
)

// FuzzParseURL looks for a password that gets into an error, and for targets that do not survive their own URL.
func FuzzParseURL(f *testing.F) {
	for _, s := range []string{
		"al@pha", "al/pha", "al%pha", "al#p?ha", "a b", "a&b=c", "a'b\\", "a\nb", "a:b", "[a]", "",
	} {
		f.Add("postgres://app:", s, "@127.0.0.1:1/mail")
		f.Add("postgres://h/mail?user=app&password=", s, "&sslmode=disable")
		f.Add("jdbc:postgresql://h/mail?user=app&password=", s, "&ssl=1")
		f.Add("host=h user=app password=", s, " dbname=mail")
		f.Add("host=h user=app password='", s, "'")
	}
	const head, tail = "zQ9x", "Xw7z"
	f.Fuzz(func(t *testing.T, before, middle, after string) {
		tgt, _, err := database.ReadURL(before + head + middle + tail + after)
		if err == nil {
			again, _, err := database.ReadURL(tgt.URL())
			require.NoError(t, err)
			require.Equal(t, tgt, again, tgt.URL())
			require.NotContains(t, tgt.JDBC(), "\n")
			return
		}
		if strings.Contains(before, "password=") || strings.Contains(before, ":") && strings.Contains(after, "@") {
			require.NotContains(t, err.Error(), head)
			require.NotContains(t, err.Error(), tail)
		}
	})
}
