package enginetest

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
)

// PortRules are the rules of the firewall that podman's netavark has made for a container's published port.
type PortRules struct {
	chain string // of the container's network
	lines []string
}

// RulesOf are those of a container's first port.
func RulesOf(t *testing.T, c engine.Container) (rules PortRules) {
	t.Helper()
	port := fmt.Sprintf("--dport %d ", c.Ports[0].Host)
	for line := range strings.Lines(NAT(t)) {
		if strings.Contains(line, port) {
			rules.lines = append(rules.lines, line)
		}
		if _, target, found := strings.Cut(line, string(c.ID)+`" -j `); found {
			rules.chain = strings.TrimSpace(target)
		}
	}
	require.NotEmpty(t, rules.chain, "netavark says whose a rule is")
	return rules
}

// Drop takes them away. Some may have been removed already.
func (r PortRules) Drop() {
	for _, rule := range r.lines {
		_ = restore(strings.Replace(rule, "-A ", "-D ", 1)).Run()
	}
}

// Put has them stand, as if podman had left them.
func (r PortRules) Put(t *testing.T) {
	t.Helper()
	out, err := restore(":" + r.chain + " - [0:0]\n" + strings.Join(r.lines, "")).CombinedOutput()
	require.NoError(t, err, string(out))
}

// NAT is what iptables says of published ports.
func NAT(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "iptables", "-w", "-t", "nat", "-S").CombinedOutput()
	require.NoError(t, err, string(out))
	return string(out)
}

// restore adds lines to the table, or takes them away.
func restore(lines string) *exec.Cmd {
	cmd := exec.Command("iptables-restore", "-w", "--noflush") //nolint:noctx // also when the test has ended
	cmd.Stdin = strings.NewReader("*nat\n" + lines + "COMMIT\n")
	return cmd
}
