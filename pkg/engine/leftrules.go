package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/moby/moby/api/types/container"

	"github.com/poststack/poststack/pkg/runner"
)

// dropTries is how often rules are looked for that somebody else removes meanwhile.
const dropTries = 5

// PortsClear removes the rules of the firewall that lead ports of this machine to containers that do not run, or to
// where a container was before: who calls the port comes to nobody. Podman's netavark (1.4) leaves them when containers
// end at the same moment, and podman when it forgets a container's network, killed or out of files to open. Rules of a
// container that runs stay; one that podman is busy with is waited for.
//
// Only root has such rules, and only where the containers run: a program forwards the ports of rootless podman, and
// docker sees to its own.
func (e *Engine) PortsClear(ctx context.Context, ports []Port) error {
	if !e.hasRules() || len(ports) == 0 {
		return nil
	}
	for end := time.Now().Add(lostGrace); ; {
		busy := false
		for _, program := range []string{"iptables", "ip6tables"} { // as netavark does
			err := e.dropLeftRules(ctx, program, ports, func(id ContainerID) rulesOwner {
				owner := e.ownerOfRules(ctx, id)
				busy = busy || owner.busy
				return owner
			})
			if err != nil {
				return fmt.Errorf("remove rules of the firewall that containers have left: %w", err)
			}
		}
		if !busy || time.Now().After(end) {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(lostPoll):
		}
	}
}

// dropLeftRules removes those of one table, all of them or none. Podman, or another run, may remove one of them at the
// same moment: what is left then is looked for again.
func (e *Engine) dropLeftRules(
	ctx context.Context, program string, ports []Port, ownerOf func(ContainerID) rulesOwner,
) (err error) {
	for range dropTries {
		table, none := e.opts.Runner.Run(ctx, runner.Command{Program: program, Args: []string{"-w", "-t", "nat", "-S"}})
		if none != nil {
			return nil //nolint:nilerr // there is none, or netavark uses another one
		}
		left := leftRules(table.Stdout, ports, ownerOf)
		if len(left) == 0 {
			return nil
		}
		_, err = e.opts.Runner.Run(ctx, runner.Command{
			Program: program + "-restore", Args: []string{"-w", "--noflush"},
			Stdin: strings.NewReader("*nat\n-D " + strings.Join(left, "\n-D ") + "\nCOMMIT\n"),
		})
		if err == nil {
			return nil
		}
	}
	return err
}

// hasRules tells whether published ports are rules of this machine's firewall, which we may change.
func (e *Engine) hasRules() bool {
	return e.info.Kind == Podman && !e.info.Rootless && os.Geteuid() == 0 &&
		strings.HasPrefix(e.info.Endpoint, "unix://")
}

// rulesOwner is a container that rules name.
type rulesOwner struct {
	ended     bool
	busy      bool     // it may end or start at this moment
	addresses []string // those of one that runs; none if they are unknown
}

// ownerOfRules asks for a container, also for one of another store than ours: podman may have a process for it before
// and after it calls it running.
func (e *Engine) ownerOfRules(ctx context.Context, id ContainerID) rulesOwner {
	found, err := e.inspect(ctx, string(id))
	state := Exited
	switch {
	case err == nil:
		state = containerOf(found).State
	case !errors.Is(err, ErrNotFound):
		return rulesOwner{}
	}
	switch state {
	case Running:
		return rulesOwner{addresses: addressesOf(found)}
	case Created, Exited:
		busy := attended(id)
		return rulesOwner{ended: !busy, busy: busy}
	default:
		return rulesOwner{}
	}
}

// addressesOf are those of a container, in its networks.
func addressesOf(r container.InspectResponse) (addresses []string) {
	for _, ep := range r.NetworkSettings.Networks {
		addresses = append(addresses, ep.IPAddress.String(), ep.GlobalIPv6Address.String())
	}
	return addresses
}

// portRule is a rule of netavark's for a published port, or a range of them.
type portRule struct {
	text, chain, protocol string // text is all after the -A
	first, last           uint64
	owner                 ContainerID // that it is for, and
	target                string      // where it jumps to
	address               string      // or that it leads to
}

// leftRules picks those to remove from what iptables -S says: the jumps of containers that have ended, and in the
// chains that rules of these ports jump to what leads elsewhere than to a container that runs.
func leftRules(table string, ports []Port, ownerOf func(ContainerID) rulesOwner) (left []string) {
	rules := portRules(table)
	owners := map[ContainerID]rulesOwner{}
	for _, r := range rules {
		if _, known := owners[r.owner]; r.owner != "" && !known && slices.ContainsFunc(ports, r.covers) {
			owners[r.owner] = ownerOf(r.owner)
		}
	}
	for _, p := range ports {
		var chains, addresses []string
		unknown := false
		for _, r := range rules {
			if !r.covers(p) || r.owner == "" {
				continue
			}
			chains = append(chains, r.target)
			owner := owners[r.owner]
			if owner.ended {
				left = append(left, r.text)
			}
			addresses = append(addresses, owner.addresses...)
			unknown = unknown || !owner.ended && owner.addresses == nil
		}
		for _, r := range rules {
			if r.covers(p) && r.address != "" && !unknown &&
				slices.Contains(chains, r.chain) && !slices.Contains(addresses, r.address) {
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
