package engine

import (
	"slices"

	"github.com/poststack/poststack/pkg/runner"
)

// noDetach are keys that nobody types, in place of those with which both engines leave an exec: the first of
// those is Ctrl-P, which shells and psql need for themselves.
const noDetach = "ctrl-^,ctrl-^"

// ExecCommand is the engine's own command line for spec in a running container, with the caller's input and
// output; tty gives it a terminal there, which follows the size of the caller's. The command stands in
// the list of processes: neither spec.Command nor spec.Env may hold a secret.
func (e *Engine) ExecCommand(id ContainerID, spec ExecSpec, tty bool) runner.Command {
	args := []string{"exec", "--interactive"}
	if tty {
		args = append(args, "--tty", "--detach-keys="+noDetach)
	}
	if spec.User != "" {
		args = append(args, "--user", spec.User)
	}
	for _, kv := range EnvList(spec.Env) {
		args = append(args, "--env", kv)
	}
	out := e.cli.command(slices.Concat(args, []string{string(id)}, spec.Command)...)
	out.Dir = e.cli.dir
	return out
}
