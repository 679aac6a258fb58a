package service

import (
	"context"
	"errors"
	"net"
	"syscall"
	"time"

	"github.com/poststack/poststack/pkg/engine"
)

// echoTime is how long a connection to ourselves may take. The kernel needs no time for it; a process to which a busy
// machine gives no processor for a while does.
const echoTime = 2 * time.Second

// lookTime is for how long a port may seem to be taken since another run looks at it, too, and has to listen there for
// that; or since a program that is being started has the listener until it runs, which takes a busy machine a while.
const lookTime = 500 * time.Millisecond

// Free is [PortFree], once the engine has cleared away what containers that have ended left on the port.
func Free(ctx context.Context, e Engine, port engine.Port) (bool, error) {
	for end := time.Now().Add(lookTime); time.Now().Before(end); time.Sleep(lookTime / 20) {
		if PortFree(port) {
			return true, nil
		}
	}
	if err := e.PortsClear(ctx, []engine.Port{port}); err != nil {
		return false, err
	}
	return PortFree(port), nil
}

// answered tells whether connections to published ports are answered: podman may have started the container again by
// itself, and have left rules that lead to where it was before. Lost is that there are no rules at all.
func answered(ctx context.Context, e Engine, ports []engine.Port) (answered, lost bool) {
	for _, p := range ports {
		if p.Protocol == engine.UDP {
			continue
		}
		dialer := net.Dialer{Timeout: echoTime}
		conn, err := dialer.DialContext(ctx, "tcp", reached(p))
		if err != nil {
			return false, false
		}
		lost = e.EndsHere(conn)
		_ = conn.Close()
		if lost {
			return false, true
		}
	}
	return true, false
}

// RulesLost is what is wrong with a container that runs and that none of the firewall's rules lead to; "" if they do.
func RulesLost(ctx context.Context, e Engine, c engine.Container) string {
	if _, lost := answered(ctx, e, c.Ports); !lost {
		return ""
	}
	return rulesLost
}

const rulesLost = "runs, but the firewall's rules for its ports are gone, such as after firewall-cmd --reload"

// PortFree tells whether nothing has the port of this machine's address or of all addresses. Being able to listen does
// not say it all: an engine publishes ports by firewall rules too, and those of a container that died without the
// engine noticing take every connection to an address where nobody is. So a connection must reach us, or a datagram.
func PortFree(port engine.Port) bool {
	if port.Protocol == engine.UDP {
		return portFreeUDP(port)
	}
	l, err := listenOn(port)
	if err != nil {
		return false
	}
	defer l.Close()
	out, err := net.DialTimeout("tcp", l.Addr().String(), echoTime) //nolint:noctx // bounded by its time
	if err != nil {
		return false
	}
	defer out.Close()
	if err := l.SetDeadline(time.Now().Add(echoTime)); err != nil {
		return false
	}
	in, err := l.Accept()
	if err != nil {
		return false
	}
	defer in.Close()
	return in.RemoteAddr().String() == out.LocalAddr().String()
}

// Diverted tells whether nobody listens on a port, and connections to it still do not come to who does: a rule of the
// firewall leads them elsewhere.
func Diverted(port engine.Port) bool {
	if port.Protocol == engine.UDP {
		return false
	}
	l, err := listenOn(port)
	if err != nil {
		return false
	}
	_ = l.Close()
	return !PortFree(port)
}

// absent tells whether nobody can listen on an address, as it is not this machine's.
func absent(address string) bool {
	l, err := listenOn(engine.Port{HostIP: address})
	if err == nil {
		_ = l.Close()
	}
	return errors.Is(err, syscall.EADDRNOTAVAIL)
}

func listenOn(port engine.Port) (*net.TCPListener, error) {
	return net.ListenTCP("tcp", &net.TCPAddr{IP: net.ParseIP(port.HostIP), Port: int(port.Host)})
}

// portFreeUDP is [PortFree] for datagrams.
func portFreeUDP(port engine.Port) bool {
	in, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(port.HostIP), Port: int(port.Host)})
	if err != nil {
		return false
	}
	defer in.Close()
	out, err := net.Dial("udp", in.LocalAddr().String()) //nolint:noctx // sends nothing yet
	if err != nil {
		return false
	}
	defer out.Close()
	deadline := time.Now().Add(echoTime)
	if _, err := out.Write([]byte{1}); err != nil || in.SetDeadline(deadline) != nil {
		return false
	}
	_, from, err := in.ReadFromUDP(make([]byte, 1))
	return err == nil && from.String() == out.LocalAddr().String()
}
