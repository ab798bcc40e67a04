package container

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/moby/moby/client/pkg/stringid"

	"github.com/docker-multiarch/docker-multiarch/builder"
)

// runDir is where buildkitd makes its socket, below the container's root.
const runDir = "run/buildkit"

// localEngine says whether a container of an engine may be reached through the
// file system: on this machine, as root. It may still turn out not to be.
func localEngine(host string) bool {
	return strings.HasPrefix(host, "unix://") && os.Geteuid() == 0
}

// localConn is a connection to buildkitd's own socket. It holds a shared lock on
// the socket's directory, by which whoever wants to replace the container sees
// that it is in use; the kernel drops it with the process.
type localConn struct {
	net.Conn
	lease *os.File
}

func (c *localConn) Close() error {
	err := c.Conn.Close()
	_ = c.lease.Close()
	return err
}

// dialLocal connects to the buildkitd of a container whose main process is pid,
// if that is a process of this machine: pid is the engine's number for it, and
// an engine in a virtual machine or behind a forwarded socket counts its own. So
// the process must belong to a control group that is named after the container.
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
	// By way of the open directory: no other process's can come in between.
	conn, err := d.DialContext(ctx, "unix", fmt.Sprintf("/proc/self/fd/%d/buildkitd.sock", dir.Fd()))
	if err != nil {
		_ = dir.Close()
		return nil, fmt.Errorf("connect to BuildKit's socket: %w", err)
	}
	return &localConn{conn, dir}, nil
}

// lockedLocally says whether a client of this machine holds a connection.
func lockedLocally(id string, pid int) bool {
	dir, err := openRunDir(id, pid)
	if err != nil {
		return false
	}
	defer dir.Close()
	return errors.Is(syscall.Flock(int(dir.Fd()), syscall.LOCK_EX|syscall.LOCK_NB), syscall.EWOULDBLOCK)
}

// diskLocal looks at the disk that holds the state of the container.
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
	// Opened first and checked then, so that it is the checked process's root.
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
