package nameserver

import (
	"context"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// ask asks once over a protocol, and again where an answer was lost. What comes over TCP comes over one connection.
func (c *check) ask(ctx context.Context, network, name string, kind uint16) (*dns.Msg, error) {
	m := question(name, kind, c.zone.Signed)
	client := dns.Client{Net: network, Timeout: patience}
	address, exchange := c.server.UDP, client.ExchangeContext
	if network == "tcp" {
		address = c.server.TCP
		exchange = func(ctx context.Context, m *dns.Msg, _ string) (*dns.Msg, time.Duration, error) {
			return c.askKept(ctx, client, m)
		}
	}
	var last error
	for range tries {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		answer, _, err := exchange(ctx, m, address)
		if err == nil {
			return answer, nil
		}
		last = &UnreachableError{strings.ToUpper(network), address, err}
	}
	return nil, last
}

// askKept asks over the connection that is kept, which is made anew when it has failed.
func (c *check) askKept(ctx context.Context, client dns.Client, m *dns.Msg) (_ *dns.Msg, _ time.Duration, err error) {
	if c.tcp == nil {
		if c.tcp, err = client.DialContext(ctx, c.server.TCP); err != nil {
			return nil, 0, err
		}
	}
	answer, took, err := client.ExchangeWithConnContext(ctx, m, c.tcp)
	if err != nil {
		c.close()
		c.tcp = nil
	}
	return answer, took, err
}
