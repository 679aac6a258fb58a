package verify

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/service"
)

// capabilities are their names, in the order of their bits. Source: linux/capability.h.
const capabilities = `CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE
	NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE
	SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL
	SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE`

// confined checks that the limits of a service are in force, by what the kernel says of its first process.
func (s *scene) confined(limits engine.Confinement) question {
	want := "capabilities: " + listed(limits.Capabilities) + ", no new privileges"
	if s.Image.Service.ReadOnly {
		want += ", read-only"
	}
	q := question{check: "confinement", expected: want}
	q.ask = func(ctx context.Context) (answer, error) {
		res, err := s.look(ctx, []string{"cat", "/proc/1/status", "/proc/1/mounts"})
		if err != nil {
			return answer{}, err
		}
		status, readOnly := map[string]string{}, false
		for line := range strings.Lines(res.Stdout) {
			name, value, _ := strings.Cut(line, ":")
			status[name] = strings.TrimSpace(value)
			if mount := strings.Fields(line); len(mount) == 6 && mount[1] == "/" { // proc(5): source, place, type, options …
				readOnly = slices.Contains(strings.Split(mount[3], ","), "ro")
			}
		}
		var bounding uint64
		if n, _ := fmt.Sscanf(status["CapBnd"], "%x", &bounding); n != 1 {
			return answer{seen: service.Ending(res)}, nil
		}
		var left []string
		for bit, name := range strings.Fields(capabilities) {
			if bounding>>bit&1 == 1 {
				left = append(left, name)
			}
		}
		seen := "capabilities: " + listed(left)
		if status["NoNewPrivs"] == "1" {
			seen += ", no new privileges"
		}
		if readOnly {
			seen += ", read-only"
		}
		return answer{seen: seen, ok: seen == want}, nil
	}
	return q
}

// listed are names in order, or none.
func listed(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(slices.Sorted(slices.Values(names)), " ")
}
