//go:build !windows

package kubectl

import "syscall"

// ownSession takes a process out of the terminal's group, whose processes all get its interrupts.
func ownSession() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
