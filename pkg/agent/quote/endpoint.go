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
	var out []Endpoint
	for _, v := range listed(value) {
		typed, _ := v.(string)
		at, err := netip.ParseAddrPort(typed)
		portless := err != nil
		if portless {
			var address netip.Addr
			address, err = netip.ParseAddr(typed)
			at = netip.AddrPortFrom(address, 0)
		}
		if err != nil || at.Addr().Zone() != "" || at.Port() == 0 && !portless {
			return nil, fmt.Errorf("%s is no IP address, with or without a port", told(v))
		}
		out = append(out, Endpoint{at.Addr().Unmap().String(), at.Port()})
	}
	return out, nil
}

// listed are the values of a list, or the one value itself.
func listed(value any) []any {
	if list, ok := value.([]any); ok {
		return list
	}
	return []any{value}
}
