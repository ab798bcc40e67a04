package measure

import (
	"os"
	"syscall"
)

// peak is the most memory in bytes that a process, or one of the children that it waited for, had at a time.
func peak(state *os.ProcessState) int64 {
	if usage, ok := state.SysUsage().(*syscall.Rusage); ok {
		return usage.Maxrss << 10 // KiB on Linux (getrusage(2))
	}
	return 0
}
