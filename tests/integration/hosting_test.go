package integration_test

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"

	certs "github.com/poststack/poststack/pkg/certificate"
	"github.com/poststack/poststack/pkg/database"
	"github.com/poststack/poststack/pkg/engine/enginetest"
	"github.com/poststack/poststack/pkg/hosting"
	"github.com/poststack/poststack/pkg/secret"
)

func TestHosting(t *testing.T) {
	t.Parallel()
	enginetest.AnyEngine(t)
	for _, kind := range enginetest.Kinds(t) {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			owner := startDatabase(t, enginetest.Open(t, kind))
			admin := connect(t, owner)
			for name, test := range hostingTests() {
				t.Run(name, func(t *testing.T) {
					x := &tables{T: t, target: owner}
					x.target.Database = "hosting_" + strings.ReplaceAll(strings.ToLower(name), " ", "_")
					exec(t, admin, "create database "+x.target.Database)
					x.conn = connect(t, x.target)
					if name != "without tables it says so" {
						x.migrate()
					}
					test(x)
				})
			}
		})
	}
}

// hostingTests are each on a database of its own.
func hostingTests() map[string]func(*tables) {
	return map[string]func(*tables){
		"without tables it says so":            noTables,
		"a domain has one spelling":            oneSpelling,
		"an account has one spelling":          oneAccount,
		"a domain in use stays":                domainInUse,
		"aliases do not go in circles":         circles,
		"an alias says what it needs":          aliasNotes,
		"an alias says who gets no mail":       aliasTruth,
		"a serial never goes back":             serials,
		"records stand beside each other":      recordsBeside,
		"records of every form":                recordForms,
		"records that a domain needs":          needs,
		"keys of the certificates":             keys,
		"what SQL has put in is found":         checked,
		"a constraint is told in plain words":  constraints,
		"two at a time cannot close a circle":  circleRace,
		"an account is changed and goes again": accountLife,
		"services may do what they must":       leastPrivilege,
	}
}

// tables are those of the product, in a database of their own.
type tables struct {
	*testing.T
	target database.Target
	conn   *pgx.Conn
}

// migrate makes the tables as the changelog has them. Liquibase's own ways are tested elsewhere.
func (x *tables) migrate() {
	x.Helper()
	files, err := filepath.Glob(filepath.Join(checkout, "changelogs", "schema", "*.sql"))
	require.NoError(x, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(x, err)
		_, err = x.conn.PgConn().Exec(x.Context(), string(text)).ReadAll()
		require.NoError(x, err, file)
	}
}

// refuses expects a refusal with those words, which is no constraint's name.
func (x *tables) refuses(err error, words ...string) {
	x.Helper()
	var refusal *hosting.RefusedError
	require.ErrorAs(x, err, &refusal)
	for _, word := range words {
		assert.Contains(x, refusal.Reason, word)
	}
	assert.NotRegexp(x, `SQLSTATE|constraint|_(unique|form|fk|lower)\b`, refusal.Reason)
}

func (x *tables) address(text string) hosting.Address {
	x.Helper()
	address, err := hosting.ParseAlias(text)
	require.NoError(x, err)
	return address
}

// domain adds a domain for mail, web and DNS.
func (x *tables) domain(name hosting.Domain) {
	x.Helper()
	_, err := hosting.AddDomain(x.Context(), x.conn, name, hosting.DomainOptions{Mail: true, Web: true, DNS: true})
	require.NoError(x, err)
}

func (x *tables) account(address string) {
	x.Helper()
	require.NoError(x,
		hosting.AddAccount(x.Context(), x.conn, x.address(address), hosting.AccountOptions{Password: "long-enough"}))
}

func (x *tables) alias(from, to string) ([]string, error) {
	x.Helper()
	return hosting.AddAlias(x.Context(), x.conn, x.address(from), x.address(to))
}

func (x *tables) record(name, kind, content string) ([]string, error) {
	x.Helper()
	parsed, err := hosting.ParseRecord("example.org", hosting.Input{Name: name, Type: kind, Content: content})
	require.NoError(x, err)
	return hosting.AddRecord(x.Context(), x.conn, "example.org", parsed.Record)
}

func (x *tables) value(sql string) (value string) {
	x.Helper()
	require.NoError(x, x.conn.QueryRow(x.Context(), sql).Scan(&value))
	return value
}

