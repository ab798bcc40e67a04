package container

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/builder"
)

// Disk reads the disk that holds the node's cache. Where [Node.Local] holds, it is one system call;
// otherwise it is a command in the container, some 80 ms.
func (n *Node) Disk(ctx context.Context) (builder.Disk, error) {
	d, err := n.target.disk(ctx)
	if err != nil {
		return builder.Disk{}, fmt.Errorf("%s: %w", n.Endpoint, err)
	}
	return d, nil
}

// Local reports whether the node's processes may be on this machine and visible to root.
func (n *Node) Local() bool { return n.target.local && n.target.pid > 0 }

func (t target) disk(ctx context.Context) (builder.Disk, error) {
	if t.local && t.pid > 0 {
		if d, err := diskLocal(t.id, t.pid); err == nil {
			return d, nil
		}
	}
	res, err := t.eng.Exec(ctx, t.id, []string{"df", "-Pk", stateDir}, nil)
	if err != nil {
		return builder.Disk{}, err
	}
	return parseDF(string(res.Stdout))
}

// parseDF reads the output of POSIX's df -Pk for one file system: a line of headings, then its name,
// 1024-blocks, used, available, capacity and mount point.
func parseDF(text string) (builder.Disk, error) {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	fields := strings.Fields(lines[len(lines)-1])
	if len(lines) < 2 || len(fields) < 6 {
		return builder.Disk{}, fmt.Errorf("df -Pk %s said %q", stateDir, text)
	}
	// Fields are counted from the end: the name may contain blanks.
	n := len(fields)
	total, err1 := strconv.ParseInt(fields[n-5], 10, 64)
	free, err2 := strconv.ParseInt(fields[n-3], 10, 64)
	if err := errors.Join(err1, err2); err != nil {
		return builder.Disk{}, fmt.Errorf("df -Pk %s: %w", stateDir, err)
	}
	return builder.Disk{Total: total << 10, Free: free << 10}, nil
}
