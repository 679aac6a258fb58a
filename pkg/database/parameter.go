package database

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/agnivade/levenshtein"

	"github.com/poststack/poststack/pkg/secret"
)

const maxConnectTimeout = time.Hour

var errSeveralHosts = &URLError{"host", "is a list", "name the one server that can be written to"}

// target judges what was written and fills in the defaults.
func (w written) target() (Target, error) {
	t := Target{Host: w.host, User: w.user, Password: secret.Value(w.password), Database: w.database}
	if err := w.apply(&t); err != nil {
		return Target{}, err
	}
	if err := checkHost(t.Host); err != nil {
		return Target{}, err
	}
	if w.port != "" {
		port, err := strconv.ParseUint(w.port, 10, 16)
		if err != nil || port == 0 {
			return Target{}, &URLError{
				"port", "is not a number from 1 to 65535",
				`write HOST:PORT/DATABASE, and percent-encode ":", "/" and "@" in user and password`,
			}
		}
		t.Port = uint16(port)
	}
	if t.User == "" {
		return Target{}, &URLError{"user name", "is missing", "write postgresql://USER:PASSWORD@HOST:PORT/DATABASE"}
	}
	if t.Database == "" {
		t.Database = t.User // as libpq and the JDBC driver do
	}
	if err := checkTLS(&t); err != nil {
		return Target{}, err
	}
	return t.withDefaults(), nil
}

// apply puts the parameters into t.
func (w written) apply(t *Target) error {
	seen := map[string]bool{}
	for i, p := range w.parameters {
		name := canonical(p.name)
		if seen[name] || name == "password" && w.hasPassword || name == "user" && w.user != "" {
			return &URLError{"parameter " + w.shown(i), "is given twice", "keep one"}
		}
		seen[name] = true
		if err := w.set(t, i, name); err != nil {
			return err
		}
	}
	return nil
}

// set puts parameter i, whose canonical name is name, into t.
func (w written) set(t *Target, i int, name string) error {
	value := w.parameters[i].value
	switch name {
	case "user":
		t.User = value
	case "password":
		t.Password = secret.Value(value)
	case "sslmode":
		t.SSLMode = value
	case "sslrootcert":
		t.SSLRootCert = value
	case "sslcert":
		t.SSLCert = value
	case "sslkey":
		t.SSLKey = value
	case "application_name":
		t.Application = value
	case "connect_timeout":
		n, err := strconv.Atoi(value)
		if d := time.Duration(n) * time.Second; err != nil || d < time.Second || d > maxConnectTimeout {
			return &URLError{"parameter connect_timeout", "is not a number of seconds from 1 to 3600", ""}
		}
		t.ConnectTimeout = time.Duration(n) * time.Second
	case "currentSchema", "options":
		return setSchema(t, name, value)
	default:
		return w.unknown(i)
	}
	return nil
}

// canonical maps the spellings of other tools to the one that is used here.
func canonical(name string) string {
	switch name {
	case "schema", "search_path": // Prisma's, pgx's
		return "currentSchema"
	case "ApplicationName":
		return "application_name"
	case "connectTimeout":
		return "connect_timeout"
	}
	return name
}

// known lists the parameters by their preferred spelling.
func known() []string {
	return []string{
		"sslmode", "sslrootcert", "sslcert", "sslkey", "connect_timeout", "application_name", "currentSchema",
		"options", "user", "password",
	}
}

// unknown explains parameter i. Other tools' ways to say what has a place of its own here get that as remedy.
func (w written) unknown(i int) error {
	name := w.parameters[i].name
	remedy := elsewhere(name)
	if remedy == "" {
		best := slices.MinFunc(known(), func(a, b string) int {
			return levenshtein.ComputeDistance(name, a) - levenshtein.ComputeDistance(name, b)
		})
		remedy = "known are " + strings.Join(known(), ", ")
		if levenshtein.ComputeDistance(strings.ToLower(name), strings.ToLower(best)) <= len(best)/2 {
			remedy = "did you mean " + best + "?"
		}
	}
	return &URLError{"parameter " + w.shown(i), "is unknown", remedy}
}

// elsewhere says where what other tools' parameter of that name means is written here; "" if nowhere.
func elsewhere(name string) string {
	switch name {
	case "host", "port":
		return "write it in the address"
	case "hostaddr":
		return "use host alone"
	case "dbname", "database":
		return "write the database in the address"
	case "ssl":
		return "write sslmode=require, or sslmode=verify-full with sslrootcert=FILE"
	case "target_session_attrs":
		return "name the one server that can be written to"
	case "sslpassword":
		return "use a key file that is not encrypted"
	case "passfile":
		return "write the password into the URL"
	case "service", "servicefile":
		return "write the server into the URL"
	}
	return ""
}

// shown names parameter i. When the password is one of the parameters, an unencoded "&" or space could have
// made a piece of it a name, so names that are not known are given by their position.
func (w written) shown(i int) string {
	name := w.parameters[i].name
	if slices.Contains(known(), canonical(name)) {
		return name
	}
	secrets := slices.ContainsFunc(w.parameters, func(p parameter) bool { return strings.Contains(p.name, "pass") })
	if secrets || !regexp.MustCompile(`^[A-Za-z_.]{1,32}$`).MatchString(name) {
		return strconv.Itoa(i + 1)
	}
	return name
}

// setSchema takes the schema from currentSchema=NAME or from options=-c search_path=NAME.
func setSchema(t *Target, name, value string) error {
	if name == "options" {
		m := regexp.MustCompile(`^(?:-c ?|--)search_path=([^ ]*)$`).FindStringSubmatch(strings.TrimSpace(value))
		if m == nil {
			return &URLError{"parameter options", "sets something else than search_path", "write currentSchema=NAME, or leave it out"}
		}
		value = m[1]
	}
	// Without quotes PostgreSQL folds letters, and Liquibase does not: one plain spelling means one schema.
	if !regexp.MustCompile(`^[a-z_][a-z0-9_]{0,62}$`).MatchString(value) || strings.HasPrefix(value, "pg_") {
		return &URLError{
			"parameter " + name, "is not the plain name of one schema",
			"write one name of small letters, digits and _, such as currentSchema=hosting",
		}
	}
	if t.Schema != "" && t.Schema != value {
		return &URLError{"parameter " + name, "names another schema than a parameter before it", "keep one"}
	}
	t.Schema = value
	return nil
}
