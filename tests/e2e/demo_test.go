package e2e_test

import (
	"context"
	"encoding/json"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/container"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
	"github.com/poststack/poststack/pkg/hosting"
	"github.com/poststack/poststack/pkg/nameserver"
	"github.com/poststack/poststack/pkg/stack"
	"github.com/poststack/poststack/tests/checkout"
)

// TestDemo serves the example, does what it says is to be tried, serves it again with another authority, and removes
// it.
func TestDemo(t *testing.T) {
	t.Parallel()
	enginetest.ForEach(t, func(t *testing.T, kind engine.Kind) {
		c := checkout.New(t, kind)
		t.Cleanup(func() { assert.NoError(t, c.Command(context.WithoutCancel(t.Context()), nil, "demo", "-remove").Run()) })
		first := demo(t, c)
		assert.Contains(t, try(t, first, "a page over HTTPS"), "<h1>example.test</h1>")
		assert.Contains(t, try(t, first, "the mailbox over IMAPS"), "* SEARCH 1")
		assert.Contains(t, try(t, first, "the mail in it"), "This mail was delivered over LMTP.")
		assert.Equal(t, "mail.example.test.", mailHost(t, first))
		demoRecords(t, c)
		e, name := enginetest.Open(t, kind), c.Stack(t)+"-demo"
		authority, err := e.ContainerInspect(t.Context(), "poststack-"+name+"-pebble")
		require.NoError(t, err)
		require.NoError(t, e.ContainerStop(t.Context(), authority.ID, time.Minute)) // it forgets what it has issued
		second := demo(t, c)
		assert.Contains(t, try(t, second, "a page over HTTPS"), "<h1>example.test</h1>", "the certificate is renewed")
		require.Len(t, second.Accounts, 2)
		assert.NotEqual(t, first.Accounts, second.Accounts, "nobody keeps the old passwords")
		assert.Equal(t, first.Commands, second.Commands)

		described := c.Mage(t, append(asked(), "POSTSTACK_STACK="+name), "services:status", "certificates:status", "status")
		assert.Len(t, read(t, described.Stdout), 3)
		assert.Equal(t, "demo", read(t, c.Mage(t, asked(), "demo", "-remove").Stdout)[0].Target)
		labels := map[string]string{container.LabelStack: name}
		containers, err := e.ContainerList(t.Context(), labels)
		require.NoError(t, err)
		assert.Empty(t, containers)
		volumes, err := e.VolumeList(t.Context(), labels)
		require.NoError(t, err)
		assert.Empty(t, volumes)
		assert.NoDirExists(t, filepath.Join(c.State, name, "tls"))
	})
}

// demo runs the example.
func demo(t *testing.T, c *checkout.Checkout) (data stack.DemoData) {
	t.Helper()
	r := c.Mage(t, []string{"POSTSTACK_OUTPUT=json"}, "demo")
	require.Zero(t, r.Code)
	read(t, r.Stdout)
	var document struct {
		Result json.RawMessage `json:"result"`
	}
	require.NoError(t, json.Unmarshal([]byte(r.Stdout), &document))
	require.NoError(t, json.Unmarshal(document.Result, &data))
	return data
}

// demoRecords asks the example's name server for all that is in the tables, also for the keys of the certificates.
func demoRecords(t *testing.T, c *checkout.Checkout) {
	t.Helper()
	demo := []string{"POSTSTACK_STACK=" + c.Stack(t) + "-demo", "POSTSTACK_DATABASE_TLS=own"}
	added := c.Mage(t, demo, "dns:records", "example.test", "-add")
	require.Zero(t, added.Code)
	for _, name := range []string{"_443._tcp TLSA 3 1 1 ", "_993._tcp.mail TLSA 3 1 1 "} {
		assert.Contains(t, added.Stderr, "added "+name)
	}
	type checked struct {
		Server   *stack.NameServerData
		Zones    []nameserver.Answered
		Problems []hosting.Problem
	}
	check := func(code int) (data checked) {
		r := c.Mage(t, append(asked(), demo...), "dns:check", "-of=example.test")
		require.Equal(t, code, r.Code, r.Stdout)
		text, err := json.Marshal(read(t, r.Stdout)[0].Result)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(text, &data))
		return data
	}
	good := check(0)
	require.NotNil(t, good.Server)
	assert.Equal(t, "bind", good.Server.Service)
	require.Len(t, good.Zones, 1)
	assert.Equal(t, good.Zones[0].Serial, good.Zones[0].Served)
	assert.Equal(t, 10, good.Zones[0].Records)
	url := c.Mage(t, demo, "db:url")
	conn := connect(t, strings.TrimSpace(url.Stdout))
	_, err := conn.Exec(t.Context(), `insert into dns_records (zone_id, name, type, content)
		select id, 'bad', 'SSHFP', '4 2 xyz' from dns_zones;
		update dns_records set content = '3 1 1 ' || repeat('ab', 32) where name = '_443._tcp'`)
	require.NoError(t, err)
	found := map[string]string{}
	for _, p := range check(1).Problems {
		found[p.Record] += string(p.State) + ": " + p.Text + "\n"
	}
	assert.Contains(t, found[""], "left out: the zone is served as it last was")
	assert.Contains(t, found["bad SSHFP 4 2 xyz"], "left out: it cannot be served")
	assert.Contains(t, found["_443._tcp TLSA 3 1 1 "+strings.Repeat("ab", 32)],
		"tables: it does not fit the certificate that is shown")
	_, err = conn.Exec(t.Context(), `delete from dns_records where type in ('SSHFP', 'TLSA')`)
	require.NoError(t, err)
	check(0)
}

// try runs the command that is shown for something, once it works.
func try(t *testing.T, data stack.DemoData, what string) (out string) {
	t.Helper()
	for _, c := range data.Commands {
		if strings.Contains(c.What, what) {
			require.Eventually(t, func() bool {
				one := data.Accounts[0] // curl would ask for its password
				command := strings.Replace(c.Command, "-u "+one.Address, "-u "+one.Address+":"+one.Password, 1)
				text, err := exec.CommandContext(t.Context(), "sh", "-c", command).Output()
				out = string(text)
				return err == nil
			}, time.Minute, 50*time.Millisecond, c.Command)
			return out
		}
	}
	require.Fail(t, "nothing is shown for "+what)
	return ""
}

// mailHost is where mail for the example goes, as its own name server says.
func mailHost(t *testing.T, data stack.DemoData) string {
	t.Helper()
	for _, c := range data.Commands {
		port, ok := strings.CutPrefix(c.Command, "dig @127.0.0.1 -p ")
		if !ok {
			continue
		}
		port, _, _ = strings.Cut(port, " ")
		var found []*net.MX
		server := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
		}}
		require.Eventually(t, func() (ok bool) {
			var err error
			found, err = server.LookupMX(t.Context(), "example.test")
			return err == nil && len(found) == 1
		}, time.Minute, 50*time.Millisecond)
		return found[0].Host
	}
	require.Fail(t, "nothing is shown of the name server")
	return ""
}
