package solve

import (
	"runtime"
	"strings"
	"testing"
	"time"
)

// ours returns the stacks of the goroutines that run code of this module or wait in a solve.
func ours() (stacks []string) {
	buf := make([]byte, 1<<20)
	for stack := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		for _, part := range []string{"github.com/docker-multiarch/", "session.(*Session)", "errgroup"} {
			if strings.Contains(stack, part) && !strings.Contains(stack, "testing.tRunner") {
				stacks = append(stacks, stack)
				break
			}
		}
	}
	return stacks
}

// leftNothing waits a moment for the goroutines of a build to end.
func leftNothing(t *testing.T) {
	t.Helper()
	deadline := time.Now().Add(2 * time.Second)
	for len(ours()) > 0 {
		if time.Now().After(deadline) {
			t.Fatalf("goroutines are left:\n%s", strings.Join(ours(), "\n\n"))
		}
		time.Sleep(time.Millisecond)
	}
}
