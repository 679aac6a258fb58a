package faults_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/miekg/dns"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// serves waits until each service answers for the domain.
func (s *site) serves(t *testing.T) {
	t.Helper()
	for _, service := range []string{"nginx", "bind", "dovecot"} {
		var err error
		answers := func() bool { err = s.asks(t, service); return err == nil }
		if !assert.Eventually(t, answers, time.Minute, 50*time.Millisecond) {
			require.NoError(t, err, "%s does not serve", service)
			require.FailNow(t, "serves too late", service)
		}
	}
}

// asks asks a service for what it has of the domain.
func (s *site) asks(t *testing.T, service string) error {
	t.Helper()
	switch service {
	case "nginx":
		status, text, err := s.page(t, "example.org")
		if err == nil && text != "welcome" {
			err = fmt.Errorf("it answers %d: %s", status, text)
		}
		return err
	case "bind":
		return s.record(t, "example.org.")
	default:
		return handOver(s.lmtp(t), "zoe@example.org", "Subject: asked")
	}
}

// page asks for the page of a domain over HTTPS.
func (s *site) page(t *testing.T, domain string) (status int, text string, err error) {
	t.Helper()
	address := fmt.Sprintf("127.0.0.1:%d", s.published(t, "nginx", 8443))
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, // no authority has issued it yet
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, address)
		},
	}}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+domain+"/", http.NoBody)
	if err != nil {
		return 0, "", err
	}
	answer, err := client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return answer.StatusCode, strings.TrimSpace(string(body)), err
}

// record asks for the address of a name.
func (s *site) record(t *testing.T, name string) error {
	t.Helper()
	client := dns.Client{Net: "tcp", Timeout: 5 * time.Second}
	address := fmt.Sprintf("127.0.0.1:%d", s.published(t, "bind", 5353))
	answer, _, err := client.Exchange(new(dns.Msg).SetQuestion(name, dns.TypeA), address)
	if err == nil && len(answer.Answer) == 0 {
		err = fmt.Errorf("it answers %s", dns.RcodeToString[answer.Rcode])
	}
	return err
}

// lmtp is where mail is handed over: an address of the stack's own network.
func (s *site) lmtp(t *testing.T) string {
	t.Helper()
	return net.JoinHostPort(s.container(t, "dovecot").Addresses["poststack-"+s.name], "1024")
}

// handOver hands one mail over by LMTP. Its end is the yes.
func handOver(address, to, subject string) error {
	conn, err := net.DialTimeout("tcp", address, time.Minute)
	if err != nil {
		return err
	}
	c := smtp.NewClientLMTP(conn)
	defer c.Close()
	c.CommandTimeout, c.SubmissionTimeout = time.Minute, time.Minute
	if err := c.Mail("sender@example.net", nil); err != nil {
		return err
	}
	if err := c.Rcpt(to, nil); err != nil {
		return err
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := io.WriteString(w, subject+"\r\n\r\nhello world\r\n"); err != nil {
		return err
	}
	return w.Close()
}
