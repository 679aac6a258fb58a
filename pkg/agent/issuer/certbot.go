package issuer

import (
	"context"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// orderTimeout is how long certbot may take, without the time that records are given to spread.
const orderTimeout = 3 * time.Minute

func timeout(r row, set settings) time.Duration {
	if r.Challenge == challengeDNS {
		return orderTimeout + time.Duration(set.propagation)*time.Second
	}
	return orderTimeout
}

// common are the arguments of every run: nobody is there to be asked.
func (i *Issuer) common(command, name, server string) []string {
	argv := []string{
		i.Paths.Program, command, "--non-interactive", "--cert-name", name, "--server", server,
		"--config-dir", i.store().dir, "--work-dir", filepath.Join(i.Paths.State, "work"),
		"--logs-dir", filepath.Join(i.Paths.State, "logs"),
		"--max-log-backups", "10",
	}
	if i.Options.Verbose {
		argv = append(argv, "-v")
	}
	return argv
}

// arguments are those of an order.
func (i *Issuer) arguments(ctx context.Context, s scene, set settings) ([]string, error) {
	argv := append(i.common("certonly", s.row.Directory, s.server),
		"--agree-tos", "--no-eff-email", "--force-renewal", "--renew-with-new-domains")
	if i.Options.Email != "" {
		argv = append(argv, "--email", i.Options.Email)
	} else {
		argv = append(argv, "--register-unsafely-without-email")
	}
	kind := "ecdsa"
	if set.rsa {
		kind = "rsa"
	}
	argv = append(argv, "--key-type", kind)
	if set.newKeys {
		argv = append(argv, "--new-key")
	} else {
		// Services that read the pair while it is replaced find one that fits, and TLSA records of the key stay right.
		argv = append(argv, "--reuse-key")
		if s.have.otherKind(set.rsa) { // certbot refuses another kind, but for once
			argv = append(argv, "--new-key")
		}
	}
	if s.row.Challenge == challengeDNS {
		credentials, err := i.credentials(ctx, set.nameServer, s.row.Names)
		if err != nil {
			return nil, err
		}
		argv = append(argv, "--dns-rfc2136", "--dns-rfc2136-credentials", credentials,
			"--dns-rfc2136-propagation-seconds", strconv.Itoa(set.propagation))
	} else {
		argv = append(argv, "--webroot", "--webroot-path", i.Paths.Webroot)
	}
	ordered := needed(s.row.Names)
	for _, name := range s.row.Names { // the first is the common name
		if slices.Contains(ordered, name) {
			argv = append(argv, "--domain", name)
		}
	}
	return argv, nil
}

// revocation are the arguments of one.
func (i *Issuer) revocation(s scene) []string {
	return append(i.common("revoke", s.row.Directory, s.have.server), "--no-delete-after-revoke")
}

// boilerplate are lines of certbot that tell nothing of what went wrong.
var boilerplate = regexp.MustCompile(`^(Saving debug log to|Ask for help or search|Some challenges have failed|` +
	`Requesting a certificate|Renewing an existing certificate|Account registered|Unsafe permissions|Hint:|` +
	`Certbot failed to authenticate|An unexpected error occurred|Reusing existing private key|Plugins selected|` +
	`Registering without email|Performing the following|Waiting |Cleaning up|Simulating)`)

// words are what the authority says, out of all that certbot prints.
func words(output string) string {
	var kept []string
	for line := range strings.Lines(output) {
		line = strings.TrimSpace(line)
		if line == "" || boilerplate.MatchString(line) || strings.Contains(line, "See the logfile") {
			continue
		}
		kept = append(kept, line)
	}
	const most = 2000
	text := strings.Join(kept, "; ")
	for _, label := range []string{"Domain: ", "Type: ", "Detail: "} { // one line for each name
		text = regexp.MustCompile(`\b`+label+` *`).ReplaceAllString(text, label)
	}
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	if text == "" {
		return "certbot has ended without a word"
	}
	return text
}

// revokedAlready tells whether a certificate is revoked that was to be.
func revokedAlready(err error) bool {
	return strings.Contains(strings.ToLower(err.Error()), "already revoked") ||
		strings.Contains(err.Error(), "alreadyRevoked")
}
