package chdb

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// sigaction is the kernel's struct, whose size is the same on amd64 and
// arm64 when restorer is counted: what we save we only give back.
type sigaction struct {
	handler  uintptr
	flags    uint64
	restorer uintptr
	mask     uint64
}

const lastSignal = 64

type signalActions [lastSignal + 1]sigaction

// saveSignals keeps the actions of all signals as the Go runtime set them.
func saveSignals() *signalActions {
	var all signalActions
	for n := 1; n <= lastSignal; n++ {
		_, _, _ = unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(n), 0, uintptr(unsafe.Pointer(&all[n])), 8, 0, 0)
	}
	return &all
}

func (all *signalActions) restore() {
	for n := 1; n <= lastSignal; n++ {
		if n == int(unix.SIGKILL) || n == int(unix.SIGSTOP) {
			continue
		}
		_, _, _ = unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(n), uintptr(unsafe.Pointer(&all[n])), 0, 8, 0, 0)
	}
}
