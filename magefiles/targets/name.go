package targets

import (
	"runtime"
	"strings"

	"github.com/poststack/poststack/pkg/source"
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
	return source.TargetName(strings.Split(name, ".")[1:])
}
