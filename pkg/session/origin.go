package session

import "maps"

// LabelOrigin is on everything that was made while [EnvOrigin] was set, with its value.
const LabelOrigin = "org.poststack.origin"

// EnvOrigin is a variable that child processes inherit. A suite of tests sets it to a word of its own, so that
// what it and its children leave is told from what others make at the same time.
const EnvOrigin = "_POSTSTACK_ORIGIN"

// WithOrigin returns labels and, if the environment names an origin, that.
func WithOrigin(labels map[string]string, getenv func(string) string) map[string]string {
	origin := getenv(EnvOrigin)
	if origin == "" {
		return labels
	}
	out := map[string]string{LabelOrigin: origin}
	maps.Copy(out, labels)
	return out
}
