package targets

import (
	"regexp"
	"runtime"
	"strings"
)

// caller is the name of the target that called phase, as mage lists it.
func caller() string {
	const skip = 4 // runtime.Callers, caller, open, phase
	pc := make([]uintptr, 1)
	if runtime.Callers(skip, pc) == 0 {
		return ""
	}
	frame, _ := runtime.CallersFrames(pc).Next() // inlining is undone here
	return listed(frame.Function)
}

// listed is the name under which mage lists a function of Go: "…/targets.DB.Url" is "db:url".
func listed(function string) string {
	name := function[strings.LastIndexByte(function, '/')+1:]
	words := strings.Split(name, ".")[1:]
	for i, word := range words {
		words[i] = lowerFirst(word)
	}
	return strings.Join(words, ":")
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