func noTables(x *tables) {
	var missing *hosting.SchemaError
	require.ErrorAs(x, hosting.Ready(x.Context(), x.conn), &missing)
	assert.Contains(x, missing.Missing, "accounts")
	assert.ErrorContains(x, missing, "mage setup")
	_, err := hosting.Domains(x.Context(), x.conn)
	require.ErrorAs(x, err, &missing, "also where nobody has looked before")
	x.migrate()
	assert.NoError(x, hosting.Ready(x.Context(), x.conn))
}

func oneSpelling(x *tables) {
	name, err := hosting.ParseDomain("Bücher.Example.ORG")
	require.NoError(x, err)
	x.domain(name)
	_, err = hosting.AddDomain(x.Context(), x.conn, name, hosting.DomainOptions{Web: true})
	x.refuses(err, "is there already", "bücher.example.org")
	_, err = hosting.AddDomain(x.Context(), x.conn, "example.net", hosting.DomainOptions{})
	x.refuses(err, "would serve nothing")
	zone, err := hosting.AddDomain(x.Context(), x.conn, "sub."+name, hosting.DomainOptions{Web: true, DNS: true})
	require.NoError(x, err)
	assert.Equal(x, string(name), zone, "the zone above has its names")
	_, err = hosting.AddDomain(x.Context(), x.conn, "example.net", hosting.DomainOptions{Web: true, WebRoot: "srv"})
	x.refuses(err, "absolute path")
	list, err := hosting.Domains(x.Context(), x.conn)
	require.NoError(x, err)
	require.Len(x, list, 2)
	assert.Equal(x, hosting.DomainRow{Name: name, Mail: true, Web: true, Enabled: true, Zone: string(name)}, list[1])
}

func oneAccount(x *tables) {
	x.domain("xn--bcher-kva.example")
	x.account("Ada@BÜCHER.example")
	_, err := hosting.CanAddAccount(x.Context(), x.conn, x.address("ada@xn--bcher-kva.example"))
	x.refuses(err, "is there already", "account:password")
	require.NoError(x, hosting.RemoveAccount(x.Context(), x.conn, x.address("ada@bücher.example"), false))
	notes, err := hosting.CanAddAccount(x.Context(), x.conn, x.address("ada@bücher.example"))
	require.NoError(x, err)
	assert.Equal(x, []string{"an earlier account of this address has left its mail in xn--bcher-kva.example/ada of the " +
		"mailboxes: the new account gets a mailbox of its own"}, notes)
	x.account("ada@bücher.example")
	assert.Regexp(x, `^xn--bcher-kva\.example/ada=\d+$`, x.value(`select mailbox from accounts`))
	x.refuses(hosting.AddAccount(x.Context(), x.conn, x.address("ADA@bücher.example"),
		hosting.AccountOptions{Password: "long-enough"}),
		"is there already")
	x.refuses(hosting.AddAccount(x.Context(), x.conn, x.address("ada@example.net"),
		hosting.AccountOptions{Password: "long-enough"}),
		"there is no domain example.net", "domain:add")
	x.refuses(hosting.AddAccount(x.Context(), x.conn, x.address("bob@bücher.example"),
		hosting.AccountOptions{Password: "short"}),
		"at least 8")
	hash := x.value(`select password_hash from accounts`)
	assert.Regexp(x, `^\$2y\$10\$.{53}$`, hash, "crypt(3), without a scheme in front, by the name that apache knows")
	assert.NoError(x, bcrypt.CompareHashAndPassword([]byte(hash), []byte("long-enough")))
	_, err = x.conn.Exec(x.Context(), `update accounts set password_hash = $1`, hash+"\n")
	assert.ErrorContains(x, err, "accounts_password_hash_blanks", "with the end of its line it is nobody's password")
}

