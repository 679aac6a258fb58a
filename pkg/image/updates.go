package image

import (
	"bufio"
	"regexp"
	"strings"
)

// Update is a newer version of a package that Debian has.
type Update struct {
	Package  string `json:"package"`
	Has      string `json:"has"`
	Gets     string `json:"gets"`
	Security bool   `json:"security"`
}

// UpdatesStatus is where [AskForUpdates] looks for the files in which dpkg keeps what is installed in an image, each
// with the name of its image.
const UpdatesStatus = "/tmp/status/"

// AskForUpdates is a script of bash that has apt read its lists, and compare each image's packages with them. Their
// dependencies may not be met, which a simulated upgrade would mind: images leave out what they have no use for.
const AskForUpdates = `set -euo pipefail
apt-get update --error-on=any -qq >/dev/null
for status in ` + UpdatesStatus + `*; do
  echo "image ${status##*/}"
  apt list --upgradable -qq -o Dir::State::Status="$status" 2>/dev/null
done`

// ParseUpdates reads what the script prints, by image: NAME/SUITE,SUITE… GETS ARCHITECTURE [upgradable from: HAS].
func ParseUpdates(text string) map[string][]Update {
	found := map[string][]Update{}
	line := regexp.MustCompile(`^(\S+?)/(\S+) (\S+) \S+ \[upgradable from: (\S+)\]`)
	name := ""
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		if next, ok := strings.CutPrefix(lines.Text(), "image "); ok {
			name = next
			found[name] = []Update{}
		} else if m := line.FindStringSubmatch(lines.Text()); m != nil {
			found[name] = append(found[name], Update{m[1], m[4], m[3], strings.Contains(m[2], "-security")})
		}
	}
	return found
}
