package integration_test

import (
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	certs "github.com/poststack/poststack/pkg/certificate"
)

// authority is pebble: an authority of the test's own, on this machine, which containers reach by a name. It looks up
// all names itself, so that the test says where each leads.
type authority struct {
	db        *db.MemoryStore
	directory string                  // its address, for containers
	host      string                  // name of this machine in it
	root      []byte                  // by which its server is trusted
	away      atomic.Bool             // connections are cut
	hangs     atomic.Bool             // connections are taken, and nothing is answered
	brief     atomic.Bool             // what it issues lasts only for a minute
	texts     func(*dns.Msg) *dns.Msg // answers for TXT records, unless it is nil

	mu     sync.Mutex
	closed map[string]bool // names that lead to where nobody listens
	orders []string        // all that it was asked for, in JSON
}

// leads says whether a name leads to the web server.
func (a *authority) leads(name string, to bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed[name+"."] = !to
}

// newAuthority starts one that asks the web server on that port of 127.0.0.1 for answers.
func newAuthority(t *testing.T, port uint16) *authority {
	t.Helper()
	a := &authority{db: db.NewMemoryStore(), host: "acme.test", closed: map[string]bool{}}
	quiet := log.New(io.Discard, "", 0)
	validator := va.New(quiet, int(port), 0, false, a.resolver(t), a.db)
	var handlers []http.Handler
	for _, seconds := range []uint64{60 * 24 * 3600, 60} {
		issuing := ca.New(quiet, a.db, "", "ecdsa", 0, 1, map[string]ca.Profile{"default": {ValidityPeriod: seconds}})
		front := wfe.New(quiet, a.db, validator, issuing, nil, false, false, 0, 0)
		handlers = append(handlers, front.Handler())
	}
	made, err := certs.SelfSigned(certs.Names{DNS: []string{a.host}}, time.Hour)
	require.NoError(t, err)
	pair, err := tls.X509KeyPair(made.Certificate, made.Key)
	require.NoError(t, err)
	a.root = made.Certificate
	listener, err := net.Listen("tcp", ":0")
	require.NoError(t, err)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case a.away.Load():
			panic(http.ErrAbortHandler)
		case a.hangs.Load():
			<-r.Context().Done()
			return
		}
		if strings.HasPrefix(r.URL.Path, "/order-plz") {
			a.note(r)
		}
		handler := handlers[0]
		if a.brief.Load() {
			handler = handlers[1]
		}
		handler.ServeHTTP(w, r)
	}))
	server.Listener, server.TLS = listener, &tls.Config{Certificates: []tls.Certificate{pair}}
	server.Config.ErrorLog = quiet
	server.StartTLS()
	t.Cleanup(server.Close)
	_, at, err := net.SplitHostPort(listener.Addr().String())
	require.NoError(t, err)
	a.directory = "https://" + a.host + ":" + at + "/dir"
	return a
}

// note remembers an order.
func (a *authority) note(r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	var signed struct{ Payload string }
	_ = json.Unmarshal(body, &signed)
	payload, _ := base64.RawURLEncoding.DecodeString(signed.Payload)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.orders = append(a.orders, string(payload))
}

// asked is how often it was asked for a certificate of a name.
func (a *authority) asked(name string) (n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, order := range a.orders {
		if strings.Contains(order, `"`+name+`"`) {
			n++
		}
	}
	return n
}

// resolver answers for all names, and gives where it listens.
func (a *authority) resolver(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := &dns.Server{Listener: listener, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, r *dns.Msg) {
		m := new(dns.Msg)
		m.SetReply(r)
		if r.Question[0].Qtype == dns.TypeTXT && a.texts != nil {
			if answer := a.texts(r.Copy()); answer != nil {
				m = answer
			}
		}
		if q := r.Question[0]; q.Qtype == dns.TypeA {
			address := net.IPv4(127, 0, 0, 1)
			a.mu.Lock()
			if a.closed[q.Name] {
				address = net.IPv4(127, 0, 0, 2)
			}
			a.mu.Unlock()
			m.Answer = append(m.Answer,
				&dns.A{Hdr: dns.RR_Header{Name: q.Name, Rrtype: dns.TypeA, Class: dns.ClassINET}, A: address})
		}
		_ = w.WriteMsg(m)
	})}
	go func() { _ = server.ActivateAndServe() }()
	t.Cleanup(func() { _ = server.Shutdown() })
	return listener.Addr().String()
}
