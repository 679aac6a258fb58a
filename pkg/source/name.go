package source

import (
	"regexp"
	"strings"
)

// TargetName is the name under which mage lists a function of Go, whose own is given in words: DB and Url are db:url.
func TargetName(words []string) string {
	listed := make([]string, len(words))
	for i, word := range words {
		listed[i] = lowerFirst(word)
	}
	return strings.Join(listed, ":")
}

// lowerFirst is a word as mage writes it: PreCommit is preCommit, DB is db. Source: lowerFirstWord of mage 1.17.2.
func lowerFirst(word string) string {
	for _, pattern := range []string{
		`^([[:upper:]][^[:upper:]]+)([[:upper:]].*)$`,
		`^([[:upper:]]+)([[:upper:]][^[:upper:]].*)$`,
	} {
		if m := regexp.MustCompile(pattern).FindStringSubmatch(word); m != nil {
			return strings.ToLower(m[1]) + m[2]
		}
	}
	return strings.ToLower(word)
}
