package engine_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/runner"
)

func TestDropLeftRules(t *testing.T) {
	t.Parallel()
	rule := func(id string) string {
		return "NETAVARK-HOSTPORT-DNAT -p tcp -m tcp --dport 80 -m comment --comment \"dnat name: net id: " +
			strings.Repeat(id, 64) + "\" -j NETAVARK-DN-1"
	}
	both := "-A " + rule("a") + "\n-A " + rule("b")
	for name, c := range map[string]struct {
		tables []string // as they are found, one after the other; the last one for ever
		want   []string // what is asked for
		failed bool
	}{
		"none is left":             {[]string{""}, nil, false},
		"somebody else takes one":  {[]string{both, "-A " + rule("b")}, []string{"ab", "b"}, false},
		"somebody else takes both": {[]string{both, ""}, []string{"ab"}, false},
		"they cannot be removed":   {[]string{both}, slices.Repeat([]string{"ab"}, 5), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked []string
			err := engine.DropLeftRules(t.Context(), runner.Func(
				func(_ context.Context, command runner.Command) (runner.Result, error) {
					if command.Program == "iptables" {
						table := c.tables[0]
						c.tables = c.tables[min(1, len(c.tables)-1):]
						return runner.Result{Stdout: table}, nil
					}
					text, err := io.ReadAll(command.Stdin)
					require.NoError(t, err)
					ids := ""
					for _, id := range []string{"a", "b"} {
						if strings.Contains(string(text), "\n-D "+rule(id)+"\n") {
							ids += id
						}
					}
					asked = append(asked, ids)
					if ids == "ab" {
						err = errors.New("Bad rule")
					}
					return runner.Result{}, err
				}), engine.Port{Host: 80})
			assert.Equal(t, c.want, asked)
			assert.Equal(t, c.failed, err != nil)
		})
	}
}

func TestLeftRules(t *testing.T) {
	t.Parallel()
	own, gone := strings.Repeat("a", 64), strings.Repeat("b", 64)
	other, third := strings.Repeat("c", 64), strings.Repeat("d", 64)
	jump := func(ports, id, to string) string {
		return "-A NETAVARK-HOSTPORT-DNAT -p tcp -m tcp --dport " + ports +
			` -m comment --comment "dnat name: net id: ` + id + `" -j NETAVARK-DN-` + to + "\n"
	}
	lead := func(port, to string) string {
		return "-A NETAVARK-DN-1 -d 127.0.0.1/32 -p tcp -m tcp --dport " + port + " -j DNAT --to-destination " + to + "\n"
	}
	mine := jump("80", own, "1") + lead("80", "10.89.0.2:8080") + lead("80", "[fd00::2]:8080")
	for name, c := range map[string]struct {
		table string
		want  []string
	}{
		"its own":                  {mine, nil},
		"of one that has gone":     {mine + jump("80", gone, "2"), []string{jump("80", gone, "2")}},
		"of a range":               {mine + jump("79:81", gone, "2"), []string{jump("79:81", gone, "2")}},
		"of another port":          {mine + jump("81", gone, "2") + lead("81", "10.89.0.9:80"), nil},
		"of UDP":                   {mine + strings.ReplaceAll(jump("80", gone, "1"), "tcp", "udp"), nil},
		"of one that may start":    {mine + jump("80", other, "1") + lead("80", "10.89.0.3:80"), nil},
		"of another that runs":     {mine + jump("80", third, "1") + lead("80", "10.89.0.4:80"), nil},
		"where it was, and is not": {mine + lead("80", "10.89.0.9:8080"), []string{lead("80", "10.89.0.9:8080")}},
		"of nobody that runs": {
			jump("80", gone, "1") + lead("80", "10.89.0.9:80"),
			[]string{lead("80", "10.89.0.9:80"), jump("80", gone, "1")},
		},
		"of another kind of tables": {"table is incompatible, use 'nft' tool.\n-A INPUT -p tcp --dport 80 -j DROP", nil},
	} {
		got := engine.LeftRules(c.table, engine.Port{Container: 8080, Host: 80, HostIP: "127.0.0.1"},
			map[engine.ContainerID][]string{
				engine.ContainerID(own): {"10.89.0.2", "fd00::2"}, engine.ContainerID(other): nil,
				engine.ContainerID(third): {"10.89.0.4"},
			})
		for i := range got {
			got[i] = "-A " + got[i] + "\n"
		}
		assert.Equal(t, c.want, got, name)
	}
}
