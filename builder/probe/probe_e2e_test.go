//go:build e2e

package probe

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
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
	st, err := Solve(ctx, c.ControlClient(), workers[0].Platforms)
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
	dir, err := testenv.NewDir()
	if err != nil {
		t.Fatal(err)
	}
	daemon := testenv.Daemon{Program: testenv.Buildkitd(t), Dir: dir, Path: t.TempDir()}
	for name, program := range emulators {
		file, err := exec.LookPath(program)
		if err != nil {
			testenv.SkipBecause(t, err.Error())
		}
		if err := os.Symlink(file, filepath.Join(daemon.Path, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("buildkitd said:\n%s", daemon.Log())
		}
		daemon.Stop()
	})
	return testenv.Connect(t, daemon.Address())
}
