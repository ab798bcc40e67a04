package container

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/moby/moby/client/pkg/stringid"

	"github.com/docker-multiarch/docker-multiarch/builder"
)

// runDir is the directory of buildkitd's socket, below the container's root.
const runDir = "run/buildkit"

// localEngine reports whether a container of an engine may be reachable through the file system: on
// this machine, as root. The attempt may still fail.
func localEngine(host string) bool {
	return strings.HasPrefix(host, "unix://") && os.Geteuid() == 0
}

// localConn is a connection to buildkitd's own socket. It holds a shared lock on the socket's
// directory, which shows a client that wants to replace the container that it is in use. The kernel
// releases the lock with the process.
type localConn struct {
	net.Conn
	lease *os.File
}

func (c *localConn) Close() error {
	err := c.Conn.Close()
	_ = c.lease.Close()
	return err
}

// dialLocal connects to the buildkitd of a container whose main process is pid, if that is a process of
// this machine. pid is the engine's number, and an engine in a virtual machine or behind a forwarded
// socket has its own numbers. So the process must belong to a control group that is named after the
// container.
func dialLocal(ctx context.Context, id string, pid int) (net.Conn, error) {
	dir, err := openRunDir(id, pid)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(dir.Fd()), syscall.LOCK_SH|syscall.LOCK_NB); err != nil {
		_ = dir.Close()
		return nil, fmt.Errorf("share BuildKit's socket: %w", err)
	}
	var d net.Dialer
	// The path goes through the open directory, so that no other process's directory can take its
	// place.
	conn, err := d.DialContext(ctx, "unix", fmt.Sprintf("/proc/self/fd/%d/buildkitd.sock", dir.Fd()))
	if err != nil {
		_ = dir.Close()
		return nil, fmt.Errorf("connect to BuildKit's socket: %w", err)
	}
	return &localConn{conn, dir}, nil
}

// lockedLocally reports whether a client of this machine holds a connection.
func lockedLocally(id string, pid int) bool {
	dir, err := openRunDir(id, pid)
	if err != nil {
		return false
	}
	defer dir.Close()
	return errors.Is(syscall.Flock(int(dir.Fd()), syscall.LOCK_EX|syscall.LOCK_NB), syscall.EWOULDBLOCK)
}

// onThisKernel reports whether the container's main process is one of this machine.
func onThisKernel(id string, pid int) bool {
	dir, err := openInside(id, pid, ".")
	if err != nil {
		return false
	}
	_ = dir.Close()
	return true
}

// handlersOf returns a text that changes whenever the kernel's handlers for the container's processes do; "" if that is not known, as when they
// are not those for processes of this machine: from Linux 6.7 on, each user namespace may have a list of its own.
func handlersOf(id string, pid int) string {
	const list = "/proc/sys/fs/binfmt_misc"
	own, err := os.Stat("/proc/self/ns/user")
	if err != nil {
		return ""
	}
	its, err := os.Stat(fmt.Sprintf("/proc/%d/ns/user", pid))
	if err != nil || !os.SameFile(own, its) || !onThisKernel(id, pid) {
		return ""
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	entries, err := os.ReadDir(list)
	if err != nil || len(entries) == 0 {
		return ""
	}
	text := id + "\n" + string(boot)
	for _, e := range entries {
		if e.Name() == "register" { // cannot be read
			continue
		}
		var entry syscall.Stat_t
		file := filepath.Join(list, e.Name())
		content, err := os.ReadFile(file)
		if err != nil || syscall.Stat(file, &entry) != nil {
			return ""
		}
		text += fmt.Sprintf("%s %d %v\n%s", e.Name(), entry.Ino, entry.Mtim, content) // the number is another one when it is registered again
	}
	return text
}

// diskLocal reads the disk that holds the state of the container.
func diskLocal(id string, pid int) (builder.Disk, error) {
	dir, err := openInside(id, pid, stateDir[1:])
	if err != nil {
		return builder.Disk{}, err
	}
	defer dir.Close()
	var st syscall.Statfs_t
	if err := syscall.Fstatfs(int(dir.Fd()), &st); err != nil {
		return builder.Disk{}, fmt.Errorf("look at the disk of %s: %w", stateDir, err)
	}
	block := int64(st.Bsize)                                                                  //nolint:unconvert // 32 bits wide on some machines
	return builder.Disk{Total: block * int64(st.Blocks), Free: block * int64(st.Bavail)}, nil //nolint:gosec // no disk is that large
}

func openRunDir(id string, pid int) (*os.File, error) { return openInside(id, pid, runDir) }

// openInside opens a path of the container whose main process is pid.
func openInside(id string, pid int, path string) (*os.File, error) {
	if id == "" || pid <= 0 {
		return nil, errors.New("not a running container")
	}
	// The root is opened first and checked afterwards, so that it is the checked process's root.
	root, err := os.OpenRoot(fmt.Sprintf("/proc/%d/root", pid))
	if err != nil {
		return nil, err
	}
	defer root.Close()
	groups, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		return nil, err
	}
	if !strings.Contains(string(groups), id) {
		return nil, fmt.Errorf("process %d is not container %s", pid, stringid.TruncateID(id))
	}
	return root.Open(path)
}