func accountLife(x *tables) {
	x.domain("example.org")
	ada := x.address("ada@example.org")
	require.NoError(x, hosting.AddAccount(x.Context(), x.conn, ada,
		hosting.AccountOptions{Password: "long-enough", DisplayName: "Ada", Quota: 5 << 30}))
	before := x.value(`select password_hash from accounts`)
	require.NoError(x, hosting.SetPassword(x.Context(), x.conn, ada, secret.Value("another-one")))
	assert.NotEqual(x, before, x.value(`select password_hash from accounts`))
	for _, enabled := range []bool{false, true} {
		changed, err := hosting.EnableAccount(x.Context(), x.conn, ada, enabled)
		require.NoError(x, err)
		assert.True(x, changed)
		changed, err = hosting.EnableAccount(x.Context(), x.conn, ada, enabled)
		require.NoError(x, err)
		assert.False(x, changed)
	}
	for _, enabled := range []bool{false, true} { // the domain, and so the account
		changed, err := hosting.EnableDomain(x.Context(), x.conn, "example.org", enabled)
		require.NoError(x, err)
		assert.True(x, changed)
		changed, err = hosting.EnableDomain(x.Context(), x.conn, "example.org", enabled)
		require.NoError(x, err)
		assert.False(x, changed)
		list, err := hosting.Accounts(x.Context(), x.conn, "example.org")
		require.NoError(x, err)
		assert.Equal(x, enabled, list[0].Domain)
	}
	_, err := hosting.EnableDomain(x.Context(), x.conn, "example.com", true)
	x.refuses(err, "there is no domain example.com")
	list, err := hosting.Accounts(x.Context(), x.conn, "example.org")
	require.NoError(x, err)
	assert.Equal(x,
		[]hosting.AccountRow{{Address: "ada@example.org", DisplayName: "Ada", Quota: 5 << 30, Enabled: true, Domain: true}},
		list)

	_, err = x.alias("sales@example.org", "Ada@example.org")
	require.NoError(x, err)
	x.refuses(hosting.RemoveAccount(x.Context(), x.conn, ada, false), "-all", "alias sales@example.org → ada@example.org")
	require.NoError(x, hosting.RemoveAccount(x.Context(), x.conn, ada, true))
	assert.Equal(x, "0", x.value(`select count(*)::text from aliases`))
	x.refuses(hosting.RemoveAccount(x.Context(), x.conn, ada, true), "there is no account ada@example.org")
	x.refuses(hosting.SetPassword(x.Context(), x.conn, ada, "long-enough"), "there is no account")
}

func domainInUse(x *tables) {
	x.domain("example.org")
	x.domain("example.net")
	x.account("ada@example.org")
	_, err := x.alias("sales@example.net", "ada@example.org")
	require.NoError(x, err)
	_, err = x.alias("info@example.org", "ada@example.org")
	require.NoError(x, err)
	exec(x.T, x.conn, `insert into certificates (domain_id, names, directory)
		select id, '{example.org,www.example.org}', 'a' from domains where name = 'example.org'`)
	depends, err := hosting.DomainDependents(x.Context(), x.conn, "example.org")
	require.NoError(x, err)
	assert.Equal(x,
		[]string{
			"account ada@example.org", "certificate for example.org, www.example.org",
			"alias sales@example.net → ada@example.org",
		},
		depends.Keep)
	assert.Equal(x, []string{"alias info@example.org → ada@example.org", "zone example.org with 1 records"}, depends.Go)
	x.refuses(hosting.RemoveDomain(x.Context(), x.conn, "example.org", false), "account ada@example.org",
		"certificate for example.org", "-all")
	assert.Equal(x, "1", x.value(`select count(*)::text from accounts`))
	_, err = hosting.EnableDomain(x.Context(), x.conn, "example.org", false)
	require.NoError(x, err)
	_, _, err = hosting.RenewCertificates(x.Context(), x.conn, "a")
	x.refuses(err, "certificate a is of domain example.org, which is disabled; first: mage domain:enable example.org")
	require.NoError(x, hosting.RemoveDomain(x.Context(), x.conn, "example.org", true))
	assert.Equal(x, "0 0 0 1", x.value(`select concat_ws(' ', (select count(*) from accounts), (select count(*)
		from certificates),
		(select count(*) from aliases), (select count(*) from dns_zones))`))
	x.refuses(hosting.RemoveDomain(x.Context(), x.conn, "example.org", true), "there is no domain example.org")
}

func circles(x *tables) {
	x.domain("example.org")
	x.account("ada@example.org")
	_, err := x.alias("*@example.org", "ada@Example.ORG")
	require.NoError(x, err)
	for _, pair := range [][2]string{{"a", "b"}, {"c", "a"}} {
		_, err = x.alias(pair[0]+"@example.org", pair[1]+"@example.org")
		require.NoError(x, err)
	}
	_, err = x.alias("b@example.org", "a@example.org")
	x.refuses(err, "in a circle: b@example.org → a@example.org → b@example.org")
	_, err = x.alias("b@example.org", "C@example.org")
	x.refuses(err, "b@example.org → c@example.org → a@example.org → b@example.org")
	_, err = x.alias("d@example.org", "d@example.org")
	x.refuses(err, "d@example.org → d@example.org")
	_, err = x.alias("*@example.org", "nobody@example.org")
	x.refuses(err, "*@example.org → nobody@example.org → *@example.org")
	_, err = x.alias("sales@example.org", "ada@example.org")
	require.NoError(x, err)
	_, err = x.alias("sales@example.org", "ADA@example.org")
	x.refuses(err, "passes mail to ada@example.org already")
	_, err = x.alias("ada@example.org", "b@example.org")
	x.refuses(err, "is an account")
	_, err = hosting.CanAddAccount(x.Context(), x.conn, x.address("sales@example.org"))
	x.refuses(err, "is an alias", "alias:remove sales@example.org")
}

