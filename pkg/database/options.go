package database

import (
	"regexp"
	"strings"
)

// setOptions reads options=…, which PostgreSQL's server, or what stands in its place, takes apart. A search_path
// in it is the schema; the rest goes to the server as it is, by both drivers.
func setOptions(t *Target, value string) error {
	var rest []string
	words := strings.Fields(value)
	for i := 0; i < len(words); i++ {
		word := words[i]
		if word == "-c" && i+1 < len(words) {
			i++
			word += words[i]
		}
		m := searchPath.FindStringSubmatch(word)
		if m == nil {
			if name, ok := strings.CutPrefix(word, "-c"); ok {
				word = "-c " + name
			}
			rest = append(rest, word)
			continue
		}
		if err := setSchema(t, "options", m[1]); err != nil {
			return err
		}
	}
	t.Options = strings.Join(rest, " ")
	return nil
}

// searchPath is how a word of options sets the search path. Source: PostgreSQL manual, "postgres", -c and --name.
var searchPath = regexp.MustCompile(`^(?i:-c|--)(?i:search[_-]path)=(.*)$`)

// setSchema takes the schema from currentSchema=NAME or from options=-c search_path=NAME.
func setSchema(t *Target, name, value string) error {
	// Without quotes PostgreSQL folds letters, and Liquibase does not: one plain spelling means one schema.
	if !regexp.MustCompile(`^[a-z_][a-z0-9_]{0,62}$`).MatchString(value) || strings.HasPrefix(value, "pg_") {
		return wrong("parameter "+name, "is not the plain name of one schema",
			"write one name of small letters, digits and _, such as currentSchema=hosting")
	}
	if t.Schema != "" && t.Schema != value {
		return wrong("parameter "+name, "names another schema than a parameter before it", "keep one")
	}
	t.Schema = value
	return nil
}
