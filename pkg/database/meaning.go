package database

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
)

// Every parameter of a connection URL is one of four things. What this package carries to both drivers is set
// ([written.set]). What protects the connection or chooses the server must hold on both sides, or is refused by
// name ([guards]). What is about something else than one connection, such as an application's pool, is left out,
// and that is said ([pointless]). The rest is refused with what to write instead ([elsewhere]).

// known lists the parameters that are set, by their preferred spelling.
func known() []string {
	return []string{
		"sslmode", "sslrootcert", "sslcert", "sslkey", "channel_binding", "connect_timeout", "application_name",
		"currentSchema", "options", "hostaddr", "passfile", "user", "password", "host", "port", "dbname",
	}
}

// canonical maps the spellings of other tools to the one that is used here.
func canonical(name string) string {
	return cmp.Or(map[string]string{
		"schema": "currentSchema", "search_path": "currentSchema", // Prisma's, pgx's
		"ApplicationName": "application_name", "connectTimeout": "connect_timeout", "channelBinding": "channel_binding",
		"database": "dbname",
	}[name], name)
}

// guard is a parameter that protects the connection, or chooses the server, without a setting here.
type guard struct {
	fine   []string // values that hold on both sides in any case
	remedy string
}

// guards lists them by their names in small letters and without underscores, libpq's and the JDBC driver's. Sources:
// PostgreSQL 18 manual, "Parameter Key Words", and org.postgresql.PGProperty of pgjdbc 42.7.
func guards() map[string]guard {
	revoked := guard{nil, "have the CA's file hold only what is valid: no driver here reads revocation lists"}
	primary := guard{
		strings.Fields("any read-write primary prefer-standby master preferSecondary preferSlave preferPrimary"),
		"name the one server that can be written to, and leave it out",
	}
	return map[string]guard{
		"gssencmode": {
			[]string{"disable", "prefer", "allow"}, "Kerberos encryption is not known here: use TLS, sslmode=verify-full",
		},
		"requireauth": {nil, "let pg_hba.conf of the server demand it, and write sslmode=verify-full here"},
		"requirepeer": {nil, "use TCP with sslmode=verify-full"},
		"sslcrl":      revoked,
		"sslcrldir":   revoked,
		"sslminprotocolversion": {
			[]string{"TLSv1", "TLSv1.1", "TLSv1.2"},
			"TLS 1.2 is the least in any case; for more set ssl_min_protocol_version in the server",
		},
		"sslcertmode":    {[]string{"allow"}, "to send a certificate write sslcert and sslkey; to send none, leave them out"},
		"sslnegotiation": {[]string{"postgres"}, "leave it out: the JDBC driver begins with PostgreSQL's own handshake"},
		"sslsni":         {[]string{"1"}, "leave it out: the name is always sent"},
		"sslcompression": {[]string{"0"}, "leave it out: no driver here compresses"},

		"ssl":       {nil, "write sslmode=require, or sslmode=verify-full with sslrootcert=FILE, or sslmode=disable"},
		"sslaccept": {nil, "write sslmode=require to check no certificate, or sslmode=verify-full with sslrootcert=FILE"},

		"sslpassword":        {nil, "use a key file that is not encrypted"},
		"sslkeylogfile":      {nil, "leave it out: it lets others read the connection"},
		"targetsessionattrs": primary,
		"targetservertype":   primary,
		"loadbalancehosts":   {[]string{"disable", "false"}, "name the one server that can be written to"},

		"replication": {[]string{"false", "off", "no", "0"}, "leave it out: a replication connection cannot migrate"},
		"readonly":    {[]string{"false"}, "leave it out: a migration writes"},
	}
}

// protective tells by its name that a parameter which is known to nobody here may protect the connection or a
// secret: such a one is never left out.
var protective = regexp.MustCompile(`^(ssl|tls|gss|krb|kerberos|jaas|sspi|spn|auth|require|channel)|` +
	`cert|pass|secret|token|auth|verify|encrypt|oauth|factory|plugin`)