func aliasNotes(x *tables) {
	x.domain("example.org")
	x.account("ada@example.org")
	notes, err := x.alias("sales@example.org", "ada@example.org")
	require.NoError(x, err)
	assert.Empty(x, notes)
	notes, err = x.alias("sales@example.org", "bob@example.net")
	require.NoError(x, err)
	assert.Equal(x, []string{
		"bob@example.net is not served here: a mail transfer agent has to send mail on to it",
		"mail for sales@example.org goes to 2 addresses: a mail transfer agent has to copy it",
	}, notes)
	notes, err = x.alias("info@example.org", "nobody@example.org")
	require.NoError(x, err)
	assert.Equal(x,
		[]string{"there is no account nobody@example.org yet: until there is, mail for info@example.org is refused"}, notes)

	sales := x.address("sales@example.org")
	all, err := hosting.AliasDestinations(x.Context(), x.conn, sales)
	require.NoError(x, err)
	_, err = hosting.Chosen(sales, all, "eve@example.org")
	x.refuses(err, "but to ada@example.org, bob@example.net")
	one, err := hosting.Chosen(sales, all, "Bob@example.NET")
	require.NoError(x, err)
	require.NoError(x, hosting.RemoveAlias(x.Context(), x.conn, sales, one))
	list, err := hosting.Aliases(x.Context(), x.conn, "example.org")
	require.NoError(x, err)
	assert.Len(x, list, 2)
	x.refuses(hosting.RemoveAlias(x.Context(), x.conn, sales, one), "not there any more")
	_, err = hosting.AliasDestinations(x.Context(), x.conn, x.address("none@example.org"))
	x.refuses(err, "there is no alias none@example.org")
}

// aliasTruth says of what an alias leads to that it gets no mail, and only then.
func aliasTruth(x *tables) {
	x.domain("example.org")
	x.domain("example.net")
	x.account("ada@example.org")
	x.account("eve@example.org")
	x.account("off@example.net")
	_, err := hosting.EnableAccount(x.Context(), x.conn, x.address("eve@example.org"), false)
	require.NoError(x, err)
	add := func(from, to string) []string {
		x.Helper()
		destination, err := hosting.ParseDestination(to)
		require.NoError(x, err)
		notes, err := hosting.AddAlias(x.Context(), x.conn, x.address(from), destination)
		require.NoError(x, err)
		return notes
	}
	assert.Empty(x, add("bills@example.org", "ada+bills@example.org"), "the tag does not count")
	assert.Equal(x,
		[]string{"account eve@example.org is disabled: until it is enabled, mail for sales@example.org is refused"},
		add("sales@example.org", "eve+x@example.org"))
	_, err = hosting.EnableDomain(x.Context(), x.conn, "example.net", false)
	require.NoError(x, err)
	assert.Equal(x, []string{"domain example.net is disabled: until it is enabled, mail for info@example.org is refused"},
		add("info@example.org", "off@example.net"))

	assert.Equal(x,
		[]string{"account eve@example.org is disabled: until it is enabled, mail for far@example.org is refused"},
		add("far@example.org", "sales@example.org"), "over another alias")
	assert.Empty(x, add("bills@example.org", "ada@example.org"), "both end at one mailbox")
	assert.Empty(x, add("both@example.org", "ada@example.org"))
	assert.Len(x, add("both@example.org", "x@example.com"), 2)
	assert.Equal(x, []string{
		"x@example.com is not served here: a mail transfer agent has to send mail on to it",
		"mail for all@example.org goes to 2 addresses: a mail transfer agent has to copy it",
	}, add("all@example.org", "both@example.org"))
	exec(x.T, x.conn, "update aliases set enabled = false where local_part = 'bills'")
	assert.Equal(x,
		[]string{"alias bills@example.org is disabled: until it is enabled, mail for due@example.org is refused"},
		add("due@example.org", "bills@example.org"))
}

