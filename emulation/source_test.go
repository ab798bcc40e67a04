package emulation

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/internal/engine"
)

func TestContainerShellIsAPrivilegedShell(t *testing.T) {
	k := x86()
	k.images[helper] = func(_ *fakeKernel, s engine.RunSpec) engine.RunResult {
		if !s.Privileged || !cmp.Equal(s.Entrypoint, []string{"/bin/sh", "-c", "echo hi"}) {
			return engine.RunResult{ExitCode: 3, Stderr: []byte("wrong call")}
		}
		return engine.RunResult{Stdout: []byte("hi\n")}
	}
	sh := ContainerShell{Runner: k, Image: helper}
	if out, err := sh.Run(t.Context(), "echo hi"); err != nil || string(out) != "hi\n" {
		t.Errorf("got %q, %v", out, err)
	}
	if _, err := sh.Run(t.Context(), "other"); err == nil || !strings.Contains(err.Error(), "wrong call") {
		t.Errorf("got %v", err)
	}
}
