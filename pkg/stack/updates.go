package stack

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/image"
)

// UpdateData is a newer version of a package that Debian has.
type UpdateData struct {
	Package  string `json:"package"`
	Has      string `json:"has"`
	Gets     string `json:"gets"`
	Security bool   `json:"security"`
}

// askApt has apt of the base image read its lists, and compare each image's packages with them. Their dependencies may not be
// met, which a simulated upgrade would mind: images leave out what they have no use for.
const askApt = `set -euo pipefail
apt-get update --error-on=any -qq >/dev/null
for status in /tmp/status/*; do
  echo "image ${status##*/}"
  apt list --upgradable -qq -o Dir::State::Status="$status" 2>/dev/null
done`

// updates asks Debian for newer packages of the images that are current. Those that are not built are left out.
func (s *Stack) updates(ctx context.Context, r event.Reporter) (found map[string][]UpdateData, err error) {
	images, err := s.catalogue()
	if err != nil {
		return nil, err
	}
	e, err := s.engine(ctx)
	if err != nil {
		return nil, err
	}
	spec := engine.ContainerSpec{User: "root", HostNetwork: true, Env: map[string]string{}}
	for _, name := range images.Names() {
		ref, err := s.imageRef(name)
		if err != nil {
			return nil, err
		}
		built, err := e.ImageInspect(ctx, ref)
		if errors.Is(err, engine.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if name == baseImage {
			spec.Image = ref
		}
		status, err := s.fileOf(ctx, e, engine.ContainerSpec{Image: engine.Ref(built.ID)}, dpkgStatus)
		if err != nil {
			return nil, err
		}
		spec.Files = append(spec.Files, engine.File{Path: "/tmp/status/" + name, Mode: 0o644, Content: status})
	}
	if spec.Image == "" {
		return map[string][]UpdateData{}, nil
	}
	for _, name := range []string{"http_proxy", "https_proxy", "no_proxy"} {
		if value := s.Getenv(name); value != "" {
			spec.Env[name] = value
		}
	}
	r.Step("asking Debian for updates")
	id, err := startIdle(ctx, e, baseImage, spec)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, removeIdle(ctx, e, id)) }()
	res, err := e.ContainerExec(ctx, id, engine.ExecSpec{Command: []string{"bash", "-c", askApt}})
	if err == nil && res.Code != 0 {
		err = fmt.Errorf("ask Debian for updates: %s", strings.TrimSpace(res.Stderr))
	}
	return upgradable(res.Stdout), err
}

// upgradable reads what apt lists of each image: NAME/SUITE,SUITE… GETS ARCHITECTURE [upgradable from: HAS].
func upgradable(text string) map[string][]UpdateData {
	found := map[string][]UpdateData{}
	line := regexp.MustCompile(`^(\S+?)/(\S+) (\S+) \S+ \[upgradable from: (\S+)\]`)
	name := ""
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		if next, ok := strings.CutPrefix(lines.Text(), "image "); ok {
			name = next
			found[name] = []UpdateData{}
		} else if m := line.FindStringSubmatch(lines.Text()); m != nil {
			found[name] = append(found[name], UpdateData{m[1], m[4], m[3], strings.Contains(m[2], "-security")})
		}
	}
	return found
}

// waiting says how many updates there are.
func waiting(updates []UpdateData) string {
	if len(updates) == 0 {
		return "none"
	}
	security := 0
	for _, u := range updates {
		if u.Security {
			security++
		}
	}
	text := count(len(updates), "update")
	if security > 0 {
		text += fmt.Sprintf(", %d of security", security)
	}
	return text
}

// LookForUpdates has the builds of this run take nothing from a cache for the images that Debian has updates for. All images
// stand on Debian's own: where it has some for one that stands on nothing else, all are built anew.
func (s *Stack) LookForUpdates(ctx context.Context) error {
	return s.run(ctx, "updates", BuildWork, func(ctx context.Context, r event.Reporter) (ended, error) {
		found, err := s.updates(ctx, r)
		if err != nil {
			return ended{}, err
		}
		images, err := s.catalogue()
		if err != nil {
			return ended{}, err
		}
		renew, all, told := map[string]bool{}, false, []string{}
		for _, name := range images.Names() {
			if len(found[name]) == 0 {
				continue
			}
			renew[name] = true
			all = all || len(images.Parents(name)) == 0
			told = append(told, name+": "+waiting(found[name]))
		}
		for _, name := range images.Names() {
			renew[name] = renew[name] || all
		}
		s.mu.Lock()
		s.renew = renew
		s.mu.Unlock()
		if len(told) == 0 {
			return ended{Outcome: event.Unchanged, Text: "Debian has none for the images that are built"}, nil
		}
		return ended{Outcome: event.Passed, Text: strings.Join(told, "; ")}, nil
	})
}

// ImageStatus is what there is of an image, with what Debian has for it if that was asked.
type ImageStatus struct {
	image.Status
	Updates *[]UpdateData `json:"updates,omitempty"` // nil if it was not asked, or the image is not current
}