// recordForms are rows that the tables once refused, or took and so broke what reads all of them.
func recordForms(x *tables) {
	x.domain("example.org")
	long := ""
	for i := range 200 {
		long += digestOf(strconv.Itoa(i))
	}
	_, err := x.record("long", "TXT", long)
	require.NoError(x, err)
	_, err = x.record("long", "TXT", long)
	x.refuses(err, "is in zone example.org already")
	for name, content := range map[string][2]string{
		"old": {"DNAME", "new.example.net."}, "0/25": {"NS", "ns.example.net."}, "loc": {"LOC", "52 22 23 N 4 53 32 E -2m"},
		"_ftp._tcp": {"URI", `10 1 "ftp://ftp.example.org/"`}, "raw": {"TYPE65534", `\# 4 0A000001`},
		"pgp":          {"OPENPGPKEY", "mQINBFit"},
		"c._smimecert": {"SMIMEA", "3 0 0 ab"},
	} {
		_, err := x.record(name, content[0], content[1])
		require.NoError(x, err, name)
	}
	_, err = x.conn.Exec(x.Context(), `insert into dns_zones (name, kind, primaries, primary_ns, hostmaster)
		values ('a.example', 'secondary', '{192.0.2.0/24}', 'ns.a.example', 'h@a.example')`)
	assert.ErrorContains(x, err, "dns_zones_primaries_hosts")
	require.NoError(x, hosting.AddZone(x.Context(), x.conn,
		hosting.ZoneOptions{Name: "b.example", Primaries: []netip.Addr{netip.MustParseAddr("2001:db8::1")}}))
}

// digestOf is one in hex, which no compression makes shorter.
func digestOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func circleRace(x *tables) {
	x.domain("example.org")
	other := connect(x.T, x.target)
	var wait sync.WaitGroup
	errs := make([]error, 2)
	for i, pair := range []struct {
		conn     *pgx.Conn
		from, to string
	}{{x.conn, "a@example.org", "b@example.org"}, {other, "b@example.org", "a@example.org"}} {
		from, to := x.address(pair.from), x.address(pair.to)
		wait.Go(func() { _, errs[i] = hosting.AddAlias(context.WithoutCancel(x.Context()), pair.conn, from, to) })
	}
	wait.Wait()
	assert.NotEqual(x, errs[0] == nil, errs[1] == nil, "one of them: %v", errs)
}

// serials removes, renames and signs zones: secondary servers take none whose serial is not larger than the one that
// they have.
func serials(x *tables) {
	x.domain("example.org")
	serial := func(zone string) (n int64) {
		x.Helper()
		require.NoError(x, x.conn.QueryRow(x.Context(), `select serial from dns_zones where name = $1`, zone).Scan(&n))
		return n
	}
	x.value(`update dns_zones set serial = 4000000000 returning 'ok'`)
	require.NoError(x, hosting.RemoveZone(x.Context(), x.conn, "example.org"))
	require.NoError(x, hosting.AddZone(x.Context(), x.conn, hosting.ZoneOptions{Name: "example.org"}))
	last := serial("example.org")
	assert.Greater(x, last, int64(4000000000), "after it was removed")

	x.value(`update dns_zones set name = 'other.example' where name = 'example.org' returning 'ok'`)
	assert.Greater(x, serial("other.example"), last, "under another name")
	x.value(`update dns_zones set name = 'example.org' where name = 'other.example' returning 'ok'`)
	assert.Greater(x, serial("example.org"), last, "under its name again")

	x.value(`insert into settings (service, key, value) values ('bind', 'dnssec', '{"*": true}') returning 'ok'`)
	last = serial("example.org")
	x.value(`update settings set value = '{"*": true, "example.org": true}' returning 'ok'`)
	assert.Equal(x, last, serial("example.org"), "while it stays signed")
	x.value(`update settings set value = '{"*": true, "example.org": false}' returning 'ok'`)
	assert.Greater(x, serial("example.org"), last+10000, "without signatures: a server that signs counts further")

	last = serial("example.org")
	require.NoError(x, hosting.AddZone(x.Context(), x.conn, hosting.ZoneOptions{Name: "sub.example.org"}))
	assert.Greater(x, serial("example.org"), last, "when a zone below it comes, which may take names over")
}

