package health_test

import (
	"net"
	"testing"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/health"
)

// nameServer has the zone good.example over both protocols, half.example over UDP alone, and refuses all others. Of
// busy.example it gives no answer over UDP but that it is cut off.
func nameServer(t *testing.T) (udp, tcp string) {
	t.Helper()
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	answer := func(overTCP bool) dns.HandlerFunc {
		return func(w dns.ResponseWriter, asked *dns.Msg) {
			m := new(dns.Msg).SetReply(asked)
			name := asked.Question[0].Name
			switch {
			case name == "busy.example." && !overTCP:
				m.Truncated = true
			case name == "good.example.", name == "busy.example.", name == "half.example." && !overTCP:
				m.Answer = []dns.RR{&dns.SOA{
					Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeSOA, Class: dns.ClassINET}, Ns: "localhost.", Mbox: "a.b.",
				}}
			default:
				m.Rcode = dns.RcodeRefused
			}
			_ = w.WriteMsg(m)
		}
	}
	for _, s := range []*dns.Server{
		{PacketConn: packets, Handler: answer(false)},
		{Listener: listener, Handler: answer(true)},
	} {
		go func() { _ = s.ActivateAndServe() }()
		t.Cleanup(func() { _ = s.Shutdown() })
	}
	return packets.LocalAddr().String(), listener.Addr().String()
}

func TestDNS(t *testing.T) {
	t.Parallel()
	udp, tcp := nameServer(t)
	require.NoError(t, health.DNS(udp, tcp, "good.example").Probe(t.Context()))
	require.NoError(t, health.DNS(udp, tcp, "busy.example").Probe(t.Context()))
	require.EqualError(t, health.DNS(udp, tcp, "half.example").Probe(t.Context()),
		"there is no SOA record of half.example over tcp: REFUSED")
	require.ErrorContains(t, health.DNS(udp, tcp, "other.example").Probe(t.Context()), "no SOA record of other.example")
	require.ErrorContains(t, health.DNS("127.0.0.1:1", tcp, "good.example").Probe(t.Context()), "refused")
	require.ErrorContains(t, health.DNS(udp, "127.0.0.1:1", "good.example").Probe(t.Context()), "refused")
}
