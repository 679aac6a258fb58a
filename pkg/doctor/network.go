package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"
)

// skew is by how much a clock may differ before something refuses what it says: apt takes no package list from
// the future.
const skew = 5 * time.Minute

// Network is what the checks of the network need. The zero value uses this machine's.
type Network struct {
	Mirrors []string // package lists that builds fetch, as URLs
	Lookup  func(ctx context.Context, host string) ([]string, error)
	Client  *http.Client
	Now     func() time.Time
}

func (n Network) complete() Network {
	if n.Lookup == nil {
		n.Lookup = net.DefaultResolver.LookupHost
	}
	if n.Client == nil {
		n.Client = &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}}
	}
	if n.Now == nil {
		n.Now = time.Now
	}
	return n
}

// Checks are those of names, of the mirrors, and of the clock against the first mirror that answers.
func (n Network) Checks() []Check {
	n = n.complete()
	return []Check{
		{Name: "name service", Look: n.names},
		{Name: "package mirror", Look: n.mirrors},
		{Name: "clock", Look: n.clock},
	}
}

// names resolves the hosts of the mirrors, or of the proxy that asks for them.
func (n Network) names(ctx context.Context) []Finding {
	var out []Finding
	asked := map[string]bool{}
	for _, m := range n.Mirrors {
		host := n.host(m)
		if host == "" || asked[host] {
			continue
		}
		asked[host] = true
		if net.ParseIP(host) != nil {
			out = append(out, well("%s needs none", host))
			continue
		}
		if _, err := n.Lookup(ctx, host); err != nil {
			out = append(out, warn("getent hosts "+host, "%s does not resolve: %v; builds need it", host, short(err)))
			continue
		}
		out = append(out, well("%s resolves", host))
	}
	if len(out) == 0 {
		return []Finding{well("no mirror to look up")}
	}
	return out
}

// host is the host that is connected to for address.
func (n Network) host(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	if t, ok := n.Client.Transport.(*http.Transport); ok && t.Proxy != nil {
		if proxy, err := t.Proxy(&http.Request{URL: u}); err == nil && proxy != nil {
			return proxy.Hostname()
		}
	}
	return u.Hostname()
}

// mirrors asks each mirror for its package list's head.
func (n Network) mirrors(ctx context.Context) []Finding {
	if len(n.Mirrors) == 0 {
		return []Finding{well("this machine has none of Debian; builds take the image's own")}
	}
	var out []Finding
	for _, m := range n.Mirrors {
		if _, err := n.ask(ctx, m); err != nil {
			out = append(out, warn("curl -I "+quote(m), "%s: %v; only builds need it", m, short(err)))
			continue
		}
		out = append(out, well("%s answers", m))
	}
	return out
}

// ask returns the time that a mirror has.
func (n Network) ask(ctx context.Context, address string) (time.Time, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, address, http.NoBody)
	if err != nil {
		return time.Time{}, err
	}
	resp, err := n.Client.Do(req)
	if err != nil {
		return time.Time{}, err
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return time.Time{}, fmt.Errorf("it answers %s", resp.Status)
	}
	at, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return time.Time{}, nil //nolint:nilerr // a mirror need not tell the time
	}
	return at, nil
}

// clock compares this machine's with that of a mirror.
func (n Network) clock(ctx context.Context) []Finding {
	for _, m := range n.Mirrors {
		at, err := n.ask(ctx, m)
		if err != nil || at.IsZero() {
			continue
		}
		return []Finding{Clock(n.Now().Sub(at), "the package mirror")}
	}
	return []Finding{well("nobody to compare it with")}
}

// Clock judges by how much this machine's clock is ahead of another's.
func Clock(ahead time.Duration, other string) Finding {
	ahead = ahead.Round(time.Second)
	switch {
	case ahead > skew:
		return warn("date; timedatectl", "this machine's clock is %s ahead of %s", ahead, other)
	case ahead < -skew:
		return warn("date; timedatectl", "this machine's clock is %s behind %s: apt refuses package lists from the future",
			-ahead, other)
	default:
		return well("this machine's clock agrees with %s", other)
	}
}

// short is an error without the address, which the line has already.
func short(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return errors.New("no answer in time")
	}
	return err
}