func recordsBeside(x *tables) {
	x.domain("example.org")
	require.NoError(x, hosting.AddZone(x.Context(), x.conn, hosting.ZoneOptions{
		Name: "sub.example.org", Servers: []hosting.Domain{"ns1.example.net", "ns2.example.net"},
		Hostmaster: "first.last@example.org",
	}))
	x.refuses(hosting.AddZone(x.Context(), x.conn, hosting.ZoneOptions{Name: "sub.example.org"}), "is there already")
	notes, err := x.record("@", "MX", "10 mail.example.org")
	require.NoError(x, err)
	assert.Equal(x, []string{"mail.example.org has no address yet; add one with: mage dns:add example.org mail A ADDRESS"},
		notes)
	_, err = x.record("@", "MX", "20 mail.example.org.")
	x.refuses(err, "is in zone example.org already")
	_, err = x.record("mail", "CNAME", "host.example.net")
	x.refuses(err, `"@ MX 10 mail.example.org." points to mail`)
	_, err = x.record("@", "TXT", "v=spf1 mx -all")
	require.NoError(x, err)
	_, err = x.record("@", "TXT", `"v=spf1 include:example.net ~all"`)
	x.refuses(err, "a name has one SPF record", "v=spf1 mx -all", "dns:remove example.org @ TXT")
	_, err = x.record("www", "CNAME", "host.example.net")
	require.NoError(x, err)
	_, err = x.record("www", "A", "192.0.2.1")
	x.refuses(err, "a name with a CNAME record can have no other", "dns:remove example.org www CNAME")
	_, err = x.record("@", "MX", "www")
	x.refuses(err, "www is a CNAME", "host.example.net.")
	_, err = x.record("a.sub", "TXT", "text")
	x.refuses(err, "is in zone sub.example.org")
	_, err = hosting.AddRecord(x.Context(), x.conn, "www.example.org",
		hosting.Record{Name: "@", Type: "A", Content: "192.0.2.1"})
	x.refuses(err, "its names are in zone example.org", "write the name as www")
	_, err = hosting.AddRecord(x.Context(), x.conn, "example.com",
		hosting.Record{Name: "@", Type: "A", Content: "192.0.2.1"})
	x.refuses(err, "dns:zone -add=example.com")

	require.NoError(x, hosting.AddZone(x.Context(), x.conn,
		hosting.ZoneOptions{Name: "example.net", Primaries: []netip.Addr{netip.MustParseAddr("192.0.2.53")}}))
	_, err = hosting.AddRecord(x.Context(), x.conn, "example.net",
		hosting.Record{Name: "@", Type: "A", Content: "192.0.2.1"})
	x.refuses(err, "secondary")

	_, err = hosting.Matching(x.Context(), x.conn, "example.org", "www", "A", "")
	x.refuses(err, "of this name it has", "www CNAME host.example.net.")
	found, err := hosting.Matching(x.Context(), x.conn, "example.org", "www", "CNAME", "host.example.net")
	require.NoError(x, err)
	require.NoError(x, hosting.RemoveRecords(x.Context(), x.conn, "example.org", found))
	x.refuses(hosting.RemoveRecords(x.Context(), x.conn, "example.org", found), "not there any more")
	zones, err := hosting.Zones(x.Context(), x.conn)
	require.NoError(x, err)
	assert.Len(x, zones, 3)
	require.NoError(x, hosting.RemoveZone(x.Context(), x.conn, "sub.example.org"))
	x.refuses(hosting.RemoveZone(x.Context(), x.conn, "sub.example.org"), "there is no zone")
}

func needs(x *tables) {
	x.domain("example.org")
	states := func(addresses ...netip.Addr) (all map[string]hosting.State) {
		n, err := hosting.DomainNeeds(x.Context(), x.conn, "example.org", addresses)
		require.NoError(x, err)
		all = map[string]hosting.State{}
		for _, need := range n.List {
			all[need.Name+" "+need.Type+" "+need.Content] = need.State
		}
		return all
	}
	assert.Equal(x, hosting.Unknown, states()["@ A "])
	n, err := hosting.DomainNeeds(x.Context(), x.conn, "example.org", nil)
	require.NoError(x, err)
	_, err = hosting.AddNeeds(x.Context(), x.conn, n)
	x.refuses(err, "-address=IP")
	assert.Equal(x, "1", x.value(`select count(*)::text from dns_records`), "nothing was added")

	four, six := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")
	_, err = x.record("@", "TXT", "v=spf1 a ~all")
	require.NoError(x, err)
	_, err = x.record("@", "CAA", "0 issue ca.example")
	require.NoError(x, err)
	n, err = hosting.DomainNeeds(x.Context(), x.conn, "example.org", []netip.Addr{four, six})
	require.NoError(x, err)
	added, err := hosting.AddNeeds(x.Context(), x.conn, n)
	require.NoError(x, err)
	assert.Len(x, added, 8, "MX, DMARC, and two addresses of ns1, mail and the zone")
	assert.Equal(x, map[string]hosting.State{
		"@ NS ns1.example.org.": hosting.Present, "ns1 A 192.0.2.1": hosting.Present, "ns1 AAAA 2001:db8::1": hosting.Present,
		"@ A 192.0.2.1": hosting.Present, "@ AAAA 2001:db8::1": hosting.Present, "@ MX mail.example.org.": hosting.Present,
		"mail A 192.0.2.1": hosting.Present, "mail AAAA 2001:db8::1": hosting.Present,
		"@ TXT v=spf1 mx -all":              hosting.Present,
		"_dmarc TXT v=DMARC1; p=quarantine": hosting.Present, "@ CAA 0 issue letsencrypt.org": hosting.Differs,
	}, states(four, six), "another SPF record has its reasons, another authority issues nothing")
	assert.Equal(x, hosting.Differs, states(netip.MustParseAddr("192.0.2.2"))["@ A 192.0.2.2"])

	_, err = hosting.AddDomain(x.Context(), x.conn, "example.net", hosting.DomainOptions{Mail: true})
	require.NoError(x, err)
	n, err = hosting.DomainNeeds(x.Context(), x.conn, "example.net", []netip.Addr{four})
	require.NoError(x, err)
	assert.Empty(x, n.Zone)
	assert.Equal(x, "example.net.", n.List[0].Name, "whole names for another's name server")
	_, err = hosting.AddNeeds(x.Context(), x.conn, n)
	x.refuses(err, "no zone here has the names of example.net")
	_, err = hosting.DomainNeeds(x.Context(), x.conn, "example.com", nil)
	x.refuses(err, "there is no domain example.com")
}

