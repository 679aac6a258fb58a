package engine

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/poststack/poststack/pkg/runner"
)

// dropLeftRules removes the rules of the firewall that lead ports of a container, which runs at addresses, to one that
// does not exist any more. Podman's netavark (1.4) leaves them when containers die at the same moment, and who calls
// the port comes to nobody. Rules of a container that podman knows, or that still has a monitor, are somebody's and
// stay.
func (e *Engine) dropLeftRules(ctx context.Context, c Container, addresses []string) error {
	for _, program := range []string{"iptables", "ip6tables"} { // as netavark does
		table, err := e.opts.Runner.Run(ctx, runner.Command{Program: program, Args: []string{"-w", "-t", "nat", "-S"}})
		if err != nil {
			continue // there is none, or netavark uses another one
		}
		left := leftRules(table.Stdout, c, addresses, func(id ContainerID) bool { return e.vanished(ctx, id) })
		if len(left) == 0 {
			continue
		}
		// All of them, or none: one of them may have gone meanwhile.
		_, err = e.opts.Runner.Run(ctx, runner.Command{
			Program: program + "-restore", Args: []string{"-w", "--noflush"},
			Stdin: strings.NewReader("*nat\n-D " + strings.Join(left, "\n-D ") + "\nCOMMIT\n"),
		})
		if err != nil {
			return fmt.Errorf("remove rules of the firewall that containers have left: %w", err)
		}
	}
	return nil
}

// vanished tells whether nothing is left of a container, also in another store than ours.
func (e *Engine) vanished(ctx context.Context, id ContainerID) bool {
	_, err := e.ContainerInspect(ctx, string(id))
	return errors.Is(err, ErrNotFound) && !slices.ContainsFunc(monitors(), func(m monitor) bool { return m.id == id })
}

// portRule is a rule of netavark's for a published port, or a range of them.
type portRule struct {
	text, chain, protocol string // text is all after the -A
	first, last           uint64
	owner                 ContainerID // that it is for, and
	target                string      // where it jumps to
	address               string      // or that it leads to
}

// leftRules picks those to remove from what iptables -S says.
func leftRules(
	table string, c Container, addresses []string, vanished func(ContainerID) bool,
) (left []string) {
	rules := portRules(table)
	for _, p := range c.Ports {
		chain, others := "", false
		for _, r := range rules {
			switch {
			case !r.covers(p) || r.owner == "":
			case r.owner == c.ID:
				chain = r.target
			case vanished(r.owner):
				left = append(left, r.text)
			default:
				others = true // another address of this machine has the same port
			}
		}
		for _, r := range rules {
			if !others && r.covers(p) && r.address != "" && r.chain == chain && !slices.Contains(addresses, r.address) {
				left = append(left, r.text)
			}
		}
	}
	slices.Sort(left)
	return slices.Compact(left) // a range has several ports
}

func (r portRule) covers(p Port) bool {
	return r.first <= uint64(p.Host) && uint64(p.Host) <= r.last && (r.protocol == UDP) == (p.Protocol == UDP)
}

// portRules reads those that tell of a port.
func portRules(table string) (rules []portRule) {
	pattern := regexp.MustCompile(`^-A ((NETAVARK-\S+) .*-p (tcp|udp) .*--dport (\d+)(?::(\d+))? ` +
		`(?:-m comment --comment "dnat name: \S+ id: ([0-9a-f]{64})" -j (NETAVARK-DN-\S+)|` +
		`-j DNAT --to-destination \[?([0-9a-f.:]+?)\]?:[\d/-]+))$`)
	for line := range strings.Lines(table) {
		part := pattern.FindStringSubmatch(strings.TrimSpace(line))
		if part == nil {
			continue
		}
		r := portRule{
			text: part[1], chain: part[2], protocol: part[3], owner: ContainerID(part[6]), target: part[7], address: part[8],
		}
		r.first, _ = strconv.ParseUint(part[4], 10, 16) // they are digits
		r.last, _ = strconv.ParseUint(part[5], 10, 16)
		r.last = max(r.first, r.last)
		rules = append(rules, r)
	}
	return rules
}
