package run

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
)

// Privileges is what root's process gives up: it goes on as somebody else.
type Privileges struct {
	User string // name or number
	Keep []Capability
	// Folders are made where they are not there, and given to the user with the
	// files in them.
	Folders []string
	Log     *slog.Logger
}

// Capability is a privilege of its own, capabilities(7).
type Capability uint8

// The capabilities that an agent may need.
const (
	CapNetBindService Capability = 10 // ports below 1024
	CapNetAdmin       Capability = 12 // setting up a network card
	CapNetRaw         Capability = 13 // capturing
)

// Drop begins the program anew as the user, with no capability but those to
// keep, and with no way to gain another (no_new_privs). Capabilities are those
// of a thread, and the Go runtime has started several by now: only execve(2)
// changes them for all. So it comes before anything is opened, and returns
// where it failed or where there was nothing to drop.
func (p *Privileges) Drop() error {
	if os.Geteuid() != 0 {
		p.Log.Debug("there are no privileges to drop: not started by root", "uid", os.Geteuid())
		return nil
	}
	who, err := lookUp(p.User)
	if err != nil {
		return err
	}
	for _, f := range p.Folders {
		if err := give(f, who); err != nil {
			return fmt.Errorf("give %s to user %s (agent.user): %w", f, p.User, err)
		}
	}
	return fmt.Errorf("go on as user %s (agent.user): %w", p.User, become(who, p.Keep))
}

// identity is what a process acts as.
type identity struct {
	uid, gid int
	groups   []uint32 // gid among them
}

// lookUp finds a user by name or number. A number need not have a name.
func lookUp(name string) (identity, error) {
	root := fmt.Errorf(`agent.user is %q, which is root; want another user, or "" to stay root`, name)
	u, err := user.Lookup(name)
	if n, bad := strconv.ParseUint(name, 10, 31); bad == nil {
		if u, err = user.LookupId(name); err != nil {
			if n == 0 {
				return identity{}, root
			}
			return identity{int(n), int(n), []uint32{uint32(n)}}, nil
		}
	}
	if err != nil {
		return identity{}, fmt.Errorf("agent.user is %q: %w; want a user of this host, or a number", name, err)
	}
	var who identity
	uid, uidErr := strconv.Atoi(u.Uid)
	gid, gidErr := strconv.Atoi(u.Gid)
	names, err := u.GroupIds()
	if err := errors.Join(uidErr, gidErr, err); err != nil {
		return identity{}, fmt.Errorf("agent.user is %q: %w", name, err)
	}
	if uid == 0 {
		return identity{}, root
	}
	who = identity{uid: uid, gid: gid}
	for _, n := range names {
		g, err := strconv.ParseUint(n, 10, 32)
		if err != nil {
			return identity{}, fmt.Errorf("agent.user is %q: %w", name, err)
		}
		who.groups = append(who.groups, uint32(g))
	}
	return who, nil
}

// give makes a folder, or takes one that is there, and gives it to somebody with
// the files that lie in it. Nothing is followed out of it.
func give(folder string, to identity) error {
	var made []string
	for f := folder; ; f = filepath.Dir(f) {
		if _, err := os.Stat(f); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		made = append(made, f)
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	for _, f := range append(made, folder) {
		if err := os.Lchown(f, to.uid, to.gid); err != nil {
			return err
		}
	}
	entries, err := os.ReadDir(folder)
	for _, e := range entries {
		if e.Type().IsRegular() {
			err = errors.Join(err, os.Lchown(filepath.Join(folder, e.Name()), to.uid, to.gid))
		}
	}
	return err
}