// keys are in TLSA records, of what services show.
func keys(x *tables) {
	x.domain("example.org")
	exec(x.T, x.conn, `insert into services (name, ports) values ('mta', '{25}')`)
	var shown, later []hosting.Shown
	for _, list := range []*[]hosting.Shown{&shown, &later} {
		made, err := certs.SelfSigned(certs.Names{DNS: []string{"example.org", "*.example.org"}}, time.Hour)
		require.NoError(x, err)
		pair, err := tls.X509KeyPair(made.Certificate, made.Key)
		require.NoError(x, err)
		for service, name := range map[string]string{
			"nginx": "example.org", "apache": "example.org", "dovecot": "mail.example.org",
			"mta": "mail.example.org", "bind": "example.org",
		} {
			*list = append(*list, hosting.Shown{Service: service, Name: name, Chain: []*x509.Certificate{pair.Leaf}})
		}
	}
	four := netip.MustParseAddr("192.0.2.1")
	tlsa := func(shown []hosting.Shown) (n hosting.Needs, states map[string]hosting.State) {
		n, err := hosting.DomainNeeds(x.Context(), x.conn, "example.org", []netip.Addr{four}, shown...)
		require.NoError(x, err)
		states = map[string]hosting.State{}
		for _, need := range n.List {
			if need.Type == "TLSA" {
				states[need.Name] = need.State
			}
		}
		return n, states
	}
	all := func(s hosting.State) map[string]hosting.State {
		return map[string]hosting.State{"_443._tcp": s, "_25._tcp.mail": s, "_993._tcp.mail": s}
	}
	n, states := tlsa(shown)
	assert.Equal(x, all(hosting.Missing), states, "where a service listens, each once")
	_, states = tlsa(nil)
	assert.Empty(x, states)
	_, err := hosting.AddNeeds(x.Context(), x.conn, n)
	require.NoError(x, err)
	sum := sha256.Sum256(shown[0].Chain[0].RawSubjectPublicKeyInfo)
	assert.Equal(x, "3 1 1 "+hex.EncodeToString(sum[:]), x.value(`select distinct content from dns_records
		where type = 'TLSA'`))
	_, states = tlsa(shown)
	assert.Equal(x, all(hosting.Present), states)
	n, states = tlsa(later)
	assert.Equal(x, all(hosting.Differs), states)
	added, err := hosting.AddNeeds(x.Context(), x.conn, n)
	require.NoError(x, err)
	assert.Empty(x, added, "what is there is not changed")

	check := func(shown []hosting.Shown) []hosting.Problem {
		problems, err := hosting.Check(x.Context(), x.conn, "", func(of hosting.Domain) []hosting.Shown {
			assert.Equal(x, hosting.Domain("example.org"), of)
			return shown
		})
		require.NoError(x, err)
		return problems
	}
	assert.Empty(x, check(shown))
	assert.Empty(x, check(nil), "nothing is shown while no service runs")
	stale := check(later)
	require.Len(x, stale, 3)
	assert.Contains(x, stale[0].Text, "does not fit the certificate that is shown")
	assert.Contains(x, stale[0].Text,
		"mage dns:remove example.org _443._tcp TLSA -yes, then mage dns:records example.org -add")
	exec(x.T, x.conn, `delete from dns_records where type = 'TLSA'`)
	assert.Empty(x, check(later), "a domain does without")
}

