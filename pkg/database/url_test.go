package database_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/database"
)

func TestParseURL_reads(t *testing.T) {
	t.Parallel()
	for raw, change := range map[string]func(*database.Target){
		"postgres://app:pw@db.example/mail":                                              nil,
		"postgresql://app:pw@db.example:5432/mail":                                       nil,
		"POSTGRES://app:pw@db.example/mail":                                              nil,
		" postgres://app:pw@db.example/mail\r\n":                                         nil,
		"postgres://app:pw@db.example/mail?sslmode=prefer&":                              nil,
		"password=postgres://x host=db.example user=app dbname=mail":                     password("postgres://x"),
		"host=db.example user=app dbname=mail password=a;b=c":                            password("a;b=c"),
		"postgres://app:pw@db.example/mail?":                                             nil,
		"postgres://db.example/mail?user=app&password=pw":                                nil,
		"postgres://%61pp:p%77@db.example/m%61il":                                        nil,
		"host=db.example dbname=mail user=app password=pw":                               nil,
		"host = 'db.example'  dbname=mail user=app password='pw' port=5432":              nil,
		"jdbc:postgresql://db.example/mail?user=app&password=pw":                         nil,
		"jdbc:postgres://db.example:5432/mail?user=app&password=pw":                      nil,
		"JDBC:PostgreSQL://db.example/mail?user=app&password=pw":                         nil,
		"jdbc:postgresql://app:pw@db.example/mail":                                       nil,
		"postgres://app@db.example/mail":                                                 password(""),
		"postgres://app:@db.example/mail":                                                password(""),
		"postgres://app:a+b@db.example/mail":                                             password("a+b"),
		"postgres://app:a:b!$&'()*,;=\"\\^{}|~@db.example/mail":                          password("a:b!$&'()*,;=\"\\^{}|~"),
		"jdbc:postgresql://db.example/mail?user=app&password=a%2Bb%20c":                  password("a+b c"),
		`host=db.example dbname=mail user=app password='it\'s a \\'`:                     password(`it's a \`),
		`host=db.example dbname=mail user=app password=it's@/#?%`:                        password(`it's@/#?%`),
		"postgres://app:pw@db.example/mail?currentSchema=hosting":                        schema("hosting"),
		"postgres://app:pw@db.example/mail?schema=hosting":                               schema("hosting"),
		"postgres://app:pw@db.example/mail?search_path=hosting":                          schema("hosting"),
		"postgres://app:pw@db.example/mail?options=-c%20search_path%3Dhosting":           schema("hosting"),
		"postgres://app:pw@db.example/mail?options=-csearch_path=hosting":                schema("hosting"),
		"postgres://app:pw@db.example/mail?options=--search_path=hosting":                schema("hosting"),
		"postgres://app:pw@db.example/mail?schema=hosting&options=-csearch_path=hosting": nil,
		"postgres://app:pw@[2001:db8::7]:6000/mail": func(t *database.Target) {
			t.Host, t.Port = "2001:db8::7", 6000
		},
		"postgres:///mail?host=db.example&port=5432&user=app&password=pw":             nil,
		"postgres://app:pw@db.example/mail?sslmode=no-verify":                         sslmode("require"),
		"postgres://app:pw@db.example/mail?channel_binding=prefer&gssencmode=disable": nil,
		"postgres://app:pw@db.example/mail?channel_binding=require": func(t *database.Target) {
			t.SSLMode, t.ChannelBinding = "require", "require"
		},
		"postgres://app:pw@db.example/mail?channel_binding=disable": func(t *database.Target) {
			t.ChannelBinding = "disable"
		},
		"postgres://app:pw@db.example/mail?options=endpoint%3Dep-x":              options("endpoint=ep-x"),
		"postgres://app:pw@db.example/mail?options=-cwork_mem%3D8MB%20--a-c%3D1": options("-c work_mem=8MB --a-c=1"),
		"postgres://app:pw@db.example/mail?options=-c%20a.b%3D1%20--search-path%3Dx": func(t *database.Target) {
			t.Options, t.Schema = "-c a.b=1", "x"
		},
		"postgres://app:pw@db.example/mail?connect_timeout=0":     timeout(time.Hour),
		"postgres://app:pw@db.example/mail?connect_timeout=-1":    timeout(time.Hour),
		"postgres://app:pw@db.example/mail?connect_timeout=86400": timeout(time.Hour),
		"postgres://app:pw@db.example/mail?hostaddr=192.0.2.7":    hostaddr("192.0.2.7"),
		"postgres://app:pw@db.example/mail?hostaddr=2001:db8::7":  hostaddr("2001:db8::7"),
		"hostaddr=192.0.2.7 dbname=mail user=app password=pw": func(t *database.Target) {
			hostaddr("192.0.2.7")(t)
			t.Host = "192.0.2.7"
		},
		"postgres://app@db.example/mail?passfile=/p/x": func(t *database.Target) {
			t.Password, t.PassPath = "", "/p/x"
		},
		"postgres://app:pw@%2Fvar%2Frun%2Fpostgresql/mail":          host("/var/run/postgresql"),
		"postgres://app:pw@/mail?host=/var/run/postgresql":          host("/var/run/postgresql"),
		"host=/var/run/postgresql dbname=mail user=app password=pw": host("/var/run/postgresql"),
		"postgres://app:pw@[::1]/mail":                              func(t *database.Target) { t.Host = "::1" },
		"postgres://app:pw@db.example":                              func(t *database.Target) { t.Database = "app" },
		"postgres://app:pw@db.example/m%2Fa%20il":                   func(t *database.Target) { t.Database = "m/a il" },
		"postgres://app:pw@db.example/mail?sslmode=require&connect_timeout=3": func(t *database.Target) {
			t.SSLMode, t.ConnectTimeout = "require", 3*time.Second
		},
		"postgres://app:pw@db.example/mail?sslmode=verify-full&sslrootcert=/etc/ca.pem&sslcert=/c.pem&" +
			"sslkey=/k.pem": func(t *database.Target) {
			t.SSLMode, t.SSLRootCert, t.SSLCert, t.SSLKey = "verify-full", "/etc/ca.pem", "/c.pem", "/k.pem"
		},
		"postgres://app:pw@db.example/mail?sslmode=require&sslrootcert=/etc/ca.pem": func(t *database.Target) {
			t.SSLMode, t.SSLRootCert = "verify-ca", "/etc/ca.pem"
		},
		"jdbc:postgresql://db.example/mail?user=app&password=pw&" +
			"ApplicationName=x&connectTimeout=4": func(t *database.Target) {
			t.Application, t.ConnectTimeout = "x", 4*time.Second
		},
	} {
		t.Run(raw, func(t *testing.T) {
			t.Parallel()
			want := target(change)
			if strings.Count(raw, "hosting") == 2 {
				want.Schema = "hosting"
			}
			got, _, err := database.ReadURL(raw)
			require.NoError(t, err)
			assert.Equal(t, want, got, "password %q", got.Password.Reveal())

			again, _, err := database.ReadURL(got.URL())
			require.NoError(t, err, "its own URL")
			assert.Equal(t, got, again)
		})
	}
}

func TestParseURL_refuses(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string][]string{ // words of the message, the part first
		"": {"URL", "empty"},
		"postgres://app:al@pha-k17@127.0.0.1:5/mail":              {"password", `"@"`, "%40"},
		"postgres://app:al/pha-k17@127.0.0.1:5/mail":              {"password", `"/"`, "%2F"},
		"postgres://app:al%pha-k17@127.0.0.1:5/mail":              {"password", `"%"`, "%25"},
		"postgres://app:al#pha-k17@127.0.0.1:5/mail":              {"password", `"#"`, "%23"},
		"postgres://app:al?pha-k17@127.0.0.1:5/mail":              {"password", `"?"`, "%3F"},
		"postgres://app:al pha-k17@127.0.0.1:5/mail":              {"password", `" "`, "%20"},
		"postgres://app:al%0Apha-k17@127.0.0.1/mail":              {"password", "control"},
		"postgres://app:al%00pha-k17@127.0.0.1/mail":              {"password", "control"},
		"postgres://app:al%ffpha-k17@127.0.0.1/mail":              {"password", "UTF-8"},
		"postgres://app:pha-k17%4@127.0.0.1/mail":                 {"password", "%25"},
		"postgres://app:pha-k17":                                  {"port"},
		"postgres://app:pha-k17/mail":                             {"port"},
		"postgres://h/mail?user=app&password=al@pha-k17":          {"password", "%40"},
		"postgres://h/mail?user=app&password=al&pha-k17=1":        {"parameter 3", "unknown"},
		"jdbc:postgresql://h/mail?user=app&password=al&pha-k17":   {"parameter 3", "%26"},
		"jdbc:postgresql://h:5/mail?user=app&password=al@pha-k17": {"password", "%40"},
		"jdbc:postgresql://h:5/mail?user=app&password=al+pha-k17": {"parameter 2", "%2B"},
		"host=h user=app password=al pha-k17":                     {"key=value", "quotes"},
		"host=h user=app password=al pha-k17=b":                   {"parameter 4", "unknown"},
		"host=h user=app password='al'pha-k17'":                   {"key=value", "quote"},
		"host=h user=app password='al pha-k17":                    {"key=value", "quote"},
		`host=h user=app password=pha-k17\`:                       {"key=value", `\`},
		"mysql://app:pha-k17@h/mail":                              {"scheme"},
		"jdbc:mysql://app:pha-k17@h/mail":                         {"scheme"},
		"pha-k17":                                                 {"scheme"},
		"postgres:app:pha-k17@h/mail":                             {"address", "//"},
		"jdbc:postgresql:mail":                                    {"address", "//"},
		"postgres:///mail?user=app":                               {"host", "missing"},
		"dbname=mail user=app":                                    {"host", "missing"},
		"postgres://app@a,b/mail":                                 {"host", "list"},
		"postgres://app@a:1,b:2/mail":                             {"host", "list"},
		"host=a,b user=app":                                       {"host", "list"},
		"postgres://app@[fe80::1%25eth0]/mail":                    {"host", "zone"},
		"postgres://app@[::1/mail":                                {"host", "["},
		"postgres://app@::1/mail":                                 {"address", "["},
		"postgres://app@[h]/mail":                                 {"host", "brackets"},
		"postgres://app@0.0.0.0/mail":                             {"host", "127.0.0.1"},
		"postgres://app@[::]/mail":                                {"host", "127.0.0.1"},
		"postgres://app@127.1/mail":                               {"host", "IPv4"},
		"postgres://app@h..example/mail":                          {"host", "neither"},
		"postgres://app@h:0/mail":                                 {"port"},
		"postgres://app@h:65536/mail":                             {"port"},
		"postgres://h/mail":                                       {"user name", "missing"},
		"postgres://app@h/a/b":                                    {"database name", "%2F"},
		"postgres://app@h/mail#x":                                 {"URL", "%23"},
		"postgres://app@h/mail?sslmod=disable": {
			"parameter sslmod", "unknown", "did you mean sslmode?",
		},
		"postgres://app@h/mail?sslmode=disabled":                         {"parameter sslmode", "verify-full"},
		"postgres://app@h/mail?sslmode=disable&sslmode=disable":          {"parameter sslmode", "twice"},
		"postgres://app:pw@h/mail?password=pw":                           {"parameter password", "twice"},
		"postgres://app@h/mail?sslmode":                                  {"parameter 1", `"="`},
		"postgres://app@h/mail?ssl=true":                                 {"parameter ssl", "sslmode=require"},
		"postgres://a/pp@h/mail":                                         {"user name or password", "%2F"},
		"postgres://app@h/ma%il":                                         {"database name", "%25"},
		"postgres://app@h%/mail":                                         {"host", "%25"},
		"postgres://app@h/mail?ssl%mode=x":                               {"parameter 1", "%25"},
		"postgres://app@h/mail?service=x":                                {"parameter service"},
		"postgres://app@h/mail?currentSchema=a,b":                        {"parameter currentSchema", "one schema"},
		"postgres://app@h/mail?currentSchema=Hosting":                    {"parameter currentSchema", "small letters"},
		"postgres://app@h/mail?currentSchema=pg_catalog":                 {"parameter currentSchema"},
		"postgres://app@h/mail?options=-csearch_path=a&currentSchema=b":  {"parameter currentSchema", "another schema"},
		"postgres://app@h/mail?schema=a&currentSchema=a":                 {"parameter currentSchema", "twice"},
		"postgres://app@h/mail?sslmode=verify-full":                      {"parameter sslrootcert", "ca-certificates.crt"},
		"postgres://app@h/mail?sslmode=verify-full&sslrootcert=system":   {"parameter sslrootcert"},
		"postgres://app@h/mail?sslrootcert=/ca.pem":                      {"parameter sslrootcert", "verify-full"},
		"postgres://app@h/mail?sslcert=/c.pem":                           {"sslkey", "together"},
		"postgres://app@h/mail?sslmode=disable&sslcert=/c.pem&sslkey=/k": {"parameter sslcert", "no effect"},
		"host=h host=g user=app":                                         {"parameter host", "twice"},
		"postgres://app@h/mail?host=g":                                   {"parameter host", "twice"},
		"postgres://app@h/mail?dbname=x":                                 {"parameter dbname", "twice"},
		"postgres://app@h/mail?hostaddr=x":                               {"parameter hostaddr", "IP address"},
		"postgres://app@h/mail?sslpassword=x":                            {"parameter 1", "not encrypted"},
		"postgres://app@h/mail?options=-csearch_path=a,b%20-cx=1":        {"parameter options", "one schema"},
		"postgres://app@h/mail?connect_timeout=3s":                       {"parameter connect_timeout", "0 waits"},
		"postgres://app@h/mail?sslmode=":                                 {"parameter sslmode", "is empty"},
		"host=h user=app dbname=":                                        {"parameter dbname", "is empty"},
		"postgres://app@h/mail?channel_binding=require&sslmode=disable":  {"parameter channel_binding", "needs TLS"},
		"postgres://app@h/mail?channel_binding=on": {
			"parameter channel_binding", "disable, prefer or require",
		},
		"postgres://app@/mail?host=/run&channel_binding=require":       {"parameter channel_binding", "needs TLS"},
		"postgres://app@h/mail?sslmode=no-verify&sslrootcert=/ca":      {"parameter sslrootcert", "no-verify"},
		"postgres://app@%40abstract/mail":                              {"host", "abstract"},
		"postgres://app@h/mail?host=a,b":                               {"parameter host", "twice"},
		"postgres:///mail?host=a,b&user=app":                           {"host", "list"},
		"postgres://app@h:1,2/mail":                                    {"host", "list"},
		"postgresql+psycopg2://app:pha-k17@h/mail":                     {"scheme", "driver", "postgresql://"},
		"postgres+asyncpg://app:pha-k17@h/mail":                        {"scheme", "driver"},
		"jdbc:postgresql+x://app:pha-k17@h/mail":                       {"scheme", "driver"},
		`"postgres://app:pha-k17@h/mail"`:                              {"URL", "quote"},
		"'postgres://app:pha-k17@h/mail'":                              {"URL", "quote"},
		"'host=h user=app password=pha-k17'":                           {"URL", "quote"},
		"DATABASE_URL=postgres://app:pha-k17@h/mail":                   {"URL", "in front", "begin with postgresql://"},
		"export DATABASE_URL='postgres://app:pha-k17@h/mail'":          {"URL", "in front"},
		"psql 'postgresql://app:pha-k17@h/mail?sslmode=require'":       {"URL", "in front"},
		"dbname=postgres://app:pha-k17@h/mail":                         {"URL", "in front"},
		"Host=h;Port=5432;Database=mail;Username=app;Password=pha-k17": {"URL", "semicolons", "postgresql://USER"},
		"host=h; port=5432; password=pha-k17":                          {"URL", "semicolons"},
		"postgres://app@h/mail?sslmode=require&amp;connect_timeout=3":  {"parameter 2", "amp;"},
		"postgres://app@h/ma\x07il":                                    {"URL", "control"},
	} {
		t.Run(raw, func(t *testing.T) {
			t.Parallel()
			got, _, err := database.ReadURL(raw)
			require.Error(t, err)
			assert.Zero(t, got)
			var urlErr *database.URLError
			require.ErrorAs(t, err, &urlErr)
			assert.Contains(t, urlErr.Part, want[0])
			for _, word := range want {
				assert.Contains(t, err.Error(), word)
			}
			assert.NotContains(t, err.Error(), "pha-k17")
			assert.NotContains(t, err.Error(), "\n")
		})
	}
}
