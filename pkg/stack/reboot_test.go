package stack_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/doctor"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/service"
	"github.com/poststack/poststack/pkg/stack"
)

// onPodman is a bench with a podman whose database has been started.
func onPodman(t *testing.T) *bench {
	t.Helper()
	b := newBench(t).built(t, "postgres")
	b.engine.Identity.Kind = engine.Podman
	serve(t, b.engine)
	_, err := b.phase(t, (*stack.Stack).StartDatabase)
	require.NoError(t, err)
	return b
}

// marked are the containers that podman is to start after a reboot.
func marked(t *testing.T, b *bench) []string {
	t.Helper()
	marks, err := filepath.Glob(filepath.Join(b.config.StateDir, "at-boot", "*"))
	require.NoError(t, err)
	for i, mark := range marks {
		marks[i] = filepath.Base(mark)
	}
	return marks
}

func TestReboot_podman(t *testing.T) {
	t.Parallel()
	b := onPodman(t)
	assert.Equal(t, []string{containerName}, marked(t, b))
	spec, made := b.engine.Spec(containerName)
	require.True(t, made)
	assert.True(t, spec.KeepUp, "it comes back after a crash")
	for _, call := range b.engine.Calls() {
		assert.NotContains(t, call, "KeepUp", "a policy could not be changed any more")
	}

	require.NoError(t, os.RemoveAll(filepath.Join(b.config.StateDir, "at-boot")), "as an earlier release leaves it")
	_, err := b.phase(t, (*stack.Stack).StartDatabase)
	require.NoError(t, err)
	assert.Equal(t, []string{containerName}, marked(t, b), "one that runs already comes back from now on")

	_, err = b.phase(t, (*stack.Stack).Down)
	require.NoError(t, err)
	assert.Empty(t, marked(t, b), "what was stopped stays down")

	require.NoError(t, engine.MarkAtBoot(b.config.StateDir, containerName))
	j, err := b.phase(t, (*stack.Stack).Down)
	require.NoError(t, err)
	assert.Contains(t, j.last(t, event.PhaseEnded).Text, "nothing was running")
	assert.Empty(t, marked(t, b), "also what had ended by itself before")

	_, err = b.phase(t, (*stack.Stack).StartDatabase)
	require.NoError(t, err)
	_, err = b.phase(t, reset(true))
	require.NoError(t, err)
	assert.Empty(t, marked(t, b))
}

func TestReboot_podman_of_what_does_not_start(t *testing.T) {
	t.Parallel()
	b := newBench(t).built(t, "postgres")
	b.engine.Identity.Kind = engine.Podman
	b.engine.Behave = func(engine.ContainerSpec) enginetest.Outcome { return enginetest.Outcome{Exits: true, Code: 3} }
	require.NoError(t, engine.MarkAtBoot(b.config.StateDir, containerName), "it ran before")
	_, err := b.phase(t, (*stack.Stack).StartDatabase)
	require.ErrorAs(t, err, new(*service.ExitedError))
	assert.Empty(t, marked(t, b))
	assert.Contains(t, strings.Join(b.engine.Calls(), "\n"), "ContainerStop", "podman starts it no more")
}

func TestReboot_podman_services(t *testing.T) {
	t.Parallel()
	b := servicesBench(t)
	b.engine.Identity.Kind, b.enabled = engine.Podman, true
	_, err := b.phase(t, of((*stack.Stack).StartServices, ""))
	require.NoError(t, err)
	assert.Equal(t, []string{"poststack-s-app", "poststack-s-web"}, marked(t, b))
	_, err = b.phase(t, of((*stack.Stack).StopServices, "web"))
	require.NoError(t, err)
	assert.Equal(t, []string{"poststack-s-app"}, marked(t, b))

	declaration := filepath.Join(b.config.Root, "containers", "app", "image.yaml")
	write(t, declaration, "description: x\nparent: base-debian\nservice: { restart: never, secrets: [{ name: token, "+
		"path: /run/token, owner: '1:1' }] }\n")
	b.built(t, "app")
	_, err = b.phase(t, of((*stack.Stack).StartServices, "app"))
	require.NoError(t, err)
	assert.Empty(t, marked(t, b), "it is declared to stay down")
	found, _ := b.examine(t, false, "after a reboot")
	assert.Equal(t, "nothing runs that could come back", found[0].Seen)
	report, _ := status(t, b)
	assert.Nil(t, report.Reboot)
}

func TestReboot_is_told(t *testing.T) {
	t.Parallel()
	b := onPodman(t)
	report, rows := status(t, b)
	assert.False(t, report.Reboot.ComeBack)
	assert.Contains(t, report.Reboot.Why, "podman has no daemon")
	assert.Equal(t, "stays down", rows["after a reboot"][0])
	assert.Contains(t, rows["after a reboot"][1], "; remedy: mage engine:install")
	found, _ := b.examine(t, false, "after a reboot")
	assert.Equal(t, doctor.Warning, found[0].State)
	assert.Contains(t, found[0].Remedy, "mage engine:install")

	b.enabled = true
	report, rows = status(t, b)
	assert.Equal(t, &stack.RebootStatus{ComeBack: true}, report.Reboot)
	assert.Equal(t, []string{"comes back", ""}, rows["after a reboot"])
	found, _ = b.examine(t, false, "after a reboot")
	assert.Equal(t, doctor.OK, found[0].State)

	require.NoError(t, engine.UnmarkAtBoot(b.config.StateDir, containerName))
	found, _ = b.examine(t, false, "after a reboot")
	assert.Equal(t, doctor.Warning, found[0].State)
	assert.Contains(t, found[0].Seen, containerName)
	assert.Equal(t, "mage db:start", found[0].Remedy)

	_, err := b.phase(t, (*stack.Stack).Down)
	require.NoError(t, err)
	report, rows = status(t, b)
	assert.Nil(t, report.Reboot)
	assert.NotContains(t, rows, "after a reboot")
	found, _ = b.examine(t, false, "after a reboot")
	assert.Equal(t, "nothing runs that could come back", found[0].Seen)
}