func checked(x *tables) {
	require.NoError(x, hosting.AddZone(x.Context(), x.conn, hosting.ZoneOptions{Name: "example.org"}))
	exec(x.T, x.conn, `delete from dns_records`, `insert into dns_records (zone_id, name, type, priority, content)
		select z.id, v.* from dns_zones z, (values
		('@', 'MX', 10, 'mail.example.org'), ('www', 'CNAME', null, 'host.example.net'),
		('_imaps._tcp', 'SRV', 0, '1 993 mail.example.org'),
		('ftp.example.org', 'A', null, '192.0.2.1'), ('a', 'MX', 10, '192.0.2.1'), ('b', 'MX', 10, 'www'),
		('c', 'CNAME', null, 'a..'),
		('x.y', 'A', null, '192.0.2.9'), ('d', 'CNAME', null, 'x.y')) v (n, t, p, c)`)
	problems, err := hosting.Check(x.Context(), x.conn, "example.org", nil)
	require.NoError(x, err)
	found := map[string]string{}
	for _, p := range problems {
		found[p.Record] += p.Text + "\n"
	}
	for record, text := range map[string]string{
		"@ MX 10 mail.example.org":                 "no dot at its end and means mail.example.org.example.org",
		"www CNAME host.example.net":               "means host.example.net.example.org",
		"_imaps._tcp SRV 0 1 993 mail.example.org": "no dot at its end", "ftp.example.org A 192.0.2.1": "repeats the zone",
		"a MX 10 192.0.2.1": "is an address",
		"b MX 10 www":       "is a CNAME", "c CNAME a..": "a part that is empty", "": "names no server",
	} {
		assert.Contains(x, found[record], text, record)
	}
	assert.NotContains(x, found, "d CNAME x.y", "a name of the zone with two parts is there")
	assert.NotContains(x, found, "x.y A 192.0.2.9")
}

// constraints asks for what is looked at before, past the looking.
func constraints(x *tables) {
	x.domain("example.org")
	_, err := hosting.AddDomain(x.Context(), x.conn, "Example.net", hosting.DomainOptions{Web: true})
	x.refuses(err, "only letters a to z")
	_, err = hosting.AddDomain(x.Context(), x.conn, "a..b", hosting.DomainOptions{Web: true})
	x.refuses(err, "only letters a to z")
	_, err = hosting.AddDomain(x.Context(), x.conn, "example.net", hosting.DomainOptions{Web: true, WebRoot: "x"})
	x.refuses(err, "an absolute path")
	jörg := hosting.Address{Local: "jörg", Domain: "example.org"}
	x.refuses(hosting.AddAccount(x.Context(), x.conn, jörg, hosting.AccountOptions{Password: "long-enough"}),
		"before the @")
	x.refuses(hosting.AddAccount(x.Context(), x.conn, x.address("a@example.org"),
		hosting.AccountOptions{Password: "long-enough", Quota: -1}), "less than nothing")
	_, err = hosting.AddAlias(x.Context(), x.conn, x.address("a@example.org"),
		hosting.Address{Local: "b c", Domain: "example.org"})
	x.refuses(err, "the destination is a mail address")
	for _, r := range []struct {
		record hosting.Record
		why    string
	}{
		{hosting.Record{Name: "A", Type: "A", Content: "192.0.2.1"}, "relative to it"},
		{hosting.Record{Name: "a..", Type: "A", Content: "192.0.2.1"}, "relative to it"},
		{hosting.Record{Name: "a", Type: "SPF", Content: "x"}, "no such type"},
		{hosting.Record{Name: "a", Type: "MX", Content: "mail"}, "have a priority"},
		{hosting.Record{Name: "a", Type: "CAA", Content: "x"}, "not what a record of this type holds"},
	} {
		_, err := hosting.AddRecord(x.Context(), x.conn, "example.org", r.record)
		x.refuses(err, r.why)
	}
	exec(x.T, x.conn, `create role reader login`, `grant select on all tables in schema public to reader`,
		`set role reader`)
	_, err = hosting.AddDomain(x.Context(), x.conn, "example.com", hosting.DomainOptions{Web: true})
	assert.ErrorContains(x, err, `add domain "example.com": the user of the connection may not do this`)
	assert.ErrorContains(x, err, "connect as the owner")
	exec(x.T, x.conn, `reset role`, `set default_transaction_read_only = on`)
	_, err = hosting.AddDomain(x.Context(), x.conn, "example.com", hosting.DomainOptions{Web: true})
	assert.ErrorContains(x, err, "takes no changes, as a standby does")
}
