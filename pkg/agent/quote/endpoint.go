package quote

import (
	"fmt"
	"net/netip"
)

// Endpoint is an address, and a port where it is not the usual one.
type Endpoint struct {
	Address string
	Port    uint16 // 0 for the usual one
}

// Endpoints gives a value that is an IP address, perhaps with a port, or a list of them.
func Endpoints(value any) ([]Endpoint, error) {
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	out := make([]Endpoint, 0, len(list))
	for _, v := range list {
		typed, _ := v.(string)
		at, err := netip.ParseAddrPort(typed)
		if err != nil {
			var address netip.Addr
			address, err = netip.ParseAddr(typed)
			at = netip.AddrPortFrom(address, 0)
		} else if at.Port() == 0 {
			err = fmt.Errorf("port 0")
		}
		if err != nil || at.Addr().Zone() != "" {
			return nil, fmt.Errorf("%s is no IP address, with or without a port", told(v))
		}
		out = append(out, Endpoint{at.Addr().Unmap().String(), at.Port()})
	}
	return out, nil
}
