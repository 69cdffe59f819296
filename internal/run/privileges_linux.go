package run

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// become changes this thread alone, and has the program begin anew in it. The
// calls are raw ones: those of the library change every thread, and cannot
// where the program was linked with C.
func become(who identity, keep []Capability) error {
	runtime.LockOSThread() // for good: what fails halfway ends the process
	var bits uint32        // all that are kept are below 32
	for _, c := range keep {
		bits |= 1 << c
	}
	if err := bound(bits); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_KEEPCAPS, 1, 0, 0, 0); err != nil {
		return os.NewSyscallError("prctl PR_SET_KEEPCAPS", err)
	}
	if err := setIDs(who); err != nil {
		return err
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	data := [2]unix.CapUserData{{Effective: bits, Permitted: bits, Inheritable: bits}}
	if err := unix.Capset(&header, &data[0]); err != nil {
		return fmt.Errorf("keep capabilities %#x: %w", bits, err)
	}
	for _, c := range keep {
		// What is ambient outlives execve; no other program is ever started.
		if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, uintptr(c), 0, 0); err != nil {
			return os.NewSyscallError("prctl PR_CAP_AMBIENT", err)
		}
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return os.NewSyscallError("prctl PR_SET_NO_NEW_PRIVS", err)
	}
	// Not by its path: the user may have no way to where the program lies.
	return os.NewSyscallError("execve", unix.Exec("/proc/self/exe", os.Args, os.Environ()))
}

// bound takes all other capabilities away for good, where that is allowed.
func bound(bits uint32) error {
	for c := range uintptr(64) {
		if c < 32 && bits>>c&1 != 0 {
			continue
		}
		err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0)
		if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EPERM) { // there are no more, or without CAP_SETPCAP
			return nil
		}
		if err != nil {
			return os.NewSyscallError("prctl PR_CAPBSET_DROP", err)
		}
	}
	return nil
}

func setIDs(who identity) error {
	if _, _, e := unix.RawSyscall(unix.SYS_SETGROUPS, uintptr(len(who.groups)), uintptr(unsafe.Pointer(unsafe.SliceData(who.groups))), 0); e != 0 {
		return os.NewSyscallError("setgroups", e)
	}
	if _, _, e := unix.RawSyscall(unix.SYS_SETRESGID, uintptr(who.gid), uintptr(who.gid), uintptr(who.gid)); e != 0 {
		return os.NewSyscallError("setresgid", e)
	}
	if _, _, e := unix.RawSyscall(unix.SYS_SETRESUID, uintptr(who.uid), uintptr(who.uid), uintptr(who.uid)); e != 0 {
		return os.NewSyscallError("setresuid", e)
	}
	// On some 32-bit machines these calls take 16 bits.
	if r, e, s := unix.Getresuid(); r != who.uid || e != who.uid || s != who.uid {
		return fmt.Errorf("uid %d: the kernel made it %d", who.uid, e)
	}
	return nil
}
