package issuer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/google/renameio/v2"

	"github.com/poststack/poststack/pkg/agent/process"
)

// updatePort is where the name server takes records of challenges, unless its host names another.
const updatePort = "5353"

// ready waits until the name server of this stack has the zones that the records of challenges go into: it makes them
// of the same rows, and an order that comes before them would fail at the authority. One elsewhere may do without.
func (i *Issuer) ready(ctx context.Context, server, address, port string, names []string) error {
	if server != ownNameServer {
		return nil
	}
	const most, look = 10 * time.Second, 200 * time.Millisecond
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	for _, name := range names {
		zone := "_acme-challenge." + strings.TrimPrefix(name, "*.")
		found := regexp.MustCompile(`(?mi)^` + regexp.QuoteMeta(zone) + `\.\s+\d+\s+IN\s+SOA\s`)
		argv := []string{"/usr/bin/drill", "-p", port, "SOA", zone, "@" + address}
		for {
			output, err := i.procs.Run(ctx, process.Spec{Argv: argv, Env: i.Environ, Dir: i.Paths.Run})
			if err == nil && found.MatchString(output) {
				break
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("the name server has no zone %s for the challenge: see mage dns:check", zone)
			case <-time.After(look):
			}
		}
	}
	return nil
}

// addressOf looks a host up. The engine's name server, on a machine that is busy, may not answer in time: it is asked
// again, unless it says that there is no such host.
func addressOf(
	ctx context.Context, host string, lookup func(context.Context, string) ([]string, error),
) (string, error) {
	const most, pause = 30 * time.Second, 200 * time.Millisecond
	return backoff.Retry(ctx, func() (string, error) {
		found, err := lookup(ctx, host)
		if err == nil {
			return found[0], nil
		}
		if failed, ok := errors.AsType[*net.DNSError](err); !ok || failed.IsNotFound {
			err = backoff.Permanent(err)
		}
		return "", err
	}, backoff.WithBackOff(backoff.NewConstantBackOff(pause)), backoff.WithMaxElapsedTime(most))
}

// credentials makes the file that tells certbot which name server to tell the records of challenges, and with which
// key.
func (i *Issuer) credentials(ctx context.Context, server string, names []string) (string, error) {
	text, err := os.ReadFile(i.Paths.NameKey)
	if err != nil {
		return "", fmt.Errorf("read the key of the name server, which makes it when it starts: %w", err)
	}
	key, err := parseKey(string(text))
	if err != nil {
		return "", fmt.Errorf("read the key of the name server in %s: %w", i.Paths.NameKey, err)
	}
	host, port, err := net.SplitHostPort(server)
	if err != nil {
		host, port = server, updatePort
	}
	address, err := addressOf(ctx, host, net.DefaultResolver.LookupHost)
	if err != nil {
		return "", fmt.Errorf("find the name server: %w", err)
	}
	if err := i.ready(ctx, server, address, port, names); err != nil {
		return "", err
	}
	content := fmt.Sprintf("dns_rfc2136_server = %s\ndns_rfc2136_port = %s\ndns_rfc2136_name = %s\n"+
		"dns_rfc2136_secret = %s\ndns_rfc2136_algorithm = %s\n",
		address, port, key.name, key.secret, strings.ToUpper(key.algorithm))
	path := filepath.Join(i.Paths.Run, "rfc2136.ini")
	if err := renameio.WriteFile(path, []byte(content), 0o600); err != nil {
		return "", fmt.Errorf("keep the key of the name server: %w", err)
	}
	return path, nil
}

// key is one of TSIG.
type key struct{ name, algorithm, secret string }

// parseKey reads a key as the name server writes it: key "NAME" { algorithm hmac-sha256; secret "…"; };
func parseKey(text string) (key, error) {
	one := func(pattern string) string {
		if found := regexp.MustCompile(pattern).FindStringSubmatch(text); found != nil {
			return found[1]
		}
		return ""
	}
	k := key{
		name:      one(`key\s+"?([A-Za-z0-9._-]+)"?\s*\{`),
		algorithm: one(`algorithm\s+"?([A-Za-z0-9-]+)"?\s*;`),
		secret:    one(`secret\s+"?([A-Za-z0-9+/=]+)"?\s*;`),
	}
	if k.name == "" || k.algorithm == "" || k.secret == "" {
		return k, fmt.Errorf("it has no name, algorithm or secret")
	}
	return k, nil
}
