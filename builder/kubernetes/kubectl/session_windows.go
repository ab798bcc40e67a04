package kubectl

import "syscall"

// ownSession takes a process out of the console's group, whose processes all get its interrupts.
func ownSession() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}
