package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// Secret is a file or directory that nobody else may read.
type Secret struct {
	What, Path string
	Mode       fs.FileMode // what it should have: 0600 or 0700
	Ours       bool        // we have made it, so that we may change its mode
}

// Permissions checks that secrets are kept from others, and that writable, directories of ours, can be written
// to and belong to this user. What does not exist yet is well.
func Permissions(secrets []Secret, writable []Place) Check {
	return Check{Name: "permissions", Look: func(context.Context) []Finding {
		var out []Finding
		for _, s := range secrets {
			out = append(out, s.look()...)
		}
		for _, p := range writable {
			out = append(out, p.look()...)
		}
		return out
	}}
}

func (s Secret) look() []Finding {
	info, err := os.Lstat(s.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return []Finding{bad("ls -l "+quote(s.Path), "%s: %v", s.What, err)}
	}
	mode := info.Mode().Perm()
	if mode&^s.Mode == 0 {
		return []Finding{well("%s: mode %04o", s.What, mode)}
	}
	f := bad(fmt.Sprintf("chmod %04o %s", s.Mode, quote(s.Path)), "%s: others may read it, its mode is %04o", s.What, mode)
	if s.Ours && info.Mode()&fs.ModeSymlink == 0 {
		f.Fix = func(context.Context) (string, error) {
			return fmt.Sprintf("its mode is %04o now", s.Mode), os.Chmod(s.Path, s.Mode)
		}
	}
	return []Finding{f}
}

func (p Place) look() []Finding {
	info, err := os.Stat(p.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return []Finding{bad("ls -ld "+quote(p.Path), "%s: %v", p.What, err)}
	}
	uid := os.Getuid()
	remedy := fmt.Sprintf("sudo chown -R %d %s", uid, quote(p.Path))
	if err := unix.Access(p.Path, unix.W_OK); err != nil {
		return []Finding{bad(remedy, "%s: this user cannot write to %s: %v", p.What, p.Path, err)}
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) != uid {
		return []Finding{warn(remedy, "%s: %s belongs to %s", p.What, p.Path, userName(st.Uid))}
	}
	return []Finding{well("%s: writable", p.What)}
}

// userName is a user in words.
func userName(uid uint32) string {
	id := strconv.Itoa(int(uid))
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return "user " + id
}
