package host

import (
	"syscall"
	"time"
	"unsafe"
)

// Suspended returns how long the machine has been suspended since it was booted: the
// difference between CLOCK_BOOTTIME, which goes on meanwhile, and CLOCK_MONOTONIC, which Go's
// monotonic clock is, and which stands still. See clock_gettime(2).
func Suspended() time.Duration {
	const monotonic, boottime = 1, 7
	for {
		before := clockTime(monotonic)
		boot := clockTime(boottime)
		after := clockTime(monotonic)
		// Another process may have run in between.
		if after-before < time.Millisecond {
			return boot - before
		}
	}
}

func clockTime(id uintptr) time.Duration {
	var ts syscall.Timespec
	if _, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, id, uintptr(unsafe.Pointer(&ts)), 0); errno != 0 {
		return 0
	}
	return time.Duration(ts.Nano())
}
