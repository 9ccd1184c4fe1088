package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
)

// An account is the operating system's user that initdb and postgres run as.
// PostgreSQL refuses to run as root, so root needs another one.
type account struct {
	name string
	cred *syscall.Credential // nil: whoever runs this process
}

// accountFor returns who runs PostgreSQL on the data directory. For root that is
// whoever owns the data, so that one start with sudo does not take it away from
// its owner; data that does not exist or that is root's goes to postgres or nobody.
func accountFor(data string) (account, error) {
	if os.Geteuid() != 0 {
		return account{name: "uid " + strconv.Itoa(os.Geteuid())}, nil
	}
	var stat syscall.Stat_t
	if err := syscall.Stat(data, &stat); err == nil && stat.Uid != 0 {
		name := "uid " + strconv.Itoa(int(stat.Uid))
		if u, err := user.LookupId(strconv.Itoa(int(stat.Uid))); err == nil {
			name = u.Username
		}
		return account{name, &syscall.Credential{Uid: stat.Uid, Gid: stat.Gid}}, nil
	}
	for _, name := range []string{"postgres", "_postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.ParseInt(u.Uid, 10, 64)
		gid, gidErr := strconv.ParseInt(u.Gid, 10, 64)
		if err := errors.Join(uidErr, gidErr); err != nil {
			return account{}, fmt.Errorf("look up user %s: %w", name, err)
		}
		// By way of int64 because macOS's nobody is -2.
		return account{name, &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
	}
	return account{}, errors.New("PostgreSQL refuses to run as root and there is neither a user postgres nor a user nobody to run it as: create one or run this as an ordinary user")
}

// command prepares a command that runs as the account, in a directory that it
// can enter: PostgreSQL's programs fail in one that they cannot read.
func (a account) command(dir, name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: a.cred}
	cmd.Env = postgresEnviron(os.Environ())
	return cmd
}

// enter returns why the account cannot reach the directory, nil when it can. It
// tries, because modes alone do not tell what access lists and mounts allow.
func (a account) enter(dir string) error {
	return a.command(dir, "/bin/sh", "-c", "exit 0").Run()
}

// own makes the account the owner of everything below path, and of path last, so
// that its owner tells whether all was done.
func (a account) own(path string) error {
	if a.cred == nil {
		return nil
	}
	var stat syscall.Stat_t
	if err := syscall.Stat(path, &stat); err != nil {
		return fmt.Errorf("stat %s: %w", path, err)
	}
	if stat.Uid == a.cred.Uid {
		return nil
	}
	var all []string
	err := filepath.WalkDir(path, func(path string, _ fs.DirEntry, err error) error {
		all = append(all, path)
		return err
	})
	if err != nil {
		return err
	}
	for _, path := range slices.Backward(all) {
		if err := os.Lchown(path, int(a.cred.Uid), int(a.cred.Gid)); err != nil {
			return err
		}
	}
	return nil
}
