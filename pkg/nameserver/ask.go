package nameserver

import (
	"context"

	"github.com/miekg/dns"
)

// ask asks once over a protocol, and again where an answer was lost. What comes over TCP comes over one connection.
func (c *check) ask(ctx context.Context, network, name string, kind uint16) (*dns.Msg, error) {
	m := question(name, kind, c.zone.Signed)
	client := dns.Client{Net: network, Timeout: patience}
	var last error
	for range tries {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if network == "udp" {
			answer, _, err := client.ExchangeContext(ctx, m, c.server.UDP)
			if err == nil {
				return answer, nil
			}
			last = &UnreachableError{"UDP", c.server.UDP, err}
			continue
		}
		answer, err := c.askKept(ctx, client, m)
		if err == nil {
			return answer, nil
		}
		last = &UnreachableError{"TCP", c.server.TCP, err}
	}
	return nil, last
}

// askKept asks over the connection that is kept, which is made anew when it has failed.
func (c *check) askKept(ctx context.Context, client dns.Client, m *dns.Msg) (*dns.Msg, error) {
	if c.tcp == nil {
		conn, err := client.DialContext(ctx, c.server.TCP)
		if err != nil {
			return nil, err
		}
		c.tcp = conn
	}
	answer, _, err := client.ExchangeWithConnContext(ctx, m, c.tcp)
	if err != nil {
		c.close()
		c.tcp = nil
	}
	return answer, err
}
