package verify

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/poststack/poststack/pkg/image"
	"github.com/poststack/poststack/pkg/service"
)

// sideEffect is a check that looks into a container that is ready.
func (s *scene) sideEffect(c image.Check) question {
	var q question
	switch {
	case c.File != nil:
		q = s.file(*c.File)
	case c.Process != nil:
		q = s.process(*c.Process)
	case c.Listening != nil:
		q = s.listening(c.Listening.Port)
	case c.Access != nil:
		q = s.access(*c.Access)
	default:
		q = s.command(*c.Command)
	}
	q.line = c.Line
	return q
}

// file looks at a file as root, itself and not what it links to.
func (s *scene) file(f image.FileCheck) question {
	types := map[string]string{
		"file": "regular file", "directory": "directory", "link": "symbolic link", "socket": "socket",
	}
	mode := strconv.FormatInt(f.Bits(), 8)
	q := question{check: "file " + f.Path, expected: fmt.Sprintf("%s, %s, %s", types[f.Type], f.Owner, f.Mode)}
	q.ask = func(ctx context.Context) (answer, error) {
		res, err := s.look(ctx, []string{"stat", "-c", "%F|%U:%G|%a", f.Path})
		if err != nil {
			return answer{}, err
		}
		if res.Code != 0 {
			return answer{seen: service.Ending(res)}, nil
		}
		parts := strings.Split(strings.TrimSpace(strings.Replace(res.Stdout, "regular empty file", "regular file", 1)), "|")
		return answer{seen: strings.Join(parts, ", "), ok: slices.Equal(parts, []string{types[f.Type], f.Owner, mode})}, nil
	}
	return q
}

// listProcesses prints user and name of every process, with the shell and coreutils only.
const listProcesses = `for p in /proc/[0-9]*; do
	n=$(cat "$p/comm") && u=$(stat -c %U "$p") && echo "${p#/proc/} $u $n"
done 2>/dev/null; true`

// running is a process in the container.
type running struct{ pid, user, name string }

// processes are those of a container that is ready, looked up once.
func (s *scene) processes(ctx context.Context) ([]running, error) {
	if s.running != nil {
		return s.running, nil
	}
	res, err := s.look(ctx, []string{"sh", "-c", listProcesses})
	if err != nil {
		return nil, err
	}
	var list []running
	for line := range strings.Lines(res.Stdout) {
		if f := strings.SplitN(strings.TrimSpace(line), " ", 3); len(f) == 3 {
			list = append(list, running{f[0], f[1], f[2]})
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("list processes: %s", service.Ending(res))
	}
	s.running = list
	return list, nil
}

// mainProcess checks whom the first process runs as.
func (s *scene) mainProcess(user string) question {
	q := question{check: "main process", expected: "user " + user}
	q.ask = func(ctx context.Context) (answer, error) {
		list, err := s.processes(ctx)
		if err != nil {
			return answer{}, err
		}
		for _, p := range list {
			if p.pid == "1" {
				return answer{seen: fmt.Sprintf("user %s (%s)", p.user, p.name), ok: p.user == user}, nil
			}
		}
		return answer{seen: "there is none"}, nil
	}
	return q
}

// process checks that a program runs, and only as the user it should.
func (s *scene) process(c image.ProcessCheck) question {
	q := question{check: "process " + c.Name, expected: "user " + c.User}
	q.ask = func(ctx context.Context) (answer, error) {
		list, err := s.processes(ctx)
		if err != nil {
			return answer{}, err
		}
		var users, others []string
		n := 0
		for _, p := range list {
			switch {
			case p.name != c.Name:
				others = append(others, p.name)
			default:
				n++
				users = append(users, p.user)
			}
		}
		if n == 0 {
			return answer{seen: "not among " + strings.Join(unique(others), ", ")}, nil
		}
		users = unique(users)
		return answer{
				seen: fmt.Sprintf("%d of user %s", n, strings.Join(users, ", ")), ok: slices.Equal(users, []string{c.User}),
			},
			nil
	}
	return q
}

func unique(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return slices.Compact(list)
}

// listening checks that a process has a TCP port open, on whatever address.
func (s *scene) listening(port uint16) question {
	q := question{check: fmt.Sprintf("listening %d", port), expected: "open"}
	q.ask = func(ctx context.Context) (answer, error) {
		open, err := s.openPorts(ctx)
		switch {
		case err != nil:
			return answer{}, err
		case slices.Contains(open, strconv.Itoa(int(port))):
			return answer{seen: "open", ok: true}, nil
		case len(open) == 0:
			return answer{seen: "no port is open"}, nil
		}
		return answer{seen: "open are " + strings.Join(open, ", ")}, nil
	}
	return q
}

// openPorts are the TCP ports of a container that is ready, looked up once.
// Source: proc_net_tcp.txt of the kernel: column 2 is the address, 4 the state (0A listens).
func (s *scene) openPorts(ctx context.Context) ([]string, error) {
	if s.open != nil {
		return s.open, nil
	}
	res, err := s.exec(ctx, "", []string{"sh", "-c", "cat /proc/net/tcp /proc/net/tcp6 2>/dev/null; true"})
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(res.Stdout) {
		f := strings.Fields(line)
		if len(f) < 4 || f[3] != "0A" {
			continue
		}
		if n, err := strconv.ParseUint(f[1][strings.LastIndexByte(f[1], ':')+1:], 16, 16); err == nil {
			s.open = append(s.open, strconv.FormatUint(n, 10))
		}
	}
	s.open = unique(s.open)
	return s.open, nil
}

// access checks what a user may do with a file. test -w knows a read-only mount too (access(2), EROFS).
func (s *scene) access(c image.AccessCheck) question {
	q := question{check: fmt.Sprintf("access %s by %s", c.Path, c.User), expected: rights(c.Read, c.Write)}
	q.ask = func(ctx context.Context) (answer, error) {
		script := `test -e "$1" || { echo "no such file, or no way to it"; exit; }
			test -r "$1" && echo r; test -w "$1" && echo w; true`
		res, err := s.exec(ctx, c.User, []string{"sh", "-c", script, "sh", c.Path})
		if err != nil {
			return answer{}, err
		}
		if res.Code != 0 || strings.HasPrefix(res.Stdout, "no") {
			hidden := strings.HasPrefix(res.Stdout, "no") && !c.Read && !c.Write
			return answer{seen: strings.TrimSpace(res.Stdout + res.Stderr), ok: hidden}, nil
		}
		read, write := strings.Contains(res.Stdout, "r"), strings.Contains(res.Stdout, "w")
		return answer{seen: rights(read, write), ok: read == c.Read && write == c.Write}, nil
	}
	return q
}

// rights are words for what one may do.
func rights(read, write bool) string {
	switch {
	case read && write:
		return "reads and writes"
	case read:
		return "reads, does not write"
	case write:
		return "writes, does not read"
	}
	return "neither reads nor writes"
}

// command checks how a command ends and what it prints.
func (s *scene) command(c image.CommandCheck) question {
	q := question{check: "command " + service.CommandText(c.Run), expected: ends(c.ExitCode, c.Output)}
	q.ask = func(ctx context.Context) (answer, error) {
		res, err := s.exec(ctx, c.User, c.Run)
		if err != nil {
			return answer{}, err
		}
		return ended(res.Code, res.Stdout+res.Stderr, c.ExitCode, c.Output), nil
	}
	return q
}
