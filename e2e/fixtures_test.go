//go:build e2e

package e2e

import (
	"archive/tar"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
)

// programText is the source of every fixture that the Go toolchain makes.
const programText = "package main\n\nfunc main() { println(\"ok\") }\n"

// goPrograms are fixtures by path, and the settings of the Go toolchain for them.
var goPrograms = map[string][]string{
	"static/linux/amd64":    {"GOARCH=amd64"},
	"static/linux/386":      {"GOARCH=386"},
	"static/linux/arm/v5":   {"GOARCH=arm", "GOARM=5"},
	"static/linux/arm/v7":   {"GOARCH=arm", "GOARM=7"},
	"static/linux/arm64":    {"GOARCH=arm64"},
	"static/linux/loong64":  {"GOARCH=loong64"},
	"static/linux/mips64le": {"GOARCH=mips64le"},
	"static/linux/ppc64":    {"GOARCH=ppc64"},
	"static/linux/ppc64le":  {"GOARCH=ppc64le"},
	"static/linux/riscv64":  {"GOARCH=riscv64"},
	"static/linux/s390x":    {"GOARCH=s390x"},
	"other/app.exe":         {"GOARCH=amd64", "GOOS=windows"},
	"other/app.macho":       {"GOARCH=arm64", "GOOS=darwin"},
	"dynamic/linux/amd64":   {"GOARCH=amd64", pie},
	"dynamic/linux/arm64":   {"GOARCH=arm64", pie},
	"dynamic/linux/loong64": {"GOARCH=loong64", pie},
	"dynamic/linux/ppc64le": {"GOARCH=ppc64le", pie},
	"musl/linux/amd64":      {"GOARCH=amd64", pie, "-I /lib/ld-musl-x86_64.so.1"},
	"musl/linux/arm64":      {"GOARCH=arm64", pie, "-I /lib/ld-musl-aarch64.so.1"},
}

// pie requests a program with a dynamic loader; the words after it are for the linker.
const pie = "-buildmode=pie"

var fixturesOnce struct {
	sync.Once
	dir string
	err error
}

// fixtures returns a folder of programs for many CPUs, made from source and kept between runs beside the tools of e2e/env.
func (s *story) fixtures() string {
	s.Helper()
	f := &fixturesOnce
	f.Do(func() { f.dir, f.err = makeFixtures() })
	s.check(f.err)
	return f.dir
}

// cacheDir returns the folder that e2e/env keeps things in between runs.
func cacheDir() (string, error) {
	if dir := os.Getenv("DOCKER_MULTIARCH_CACHE"); dir != "" {
		return dir, nil
	}
	if dir := os.Getenv("XDG_CACHE_HOME"); dir != "" {
		return filepath.Join(dir, "docker-multiarch"), nil
	}
	home, err := os.UserHomeDir()
	return filepath.Join(home, ".cache", "docker-multiarch"), err
}

func makeFixtures() (string, error) {
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	made := madeFixtures()
	sum := sha256.New()
	fmt.Fprint(sum, runtime.Version(), programText, goPrograms, made, linked)
	dir := filepath.Join(cache, fmt.Sprintf("fixtures-%.6x", sum.Sum(nil)))
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	fresh, err := os.MkdirTemp(cache, "fixtures-partial-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(fresh)
	if err := errors.Join(buildPrograms(fresh), writeFixtures(fresh, made), linkFixtures(fresh), archiveFixture(fresh)); err != nil {
		return "", err
	}
	err = os.Rename(fresh, dir)
	if _, there := os.Stat(dir); there == nil { // another run may have been faster
		return dir, os.Chmod(dir, 0o755)
	}
	return dir, err
}

// buildPrograms runs the Go toolchain. It uses both of a small machine's CPUs by itself.
func buildPrograms(dir string) error {
	source, err := os.MkdirTemp("", "fixture-source-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(source)
	for name, text := range map[string]string{"main.go": programText, "go.mod": "module fixture\n"} {
		if err := os.WriteFile(filepath.Join(source, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	for name, settings := range goPrograms {
		args, env, ld := []string{"build", "-trimpath", "-o", filepath.Join(dir, name)}, []string{"GOFLAGS=", "GOWORK=off", "CGO_ENABLED=0", "GOOS=linux"}, "-s -w"
		for i, word := range settings {
			switch {
			case word == pie:
				args = append(args, word)
			case i > 0 && settings[i-1] == pie:
				ld += " " + word
			default:
				env = append(env, word)
			}
		}
		cmd := exec.Command("go", append(args, "-ldflags", ld, ".")...)
		cmd.Dir, cmd.Env = source, append(os.Environ(), env...)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", name, err, out)
		}
	}
	return nil
}

func writeFixtures(dir string, content files) error {
	for name, text := range content {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, []byte(text), 0o755); err != nil {
			return err
		}
	}
	return nil
}

// linked are links by path: hard ones to another fixture, symbolic ones (with an arrow) to the given target.
var linked = [][2]string{
	{"hardlink/opt/app", "static/linux/amd64"},
	{"hardlink/usr/bin/app", "hardlink/opt/app"},
	{"symlink/opt/app-1.2", "static/linux/amd64"},
	{"symlink/opt/app", "->app-1.2"},
	{"symlink/usr/bin/app", "->../../opt/app"},
	{"loop/usr/bin/app", "->../../opt/app"},
	{"loop/opt/app", "->/usr/bin/app"},
	{"outside/app", "->../../../../usr/bin/env"},
}

func linkFixtures(dir string) error {
	for _, link := range linked {
		name := filepath.Join(dir, link[0])
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		err := os.Link(filepath.Join(dir, link[1]), name)
		if target, ok := cutArrow(link[1]); ok {
			err = os.Symlink(target, name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func cutArrow(word string) (string, bool) {
	if len(word) > 2 && word[:2] == "->" {
		return word[2:], true
	}
	return "", false
}

// archiveFixture writes an archive that holds the program for linux/amd64 as opt/app, and a hard link to it.
func archiveFixture(dir string) (err error) {
	program, err := os.ReadFile(filepath.Join(dir, "static/linux/amd64"))
	if err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(dir, "amd64.tar"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	t := tar.NewWriter(f)
	for _, h := range []tar.Header{
		{Name: "opt/", Typeflag: tar.TypeDir, Mode: 0o755},
		{Name: "opt/app", Typeflag: tar.TypeReg, Mode: 0o755, Size: int64(len(program))},
		{Name: "opt/link", Typeflag: tar.TypeLink, Linkname: "opt/app", Mode: 0o755},
	} {
		if err := t.WriteHeader(&h); err != nil {
			return err
		}
		if h.Size > 0 {
			if _, err := t.Write(program); err != nil {
				return err
			}
		}
	}
	return t.Close()
}
