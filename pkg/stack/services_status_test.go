package stack_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	agent "github.com/poststack/poststack/pkg/agent/status"
	"github.com/poststack/poststack/pkg/config"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/inventory"
	"github.com/poststack/poststack/pkg/stack"
)

// tellsStatus has the service app answer with what an agent tells.
func tellsStatus(b *bench, answer func() engine.ExecResult) {
	b.engine.OnExec = func(_ engine.Container, spec engine.ExecSpec) (engine.ExecResult, error) {
		if slices.Equal(spec.Command, []string{"tell"}) {
			return answer(), nil
		}
		return engine.ExecResult{}, nil
	}
}

func TestServicesStatus(t *testing.T) {
	t.Parallel()
	b := servicesBench(t)
	j, err := b.phase(t, of((*stack.Stack).ServicesStatus, ""))
	require.NoError(t, err)
	assert.Equal(t,
		[][]string{
			{"app", "state", "not there; start with: mage services:start"},
			{"web", "state", "not there; start with: mage services:start"},
		},
		j.last(t, event.Result).Report.Rows)
	_, err = b.phase(t, of((*stack.Stack).StartServices, ""))
	require.NoError(t, err)
	ago := func(d time.Duration) string { return time.Now().Add(-d).Format(time.RFC3339) }
	tellsStatus(b, func() engine.ExecResult {
		return engine.ExecResult{
			Stdout: fmt.Sprintf(`{"service": "app", "state": "serving", "rows": "database", "connected": false, "since": %q,
			"last_read": %q, "last_render": %q, "last_reload": %q, "reloads": 7,
			"last_change": {"at": %q, "table": "domains", "op": "update", "key": "3"},
			"last_error": {"at": %q, "what": "check", "text": "line 3:\n  no"},
			"left_out": [{"query": "domains", "key": "a.org", "kept": true, "error": "no root"},
			{"query": "domains", "key": "b.org", "error": "bad"}], "warnings": ["a host is gone"],
			"certificates": [{"directory": "a", "names": ["a.org", "www.a.org"], "not_after": %q, "served": true},
				{"directory": "b", "problem": "there is none yet"}]}`,
				ago(time.Hour), ago(2*time.Hour), ago(3*time.Hour), ago(3*time.Hour), ago(4*time.Hour), ago(5*time.Minute),
				ago(-50*24*time.Hour)),
		}
	})
	j, err = b.phase(t, of((*stack.Stack).ServicesStatus, "app"))
	require.NoError(t, err)
	report := j.last(t, event.Result).Report
	assert.Equal(t, [][]string{
		{"app", "state", "serving; with rows of the database of 2 hours ago; the database has been away for about an hour; " +
			"2 rows not served as it is; 1 warning: see mage services:status"},
		{"", "last render", "3 hours ago"},
		{"", "reloads", "7, the last 3 hours ago"},
		{"", "last change", "update 3 in domains, 4 hours ago"},
		{"", "error", "check, 5 minutes ago: line 3: no"},
		{"", "as it last was", `domains "a.org": no root`},
		{"", "left out", `domains "b.org": bad`},
		{"", "certificate", "a: a.org, www.a.org, 7 weeks left"},
		{"", "certificate", "b: there is none yet"},
		{"", "warning", "a host is gone"},
	}, report.Rows)
	found, ok := report.Data.([]stack.ServiceStatus)
	require.True(t, ok)
	assert.Equal(t, agent.Serving, found[0].Tells.State)

	j, err = b.phase(t, (*stack.Stack).Status)
	require.NoError(t, err)
	rows := fmt.Sprint(j.last(t, event.Result).Report.Rows)
	assert.Contains(t, rows, "app serving with rows of the database of 2 hours ago")
	assert.Contains(t, rows, "web running ")

	inv := inventoryOf(t, b)
	require.Len(t, inv.Services, 2)
	assert.Equal(t, "serving", inv.Services[0].State)
	assert.Equal(t, inventory.Impaired, inv.Services[0].Health)
	assert.Equal(t, report.Rows[0][2], inv.Services[0].Summary)
	assert.Contains(t, inv.Services[0].Tells, [2]string{"last render", "3 hours ago"})
	assert.Contains(t, inv.Services[0].Tells, [2]string{"left out", `domains "b.org": bad`})
	require.Len(t, inv.Services[1].Tells, 1)
	assert.Regexp(t, `^80 on 127\.0\.0\.1:180\d\d$`, inv.Services[1].Tells[0][1], "the first port that is free here")
	inv.Services[1].Tells = nil
	assert.Equal(t, inventory.Service{
		Name: "web", State: "running", Health: inventory.Well, Summary: "running",
	}, inv.Services[1])
	_, err = b.phase(t, of((*stack.Stack).StopServices, ""))
	require.NoError(t, err)
	assert.Equal(t, inventory.Down, inventoryOf(t, b).Services[0].Health)
}

func TestServicesStatus_of_what_says_nothing(t *testing.T) {
	t.Parallel()
	b := servicesBench(t)
	_, err := b.phase(t, of((*stack.Stack).StartServices, ""))
	require.NoError(t, err)
	for answer, says := range map[engine.ExecResult]string{
		{Code: 1, Stderr: "agent: read the status: no such file\n"}: "running; run tell: status 1: agent: read the status: " +
			"no such file",
		{Stdout: "nonsense"}: "running; run tell: invalid character",
	} {
		tellsStatus(b, func() engine.ExecResult { return answer })
		j, err := b.phase(t, of((*stack.Stack).ServicesStatus, "app"))
		require.NoError(t, err)
		assert.Contains(t, j.last(t, event.Result).Report.Rows[0][2], says)
	}
	b.config.Services = map[string]config.Service{}
	_, err = b.phase(t, of((*stack.Stack).StopServices, "web"))
	require.NoError(t, err)
	j, err := b.phase(t, of((*stack.Stack).ServicesStatus, ""))
	require.NoError(t, err)
	text := fmt.Sprint(j.last(t, event.Result).Report.Rows)
	assert.Contains(t, text, "web state exited", "what is there is told of, chosen or not")
	_, err = b.phase(t, of((*stack.Stack).ServicesStatus, "nginx"))
	require.ErrorContains(t, err, `services:status: there is no service "nginx"; known are: app, web`)
	assert.Equal(t, 2, stack.ExitStatus(err))
	_, err = b.phase(t, reset(true))
	require.NoError(t, err)
	j, err = b.phase(t, of((*stack.Stack).ServicesStatus, ""))
	require.NoError(t, err)
	assert.True(t,
		strings.HasPrefix(j.last(t, event.Result).Report.Text, "nothing to do: poststack.yaml chooses no services"))
}
