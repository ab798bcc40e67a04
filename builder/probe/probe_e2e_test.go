//go:build e2e

package probe

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moby/buildkit/client"

	"github.com/docker-multiarch/docker-multiarch/e2e/testenv"
	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Solve finds out what a BuildKit runs through nothing but its connection: its own platform, the
// architectures that the kernel has handlers for, and those that BuildKit has its own emulators for;
// and nothing else.
func TestABareBuildKitIsAskedByAStep(t *testing.T) {
	for emulator, emulators := range map[string]map[string]string{
		"kernel": nil,
		"own":    {"buildkit-qemu-aarch64": "qemu-aarch64-static"},
	} {
		t.Run(emulator, func(t *testing.T) {
			c := bareBuildKit(t, emulators)
			for { // others may change the kernel's handlers meanwhile
				before := handlers(t)
				st, native := probeAll(t, c)
				if slices.Equal(before, handlers(t)) {
					compare(t, st, native, before, emulators)
					return
				}
			}
		})
	}
}

// compare checks the result against the handlers and emulators that exist.
func compare(t *testing.T, st emulation.Status, native []platform.Platform, handled []string, own map[string]string) {
	t.Helper()
	if native[0].Architecture != runtime.GOARCH {
		t.Fatalf("the worker is for %v", native)
	}
	for _, a := range emulation.Archs() {
		want := emulation.None
		switch _, has := own[a.BuilderEmulator()]; {
		case slices.ContainsFunc(native, func(p platform.Platform) bool { return p.Architecture == a.Name }) && !slices.Contains(handled, a.HandlerName()):
			want = emulation.Native
		case has, slices.Contains(handled, a.HandlerName()):
			want = emulation.Emulated
		}
		if got := st.Mode(platform.Platform{OS: "linux", Architecture: a.Name}); got != want {
			s, _ := st.Arch(a.Name)
			t.Errorf("%s is %s and not %s: %+v", a.Name, got, want, s)
		}
	}
}

func probeAll(t *testing.T, c *client.Client) (emulation.Status, []platform.Platform) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	workers, err := c.ListWorkers(ctx)
	if err != nil {
		t.Fatal(err)
	}
	st, err := Solve(ctx, c, workers[0].Platforms)
	if err != nil {
		t.Fatal(err)
	}
	return st, workers[0].Platforms
}

// handlers returns the names of the enabled handlers in this machine's kernel.
func handlers(t *testing.T) (names []string) {
	t.Helper()
	const dir = "/proc/sys/fs/binfmt_misc"
	entries, err := os.ReadDir(dir)
	if err != nil {
		testenv.SkipBecause(t, "the kernel's handlers cannot be seen: "+err.Error())
	}
	for _, e := range entries {
		if text, _ := os.ReadFile(filepath.Join(dir, e.Name())); strings.HasPrefix(string(text), "enabled\ninterpreter") {
			names = append(names, e.Name())
		}
	}
	return names
}

// bareBuildKit starts a buildkitd on this machine, which ends with the test. emulators maps the names
// under which buildkitd finds emulators on its PATH to programs of this machine.
func bareBuildKit(t *testing.T, emulators map[string]string) *client.Client {
	t.Helper()
	daemon := testenv.Buildkitd(t)
	dir := t.TempDir()
	for name, program := range emulators {
		file, err := exec.LookPath(program)
		if err != nil {
			testenv.SkipBecause(t, err.Error())
		}
		if err := os.Symlink(file, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	config := filepath.Join(dir, "buildkitd.toml")
	text := fmt.Sprintf(`root = %q
[grpc]
address = ["unix://%s/sock"]
[worker.oci]
snapshotter = "native"
networkMode = "host"
[worker.containerd]
enabled = false
`, filepath.Join(dir, "root"), dir)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	logs, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(daemon, "--config", config)
	cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
	cmd.Stdout, cmd.Stderr = logs, logs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		if t.Failed() {
			_, _ = logs.Seek(0, io.SeekStart)
			said, _ := io.ReadAll(logs)
			t.Logf("buildkitd said:\n%s", said)
		}
		_ = logs.Close()
	})
	return testenv.Connect(t, "unix://"+dir+"/sock")
}
