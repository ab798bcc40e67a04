package nodehelper

import (
	"archive/tar"
	"bytes"
	"debug/buildinfo"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

// program returns the program in the layer for an architecture, and its mode.
func program(t *testing.T, arch string) (data []byte, mode int64) {
	t.Helper()
	l, ok, err := For(platform.Platform{OS: "linux", Architecture: arch})
	if err != nil || !ok {
		t.Fatalf("for %s: %v, %v", arch, ok, err)
	}
	plain, err := unpack(l.Blob)
	if err != nil {
		t.Fatal(err)
	}
	r := tar.NewReader(bytes.NewReader(plain))
	h, err := r.Next()
	if err != nil || "/"+h.Name != Program {
		t.Fatalf("%+v, %v", h, err)
	}
	if data, err = io.ReadAll(r); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(); err != io.EOF {
		t.Errorf("more follows: %v", err)
	}
	return data, h.Mode
}

// A change of the program, or of a package that it is made of, needs another run of make.sh.
func TestTheProgramIsThatOfTheSource(t *testing.T) {
	for _, arch := range []string{"amd64", "arm64"} {
		t.Run(arch, func(t *testing.T) {
			t.Parallel()
			kept, mode := program(t, arch)
			if mode&0o111 != 0o111 {
				t.Errorf("its mode is %#o", mode)
			}
			info, err := buildinfo.Read(bytes.NewReader(kept))
			if err != nil {
				t.Fatal(err)
			}
			if info.GoVersion != runtime.Version() {
				t.Skipf("it was built by %s, and this is %s", info.GoVersion, runtime.Version())
			}
			made := filepath.Join(t.TempDir(), "program")
			script, err := os.ReadFile("make.sh")
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), "bash", "-c", buildLine(t, string(script)))
			cmd.Env = append(os.Environ(), "arch="+arch, "out="+made)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			now, err := os.ReadFile(made)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(kept, now) {
				t.Errorf("its source has changed since it was made: run internal/nodehelper/make.sh (%d bytes, now %d)", len(kept), len(now))
			}
		})
	}
}

// buildLine returns the command of make.sh that builds the program for $arch as $out.
func buildLine(t *testing.T, script string) string {
	t.Helper()
	_, rest, found := strings.Cut(script, "  GOFLAGS=")
	line, _, ended := strings.Cut(rest, "./program\n")
	if !found || !ended {
		t.Fatal("make.sh builds in another way")
	}
	return "GOFLAGS=" + line + "./program"
}

func TestOtherPlatformsHaveNoProgram(t *testing.T) {
	for _, p := range []platform.Platform{{OS: "linux", Architecture: "s390x"}, {OS: "windows", Architecture: "amd64"}, {OS: "linux"}, {OS: "linux", Architecture: "../layers/amd64"}} {
		if _, ok, err := For(p); ok || err != nil {
			t.Errorf("%s: %v, %v", platform.Format(p), ok, err)
		}
	}
}
