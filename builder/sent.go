package builder

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
)

// sentScript prints the counters of input and output of buildkitd (proc_pid_io(5)). Programs beside it come and go, such as this script,
// which is a copy of all of runc before it is a shell.
const sentScript = "for p in /proc/[0-9]*; do read -r name <$p/comm && [ \"$name\" = buildkitd ] && cat $p/io; done 2>/dev/null; true"

// Sent returns how many bytes the buildkitd of a node with a shell has written so far, to files and to
// connections.
func (n *Node) Sent(ctx context.Context) (int64, error) {
	out, err := n.Shell.Run(ctx, sentScript)
	if err != nil {
		return 0, err
	}
	return writtenBytes(out)
}

// writtenBytes adds up the counters "wchar: N".
func writtenBytes(counters []byte) (sum int64, err error) {
	found := false
	for lines := bufio.NewScanner(bytes.NewReader(counters)); lines.Scan(); {
		text, ok := strings.CutPrefix(lines.Text(), "wchar: ")
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("a process's counter of written bytes: %w", err)
		}
		sum, found = sum+n, true
	}
	if !found {
		return 0, fmt.Errorf("no buildkitd has a counter of written bytes")
	}
	return sum, nil
}
