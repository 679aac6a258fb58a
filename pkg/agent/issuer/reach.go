package issuer

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// Outside is what the issuer finds of an authority, for the stack that asks it.
type Outside struct {
	Well   bool   `json:"well"`
	Seen   string `json:"seen"`   // one line, with what was asked
	Remedy string `json:"remedy"` // empty when all is well
}

// reachTime is how long an authority may take to give its directory.
const reachTime = 5 * time.Second

// Reach asks the authority that certificates of those names come from for its directory, from where certbot asks it and
// trusting whom certbot trusts.
func (o Options) Reach(ctx context.Context, p Paths, names []string) Outside {
	server := o.Server(names)
	var seen, remedy string
	roots, err := o.bundle(p)
	if err == nil {
		err = directory(ctx, server, roots)
	}
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var lookup *net.DNSError
	var answer *answerError
	switch {
	case err == nil:
		return Outside{Well: true, Seen: "asked " + server + ": it gives its directory, and is trusted"}
	case errors.As(err, &unknown):
		seen, remedy = "its certificate is of an authority that nobody here trusts", "set acme.root to the file with that "+
			"authority's root certificate, then: mage services:start"
	case errors.As(err, &host), errors.As(err, &invalid):
		seen, remedy = err.Error(), "have the authority's own server show a certificate that is valid, and for the name in "+
			"acme.directory"
	case errors.As(err, &lookup) && lookup.IsNotFound:
		seen, remedy = "no name server that this container asks knows "+lookup.Name, "let containers of the stack's "+
			"network look up that name, or set acme.directory to an authority that they can; then: mage services:start"
	case errors.As(err, &answer):
		seen, remedy = answer.Error(), "set acme.directory to the address of the authority's directory, then: mage "+
			"services:start"
	default:
		seen, remedy = err.Error(), "let containers of the stack's network reach that address: see its firewall, and "+
			"whether the authority runs; of a container, 127.0.0.1 is the container itself"
	}
	return Outside{Seen: "asked " + server + " from inside the container: " + seen, Remedy: remedy}
}

// answerError is an answer that no authority gives.
type answerError struct{ what string }

func (e *answerError) Error() string { return e.what }

// directory asks for the directory of an authority. Source: RFC 8555, section 7.1.1.
func directory(ctx context.Context, address string, roots []byte) error {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if roots != nil {
		config.RootCAs = x509.NewCertPool()
		config.RootCAs.AppendCertsFromPEM(roots)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, reachTime, fmt.Errorf("no answer within %s", reachTime))
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return &answerError{err.Error()}
	}
	client := http.Client{
		Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: config, DisableKeepAlives: true},
	}
	response, err := client.Do(request)
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if asked, ok := errors.AsType[*url.Error](err); ok {
		return asked.Err // what was asked is told by who asks
	}
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return &answerError{"it answers with " + response.Status}
	}
	const most = 1 << 20
	var listed struct {
		NewOrder string `json:"newOrder"`
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, most)).Decode(&listed); err != nil || listed.NewOrder == "" {
		return &answerError{"what it answers is no directory of an ACME authority"}
	}
	return nil
}
