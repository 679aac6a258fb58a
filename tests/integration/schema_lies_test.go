package integration_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine/enginetest"
	"github.com/poststack/poststack/pkg/schema"
)

func schemaLies() []schemaTest {
	return []schemaTest{{name: "what is said of a disturbed update is in the database", run: noLies}}
}

// noLies disturbs updates at random moments and compares what was said with what is there.
func noLies(t *testing.T, s *site) {
	rounds, seed := enginetest.Rounds(t, 3), enginetest.Seed(t)
	dice := rand.New(rand.NewPCG(seed, 0))
	ended := map[string]int{}
	for round := range rounds {
		ended[disturbed(t, s, dice, round)]++
	}
	t.Log(ended)
}

// someChangeset is a random changeset i, which makes the tables tI and uI.
func someChangeset(dice *rand.Rand, i int) string {
	head := strconv.Itoa(i)
	first, second := fmt.Sprintf("create table t%d (id int primary key);\nselect pg_sleep(0.03);\n", i),
		fmt.Sprintf("create table u%d (id int);", i)
	switch dice.IntN(12) {
	case 0:
		return set(head+" runInTransaction:false", first+second)
	case 1:
		return set(head, first+"commit;\nselect pg_sleep(0.03);\n"+second)
	case 2:
		return set(head, first+"select 1 / 0;\n"+second)
	case 3:
		return set(head+" runInTransaction:false", first+"select 1 / 0;\n"+second)
	case 4:
		return set(head+" failOnError:false", first+second+"\nselect 1 / 0;")
	case 5:
		return set(head, first+second+fmt.Sprintf("\nalter table u%d add up int references t%d deferrable initially "+
			"deferred;\ninsert into u%d values (1, 2);", i, i, i))
	}
	return set(head, first+second)
}

// disturbed is one round. It returns how the update ended.
func disturbed(t *testing.T, s *site, dice *rand.Rand, round int) string {
	var sets []string
	for i := range 6 {
		sets = append(sets, someChangeset(dice, i))
	}
	disturbance := dice.IntN(5)
	x := s.trial(t, map[string]string{"parts/001.sql": sql(sets...)}, func(o *schema.Options) {
		o.Each = dice.IntN(2) == 0
		if disturbance == 3 {
			o.OpenLog = func(string) (schema.Log, error) { return fullLog{io.Discard}, nil }
		}
	})
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	stop := time.AfterFunc(time.Duration(dice.IntN(2500))*time.Millisecond, func() { s.disturb(x, disturbance, cancel) })
	_, err := x.Update(ctx)
	stop.Stop()
	what := fmt.Sprintf("round %d, disturbance %d, each %t, error %v\n%s",
		round, disturbance, x.Each, err, strings.Join(sets, ""))
	var failed *schema.Error
	if err != nil && !errors.As(err, &failed) {
		return "not begun" // the disturbance came before Liquibase
	}
	x.compare(failed, what)
	require.NoError(t, x.conn.Close(t.Context())) // the server has only so many
	if failed == nil {
		return "done"
	}
	return string(failed.Kind)
}

// disturb kills the container, cancels, or ends one of the sessions; 3 leaves it at a full log.
func (s *site) disturb(x *trial, how int, cancel context.CancelCauseFunc) {
	ctx := context.Background()
	end := func(application string) {
		_, _ = s.admin.Exec(ctx, `select pg_terminate_backend(pid) from pg_stat_activity where datname = $1
			and application_name = $2
			and pid <> $3`, x.Target.Database, application, x.conn.PgConn().PID())
	}
	switch how {
	case 0:
		cancel(errors.New("enough"))
	case 1:
		end("poststack liquibase")
	case 2:
		end("poststack")
	case 4:
		list, err := s.engine.ContainerList(ctx, map[string]string{"test": x.label})
		for _, c := range list {
			err = errors.Join(err, s.engine.ContainerKill(ctx, c.ID, "SIGKILL"))
		}
		_ = err // it may have ended by itself
	}
}

// compare holds what was said against the database.
func (x *trial) compare(failed *schema.Error, what string) {
	x.Helper()
	there := strings.Join(x.snapshot(), ",") + ","
	recorded := map[string]bool{}
	if strings.Contains(there, "databasechangelog r,") {
		for _, id := range x.column(`select id from databasechangelog`) {
			recorded[id] = true
		}
		if failed == nil {
			assert.Equal(x, []string{"false"}, x.column(`select locked::text from databasechangeloglock`), what)
		}
	}
	var outcome schema.Outcome
	if failed != nil {
		outcome = *failed.Outcome
		require.Empty(x, outcome.Reason, what)
		said := map[string]bool{}
		for _, a := range outcome.Applied {
			said[a.Changeset] = true
		}
		assert.Equal(x, recorded, said, what)
		if strings.Contains(strings.Join(failed.Details(), " "), "Nothing was") {
			assert.NotRegexp(x, `\b[tu]\d r,`, there, what)
		}
	}
	for i := range 6 {
		id := strconv.Itoa(i)
		named := outcome.Partly != nil && outcome.Partly.ID == id || strings.HasPrefix(outcome.Unsure, id+" ") ||
			outcome.Ended && failed.Changeset == id
		tables := strings.Count(there, "t"+id+" r,") + strings.Count(there, "u"+id+" r,")
		switch {
		case recorded[id]:
			assert.Equal(x, 2, tables, "changeset %s is recorded: %s", id, what)
		case !named:
			assert.Zero(x, tables, "changeset %s is not recorded: %s", id, what)
		}
	}
}
