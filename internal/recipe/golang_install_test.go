package recipe_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// goStub imitates go install for another port: it refuses GOBIN, and writes to a directory for the port. The stories with a
// toolchain image test the real one.
const goStub = `#!/bin/sh
[ -z "$GOBIN" ] || { echo "go: cannot install cross-compiled binaries when GOBIN is set"; exit 1; }
mkdir -p "$GOPATH/bin/${GOOS}_$GOARCH" && echo > "$GOPATH/bin/${GOOS}_$GOARCH/app"
`

func TestGoInstallPutsItsProgramsWhereTheyBelong(t *testing.T) {
	if _, err := os.Stat("/bin/sh"); err != nil {
		t.Skip("no /bin/sh")
	}
	for _, gobin := range []bool{false, true} {
		src := filepath.Join(t.TempDir(), "it's")
		tools := filepath.Join(src, "tools")
		if err := os.MkdirAll(tools, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(tools, "go"), []byte(goStub), 0o755); err != nil {
			t.Fatal(err)
		}
		bin := filepath.Join(src, "bin")
		env := []string{"CGO_ENABLED=0", "GOPATH=" + src}
		if gobin {
			bin = filepath.Join(src, "out")
			env = append(env, "GOBIN="+bin)
		}
		st := stage{runs: []string{"set -e; go install ./...; exit 7"}, env: env, cwd: src, target: "linux/s390x"}.build(t)
		edits, why := judge(t, st)
		if why.Found() {
			t.Fatalf("%+v", why)
		}
		edit := edits[st.Steps[0].Digest]
		cmd := exec.CommandContext(t.Context(), edit.Args[0], edit.Args[1:]...)
		cmd.Dir = src
		cmd.Env = slices.DeleteFunc(append([]string{"PATH=" + tools + ":" + os.Getenv("PATH")}, append(env, edit.Env...)...), func(kv string) bool {
			name, _, _ := strings.Cut(kv, "=")
			return slices.Contains(edit.Unset, name)
		})
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() != 7 {
			t.Fatalf("the step's exit status is lost: %v\n%s", err, out)
		}
		entries, err := os.ReadDir(bin)
		if err != nil || len(entries) != 1 || entries[0].Name() != "app" {
			t.Errorf("%s has %v, %v, want app alone", bin, entries, err)
		}
		if _, err := os.Stat(filepath.Join(src, "bin")); gobin == (err == nil) {
			t.Errorf("with GOBIN %v, GOPATH/bin: %v", gobin, err)
		}
	}
}

func TestGoInstallForTheBuildersOwnArchitectureNeedsNothing(t *testing.T) {
	st := stage{runs: []string{"go install ./cmd/app"}, target: "linux/amd64/v4"}.build(t)
	edits, why := judge(t, st)
	if why.Check != "" {
		t.Fatalf("%+v", why)
	}
	for _, e := range edits {
		if e.Args != nil || e.Unset != nil {
			t.Errorf("%+v", e)
		}
	}
}