// pointless are the names, in small letters and without underscores, of what means nothing to one connection.
var pointless = []struct { //nolint:gochecknoglobals // a table
	names *regexp.Regexp
	why   string
}{
	{
		regexp.MustCompile(`pool|pgbouncer|connectionlimit|max(open|idle|size|conn)|minsize|minconn|connmax|connhealth|` +
			`lifetime|maxage|idletimeout|checkouttimeout|reaping|retr(y|ies)|reconnect`),
		"it is about a pool of connections, and this is one connection",
	},
	{
		regexp.MustCompile(`prepare|statement(s|cache)|cache(size|capacity|queries|fields)|queryexecmode|preferquerymode|` +
			`binary|fetch|batch|autosave|savepoint|stringtype|sanitiser|quotereturning|escapesyntax|resultbuffer|` +
			`unknownlength|hideunpriv|startupparam|serverversion|readonlymode|querytimeout|sockettimeout|logintimeout|` +
			`allowencoding|datetime|advisorylock`),
		"it is about how an application sends its statements",
	},
	{
		regexp.MustCompile(`keepalive|^tcp|buffersize|nodelay|responsetimeout|cancelsignal|hostrecheck|protocolversion`),
		"it is about the network below a connection that lasts",
	},
	{
		regexp.MustCompile(`^log(ger|server|unclosed)|metrics|tracing|clientencoding|charset|^encoding|` +
			`fallbackapplicationname|^uselibpqcompat$|^krbsrvname|^krbspn|^gss(lib|delegation|responsetimeout)|` +
			`^sslresponsetimeout|^sslmaxprotocolversion|^kerberosservername|^(jaas|sspi|usespnego)`),
		"it changes nothing here",
	},
}

// other decides about a parameter that has no setting here.
func (w *written) other(p parameter) error {
	plain := strings.ToLower(strings.ReplaceAll(p.name, "_", ""))
	if g, ok := guards()[plain]; ok {
		if slices.Contains(g.fine, p.value) {
			return nil
		}
		return wrong("parameter "+w.shown(p),
			"cannot be kept by both drivers, the one that verifies and the one that migrates", g.remedy)
	}
	for _, kind := range pointless {
		if kind.names.MatchString(plain) && (!protective.MatchString(plain) || kind.why == "it changes nothing here") {
			w.note("parameter %s is left out: %s", w.shown(p), kind.why)
			return nil
		}
	}
	return w.unknown(p, plain)
}

// note keeps a word about the URL for whoever wrote it.
func (w *written) note(format string, args ...any) {
	w.notes = append(w.notes, fmt.Sprintf(format, args...))
}

// unknown explains a parameter. Other tools' ways to say what has a place of its own here get that as remedy.
func (w *written) unknown(p parameter, plain string) error {
	remedy := elsewhere(p.name)
	if remedy == "" {
		best := slices.MinFunc(known(), func(a, b string) int {
			return levenshtein.ComputeDistance(plain, a) - levenshtein.ComputeDistance(plain, b)
		})
		switch distance := levenshtein.ComputeDistance(strings.ToLower(p.name), strings.ToLower(best)); {
		case distance <= len(best)/4:
			remedy = "did you mean " + best + "?"
		case protective.MatchString(plain):
			remedy = "it may be meant to protect the connection, so it is not left out: write sslmode, sslrootcert, " +
				"channel_binding"
		default:
			remedy = "leave it out; a setting of the server is written options=-c%20NAME%3DVALUE"
		}
	}
	return wrong("parameter "+w.shown(p), "is unknown", remedy)
}

// elsewhere says where what other tools' parameter of that name means is written here; "" if nowhere.
func elsewhere(name string) string {
	switch name {
	case "PGHOST", "PGPORT", "PGDBNAME", "hostname", "localSocketAddress":
		return "write server and database in the address"
	case "username":
		return "write user"
	case "service", "servicefile", "scram_client_key", "scram_server_key":
		return "write the server and how to log in into the URL"
	case "authenticationPluginClassName", "socketFactory", "socketFactoryArg", "sslfactory", "sslfactoryarg",
		"sslhostnameverifier", "sslpasswordcallback", "xmlFactoryFactory":
		return "leave it out: it names a class of Java, which only one of the two drivers has"
	}
	return ""
}
