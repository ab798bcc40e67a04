//go:build e2e

package buildkitmsg

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/moby/buildkit/client"

	"github.com/docker-multiarch/docker-multiarch/e2e/testenv"
)

// daemon is a buildkitd of this machine, and its log.
type daemon struct {
	*exec.Cmd
	dir string
	mu  sync.Mutex
	log bytes.Buffer
}

func (d *daemon) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.log.Write(p)
}

func (d *daemon) lines() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Split(d.log.String(), "\n")
}

// newDaemon returns a buildkitd that has not started. root is the directory of its state, "" for a new one; network is its networkMode.
func newDaemon(t *testing.T, root, network, more string, args ...string) *daemon {
	t.Helper()
	program := testenv.Buildkitd(t)
	d := &daemon{dir: t.TempDir()}
	if root == "" {
		root = filepath.Join(d.dir, "root")
	}
	config := filepath.Join(d.dir, "buildkitd.toml")
	text := fmt.Sprintf(`root = %q
[grpc]
address = ["unix://%s/sock"]
[worker.oci]
snapshotter = "native"
networkMode = %q
cniBinaryPath = "/no/such/folder"
[worker.containerd]
enabled = false
%s`, root, d.dir, network, more)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	d.Cmd = exec.Command(program, append([]string{"--config", config}, args...)...)
	d.Stdout, d.Stderr = d, d
	return d
}

// connect starts the daemon, which ends with the test.
func (d *daemon) connect(t *testing.T) *client.Client {
	t.Helper()
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = d.Process.Signal(syscall.SIGTERM)
		_ = d.Wait()
		if t.Failed() {
			t.Logf("buildkitd's log:\n%s", strings.Join(d.lines(), "\n"))
		}
	})
	return testenv.Connect(t, "unix://"+d.dir+"/sock")
}

// fails runs a daemon that cannot start, and returns the lines of its log.
func (d *daemon) fails(t *testing.T) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	stop := context.AfterFunc(ctx, func() { _ = d.Process.Kill() })
	defer stop()
	if err := d.Wait(); err == nil || ctx.Err() != nil {
		t.Fatalf("buildkitd did not refuse to start: %v", err)
	}
	return d.lines()
}
