package image

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/trace"
)

// The limits of a download. A host that cannot be reached is given up after connectTimeout, so that the next
// source has its turn.
const (
	connectTimeout = 10 * time.Second // also of the TLS handshake
	headerTimeout  = 30 * time.Second
	maxTries       = 4
)

// fromURL downloads a file and takes the wanted files out of it. What a broken download has left is kept for
// the next attempt, also of a later run; the archive itself is not kept.
func (f fetcher) fromURL(
	ctx context.Context, rawURL string, missing []ArtifactFile, last bool, r event.Reporter,
) error {
	dir := filepath.Join(f.cache, "downloads")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	name := Source{URL: rawURL}.fileName()
	d := &download{
		url: rawURL, part: filepath.Join(dir, hashText(rawURL)[:16]+"-"+name+".part"), report: r, client: newClient(),
		stall: f.stall, enough: 1,
	}
	if !last {
		d.enough = int64(slow * f.stall.Seconds())
	}
	defer d.client.CloseIdleConnections()
	if err := d.run(ctx, f.delay); err != nil {
		return err
	}
	defer d.remove()
	return f.pick(d.part, name, missing)
}

// newClient makes an HTTP client that honours the proxies of the environment. Compression is off: a resumed
// download counts the bytes as they are stored.
func newClient() *http.Client {
	dialer := &net.Dialer{Timeout: connectTimeout}
	return &http.Client{Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: dialer.DialContext, ForceAttemptHTTP2: true,
		TLSHandshakeTimeout: connectTimeout, ResponseHeaderTimeout: headerTimeout, DisableCompression: true,
	}}
}

// download is one file on its way.
type download struct {
	url    string
	part   string // where it is collected; PART.validator holds what identifies the server's version of it
	client *http.Client
	report event.Reporter
	told   time.Time
	stall  time.Duration // in which
	enough int64         // bytes must come
}

func (d *download) validatorFile() string { return d.part + ".validator" }

func (d *download) remove() {
	_ = os.Remove(d.part)
	_ = os.Remove(d.validatorFile())
}

// run downloads the file, with up to maxTries attempts.
func (d *download) run(ctx context.Context, delay time.Duration) error {
	policy := backoff.NewExponentialBackOff()
	policy.InitialInterval = delay
	var last error
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := d.attempt(ctx)
		last = err
		return struct{}{}, err
	}, backoff.WithBackOff(policy), backoff.WithMaxTries(maxTries), backoff.WithMaxElapsedTime(0),
		backoff.WithNotify(func(err error, in time.Duration) {
			d.report.Step(fmt.Sprintf("trying %s again in %s: %v", d.url, in.Round(100*time.Millisecond), err))
		}))
	if err == nil {
		return nil
	}
	if cause := context.Cause(ctx); cause != nil {
		return errors.Join(cause, last)
	}
	return last
}

// attempt asks for what is still missing and appends it. An error that another attempt cannot mend is a
// permanent one of package backoff.
func (d *download) attempt(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.url, http.NoBody)
	if err != nil {
		return backoff.Permanent(err)
	}
	offset := d.resume(req)
	if trace.From(ctx) != nil {
		defer trace.Start(ctx, trace.Download, "GET "+req.URL.Host+req.URL.Path).End()
	}
	resp, err := d.client.Do(req)
	if err != nil {
		return permanentConnect(err)
	}
	defer resp.Body.Close()
	if err := d.checkStatus(resp, offset); err != nil {
		return err
	}
	if resp.StatusCode == http.StatusOK {
		offset = 0
		if err := d.begin(resp.Header); err != nil {
			return backoff.Permanent(err)
		}
	}
	body, stop := d.watched(resp, offset, cancel)
	defer stop()
	err = d.append(body)
	switch cause := context.Cause(ctx); {
	case err == nil:
		return nil
	case errors.Is(cause, errSlow):
		return backoff.Permanent(errSlow)
	case errors.Is(cause, errStalled):
		return fmt.Errorf("%w for %s", errStalled, d.stall)
	}
	return err
}

// resume makes req ask for the rest of what is there already, and gives how much that is. Without something
// that identifies the server's version of the file, everything is asked for again.
func (d *download) resume(req *http.Request) int64 {
	info, err := os.Stat(d.part)
	validator, errV := os.ReadFile(d.validatorFile())
	if err != nil || errV != nil || info.Size() == 0 || len(validator) == 0 {
		return 0
	}
	req.Header.Set("Range", "bytes="+strconv.FormatInt(info.Size(), 10)+"-")
	req.Header.Set("If-Range", string(validator))
	return info.Size()
}

// begin starts the file anew.
func (d *download) begin(h http.Header) error {
	d.remove()
	validator := h.Get("ETag")
	if strings.HasPrefix(validator, "W/") || validator == "" {
		validator = h.Get("Last-Modified")
	}
	if validator == "" {
		return nil
	}
	return os.WriteFile(d.validatorFile(), []byte(validator), modeFile)
}

// append writes body behind what is there.
func (d *download) append(body io.Reader) (err error) {
	out, err := os.OpenFile(d.part, os.O_WRONLY|os.O_CREATE|os.O_APPEND, modeFile)
	if err != nil {
		return backoff.Permanent(err)
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	_, err = io.Copy(out, body)
	if _, ok := errors.AsType[*fs.PathError](err); ok {
		return backoff.Permanent(err) // the disk, not the network
	}
	return err
}

// checkStatus turns an answer without the wanted bytes into an error.
func (d *download) checkStatus(resp *http.Response, offset int64) error {
	switch code := resp.StatusCode; {
	case code == http.StatusOK:
		return nil
	case code == http.StatusPartialContent &&
		strings.HasPrefix(resp.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", offset)):
		return nil
	case code == http.StatusPartialContent || code == http.StatusRequestedRangeNotSatisfiable:
		d.remove()
		return fmt.Errorf("the server answers %s with range %q", resp.Status, resp.Header.Get("Content-Range"))
	case code == http.StatusTooManyRequests || code >= http.StatusInternalServerError:
		return fmt.Errorf("the server answers %s", resp.Status)
	default:
		return backoff.Permanent(fmt.Errorf("the server answers %s", resp.Status))
	}
}

// permanentConnect marks errors of getting a connection, which are not tried again: the next source is
// nearer than a server that cannot be reached, or is not trusted.
func permanentConnect(err error) error {
	if request, ok := errors.AsType[*url.Error](err); ok {
		err = request.Err // without the address, which the caller names
	}
	var dial *net.OpError
	var cert *tls.CertificateVerificationError
	if (errors.As(err, &dial) && (dial.Op == "dial" || dial.Op == "proxyconnect")) || errors.As(err, &cert) {
		return backoff.Permanent(err)
	}
	return err
}
