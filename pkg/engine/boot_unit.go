package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
	"strconv"
	"strings"
)

// unit is named after the directory: another user of root's, with a home of their own, has another one.
func (b Boot) unit() string {
	sum := sha256.Sum256([]byte(b.Dir))
	return "poststack-at-boot-" + hex.EncodeToString(sum[:3]) + ".service"
}

func (b Boot) unitFile() string { return filepath.Join(b.Dir, b.unit()) }

// unitText is a unit of the system's or of a user's, like podman's own podman-restart.service.
func (b Boot) unitText() string {
	script := UnitWord(b.script())
	return `# written by mage engine:install
[Unit]
Description=Containers of Poststack that ran when the machine went down
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
RemainAfterExit=true
ExecStart=/bin/sh ` + script + ` start
ExecStop=/bin/sh ` + script + ` stop

[Install]
WantedBy=default.target
`
}

// UnitWord quotes text as one word of a command in a unit. Source: systemd.service(5), "Command lines".
func UnitWord(text string) string {
	return strings.NewReplacer("%", "%%", "$", "$$").Replace(strconv.Quote(text))
}
