//go:build e2e

package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/e2e/testenv"
)

// The stories about the commands use this platform, which no other story needs an emulator for.
const (
	rare        = "linux/s390x"
	rareHandler = "qemu-s390x"
	rareProgram = "/usr/bin/qemu-s390x-static"
	// The magic and mask that the program itself would use for a handler.
	rareMagic = `\x7fELF\x02\x02\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x16`
	rareMask  = `\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff`
)

// kernelHandlers returns all handlers of this machine's kernel: their text by name.
func (s *story) kernelHandlers() map[string]string {
	s.Helper()
	all := map[string]string{}
	entries, err := os.ReadDir(binfmt)
	s.check(err)
	for _, e := range entries {
		if e.Name() != "register" && e.Name() != "status" {
			text, err := os.ReadFile(filepath.Join(binfmt, e.Name()))
			s.check(err)
			all[e.Name()] = string(text)
		}
	}
	return all
}

// ownKernel is for stories that change the handlers of this machine, which must be the engine's: afterwards they are restored.
func (s *story) ownKernel() {
	s.Helper()
	s.besideUs()
	if f, err := os.OpenFile(binfmt+"/register", os.O_WRONLY, 0); err != nil {
		testenv.SkipBecause(s.T, "the kernel's handlers cannot be changed from here: "+err.Error())
	} else {
		s.check(f.Close())
	}
	if _, err := os.Stat(rareProgram); err != nil {
		testenv.SkipBecause(s.T, "QEMU's static binaries are not on this machine: "+err.Error())
	}
	before := s.kernelHandlers()
	s.Cleanup(func() {
		for name := range s.kernelHandlers() {
			if _, was := before[name]; !was {
				s.unregister(name)
			}
		}
		for _, platform := range []string{"linux/arm64", "linux/arm/v7"} {
			if name := map[string]string{"linux/arm64": "qemu-aarch64", "linux/arm/v7": "qemu-arm"}[platform]; before[name] != "" && s.kernelHandlers()[name] == "" {
				s.mustDocker("multiarch", "emulators", "install", "--source", "host", platform)
			}
		}
	})
}

func (s *story) unregister(name string) {
	s.Helper()
	s.check(os.WriteFile(filepath.Join(binfmt, name), []byte("-1"), 0))
}

// register makes a handler for the rare platform.
func (s *story) register(interpreter, flags string) {
	s.Helper()
	s.check(os.WriteFile(binfmt+"/register", []byte(":"+rareHandler+":M::"+rareMagic+":"+rareMask+":"+interpreter+":"+flags), 0))
	s.Cleanup(func() {
		if _, there := s.kernelHandlers()[rareHandler]; there {
			s.unregister(rareHandler)
		}
	})
}

// kernelStatus is the output of emulators status --format json.
type kernelStatus struct {
	Platforms []struct {
		Platform, Runs, Verdict, Reason, QEMU, BuilderEmulator string
		Handlers                                               []struct{ Name, Interpreter, Flags, RegisteredBy, Verdict string }
	}
}

// statusOf runs the command for one platform; its status is 0 if the platform runs.
func (s *story) statusOf(platform string, args ...string) (st kernelStatus, code int) {
	s.Helper()
	r := s.docker(slices.Concat([]string{"multiarch", "emulators", "status", "--format", "json"}, args, []string{platform})...)
	if err := json.Unmarshal([]byte(r.out), &st); err != nil || len(st.Platforms) == 0 {
		s.Fatalf("status of %s: %v\n%s%s", platform, err, r.out, r.err)
	}
	return st, r.code
}

func (s *story) emulators(args ...string) result {
	s.Helper()
	return s.docker(append([]string{"multiarch", "emulators"}, args...)...)
}

// exits139 returns a static program for this machine whose exit status is that of a program killed by a signal.
func (s *story) exits139() string {
	s.Helper()
	dir := s.folder(files{"go.mod": "module stub\n", "main.go": "package main\n\nimport \"os\"\n\nfunc main() { os.Exit(139) }\n"})
	file := filepath.Join(dir, "stub")
	cmd := exec.Command("go", "build", "-o", file, ".")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		s.Fatalf("%v\n%s", err, out)
	}
	return file
}

// qemus returns the handlers of QEMU among them.
func qemus(all map[string]string) (names []string) {
	for name := range all {
		if strings.HasPrefix(name, "qemu-") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
