package engine

import (
	"errors"
	"net"
	"net/netip"
	"slices"

	"github.com/ti-mo/conntrack"
	"golang.org/x/sys/unix"
)

// forget deletes the paths of datagrams to these ports of this machine that do not lead to one of the addresses.
func forget(ports []uint16, addresses []string) error {
	local, err := localAddresses()
	if err != nil {
		return err
	}
	kernel, err := conntrack.Dial(nil)
	if err != nil {
		return nil // a kernel without it keeps no paths
	}
	defer func() { _ = kernel.Close() }()
	flows, err := kernel.Dump(nil)
	if err != nil {
		return nil // the same, or a root that may not
	}
	var failed []error
	for _, f := range flows {
		asked := f.TupleOrig
		if asked.Proto.Protocol != unix.IPPROTO_UDP || !slices.Contains(ports, asked.Proto.DestinationPort) ||
			!local(asked.IP.DestinationAddress) ||
			slices.Contains(addresses, f.TupleReply.IP.SourceAddress.String()) {
			continue
		}
		if err := kernel.Delete(f); err != nil && !errors.Is(err, unix.ENOENT) {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

// endsAt tells whether a TCP connection is led nowhere else than where it was made to. Where that cannot be known, it
// is taken to be led on.
func endsAt(from, to netip.AddrPort) bool {
	kernel, err := conntrack.Dial(nil)
	if err != nil {
		return false
	}
	defer func() { _ = kernel.Close() }()
	flow, err := kernel.Get(conntrack.NewFlow(unix.IPPROTO_TCP, 0, from.Addr().Unmap(), to.Addr().Unmap(),
		from.Port(), to.Port(), 0, 0))
	if err != nil {
		return errors.Is(err, unix.ENOENT)
	}
	return flow.TupleReply.IP.SourceAddress == to.Addr().Unmap()
}

// localAddresses tells which addresses are this machine's own.
func localAddresses() (is func(netip.Addr) bool, err error) {
	list, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	var own []netip.Addr
	for _, a := range list {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil {
			own = append(own, prefix.Addr())
		}
	}
	return func(a netip.Addr) bool { return a.IsLoopback() || slices.Contains(own, a) }, nil
}
