// Package testenv is the test environment that e2e/env/up.sh brings up, as tests see it: its settings, and its buildkitd.
package testenv

import (
	"bufio"
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/moby/buildkit/client"
)

// Setting returns an environment variable, or a line of the environment's file; "" if it is in neither.
func Setting(name string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	file, err := os.Open(filepath.Join(state(), "env"))
	if err != nil {
		return ""
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if key, value, ok := strings.Cut(lines.Text(), "="); ok && key == name {
			return value
		}
	}
	return ""
}

// state returns the folder that e2e/env/down.sh removes.
func state() string {
	return cmp.Or(os.Getenv("DOCKER_MULTIARCH_ENV"), "/var/lib/docker-multiarch-env")
}

// SkipBecause skips a test that cannot run here; with MULTIARCH_E2E_REQUIRED=1 it is a failure.
func SkipBecause(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("MULTIARCH_E2E_REQUIRED") == "1" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// Buildkitd returns the path of the buildkitd that e2e/env/up.sh has built beside buildctl. It skips a test that cannot start it.
func Buildkitd(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		SkipBecause(t, "only root can start a buildkitd")
	}
	if _, err := exec.LookPath("runc"); err != nil {
		SkipBecause(t, err.Error())
	}
	file := filepath.Join(filepath.Dir(Setting("MULTIARCH_E2E_BUILDCTL")), "buildkitd")
	if _, err := os.Stat(file); err != nil {
		SkipBecause(t, err.Error()+": bring the environment up with e2e/env/up.sh")
	}
	return file
}

// Connect waits until a buildkitd answers. The connection ends with the test.
func Connect(t *testing.T, address string) *client.Client {
	t.Helper()
	c, err := client.New(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if _, err = c.ListWorkers(t.Context()); err == nil {
			return c
		}
		if time.Now().After(end) {
			t.Fatalf("buildkitd does not answer: %v", err)
		}
	}
}
