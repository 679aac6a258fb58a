package faults_test

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/poststack/poststack/pkg/engine"
)

// mailFull leaves no room for mail while some comes: it is put off, not refused, what was taken is there, and it is
// taken again once there is room.
func (x *trial) mailFull() {
	before := x.state(x.T)
	const stop, start = "services:stop", "services:start"
	place := engineOutput(x.T, x.engine, "volume", "inspect", "--format", "{{.Mountpoint}}", "poststack-"+x.name+"-mail")
	held := filepath.Join(x.TempDir(), "held")
	copies := func(from, to string) {
		out, err := exec.CommandContext(x.Context(), "cp", "--archive", "--no-target-directory", from, to).CombinedOutput()
		require.NoError(x, err, "%s", out)
	}
	x.OK(x.T, stop, "-of=dovecot")
	copies(place, held)
	unmount := x.mounts("tmpfs", place, "tmpfs", 0, "size=3m")
	copies(held, place)
	x.OK(x.T, start, "-of=dovecot")
	x.serves(x.T)

	address, filler := x.lmtp(x.T), strings.Repeat(strings.Repeat("x", 70)+"\r\n", 1+x.random.IntN(700))
	var taken []string
	var err error
	for err == nil && len(taken) < 3000 {
		subject := fmt.Sprintf("Subject: room %d-%d", x.number, len(taken))
		if err = handOver(address, "zoe@example.org", subject+"\r\n\r\n"+filler); err == nil {
			taken = append(taken, subject)
		}
	}
	x.Logf("%d mails were taken; then: %v", len(taken), err)
	require.NotEmpty(x, taken)
	if answer, ok := errors.AsType[*smtp.SMTPError](err); !ok || answer.Code >= 500 {
		x.lose("a mail that was refused, not put off, while there is no room: %v", err)
	}
	x.others([]string{"nginx", "bind", "dovecot"}, "dovecot")
	require.NoError(x, unix.Mount("", place, "", unix.MS_REMOUNT, "size=30m"))
	x.serves(x.T)
	res, err := x.engine.ContainerExec(x.Context(), x.container(x.T, "dovecot").ID, engine.ExecSpec{Command: []string{
		"grep", "-rhs", "^Subject: room ", "/srv/mail/example.org/zoe/Maildir/new", "/srv/mail/example.org/zoe/Maildir/cur",
	}})
	require.NoError(x, err)
	for _, subject := range taken {
		if n := strings.Count(res.Stdout, subject+"\n") + strings.Count(res.Stdout, subject+"\r\n"); n != 1 {
			x.lose("%s, which is there %d times, of %d that were taken", subject, n, len(taken))
		}
	}
	x.OK(x.T, stop, "-of=dovecot")
	unmount()
	x.OK(x.T, start, "-of=dovecot")
	x.keeps(before)
}
