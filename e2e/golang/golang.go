// Package golang makes images with the Go toolchain where none can be pulled, for stories and measurements of builds that
// compile: the machine's own Go, reduced to the parts that compiling needs, with its tools built for each CPU, at the paths of
// the official image. docker multiarch itself builds them from the context that this package makes; each target of its Dockerfile
// is an image.
package golang

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Platforms are those that the images are for: the builder's own, and those that stories emulate.
const Platforms = "linux/amd64,linux/arm64,linux/arm/v7,linux/riscv64"

// These are the targets of the Dockerfile. All but the first two are like Primed, with one difference.
const (
	Bare     = "bare"     // Go alone, as in the official image
	Primed   = "primed"   // and its build cache has the packages that small programs need, for all platforms
	Compiler = "compiler" // there is a C compiler, or a program with its name
	Older    = "older"    // its compilers for 32-bit ARM are set to GOARM=6
	Differs  = "differs"  // its version differs between platforms
	OnBuild  = "onbuild"  // it builds a project that uses it as a base image, by ONBUILD
)

//go:embed Dockerfile
var dockerfile []byte

// tools are the programs of the toolchain that compiling needs.
var tools = []string{"cmd/go", "cmd/compile", "cmd/link", "cmd/asm", "cmd/vet", "cmd/cgo"}

// Made is the context of the images.
type Made struct {
	Dir        string // the context
	Dockerfile string // in it
	Key        string // a name for all inputs of the images
}

// Make makes the context of the images, in the cache folder, unless it exists: once for each version of Go.
func Make(ctx context.Context, cache string) (Made, error) {
	version, err := goEnv(ctx, "GOVERSION")
	if err != nil {
		return Made{}, err
	}
	dir := filepath.Join(cache, "golang-"+hash(version, Platforms, tools, trimmed, compiler))
	if err := once(dir, func(fresh string) error { return fill(ctx, fresh, version) }); err != nil {
		return Made{}, err
	}
	key := version + "-" + hash(dir, string(dockerfile))
	file := filepath.Join(dir, "Dockerfile-"+key)
	text := strings.ReplaceAll(string(dockerfile), "@VERSION@", strings.TrimPrefix(version, "go"))
	return Made{Dir: dir, Dockerfile: file, Key: key}, os.WriteFile(file, []byte(text), 0o644)
}

func hash(parts ...any) string {
	sum := sha256.New()
	fmt.Fprint(sum, parts...)
	return fmt.Sprintf("%.6x", sum.Sum(nil))
}

// once makes a folder unless it exists. Other processes never see it incomplete.
func once(dir string, write func(fresh string) error) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	fresh, err := os.MkdirTemp(filepath.Dir(dir), "golang-partial-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(fresh) }()
	if err := errors.Join(write(fresh), os.Chmod(fresh, 0o755)); err != nil {
		return err
	}
	err = os.Rename(fresh, dir)
	if _, there := os.Stat(dir); there == nil { // another run may have been faster
		return nil
	}
	return err
}

// fill writes one archive for everything that goes into a layer: it is quicker to send than thousands of files.
func fill(ctx context.Context, dir, version string) error {
	goroot, err := goEnv(ctx, "GOROOT")
	if err != nil {
		return err
	}
	settings, err := os.ReadFile(filepath.Join(goroot, "go.env"))
	if err != nil {
		return err
	}
	err = archive(filepath.Join(dir, "common.tar"), func(a *adder) error {
		a.file("etc/ssl/certs/ca-certificates.crt", 0o644, []byte("of no authority\n"))
		a.dir("go/bin/")
		a.dir("go/src/")
		return a.goroot(goroot)
	})
	err = errors.Join(err, archive(filepath.Join(dir, "compiler.tar"), func(a *adder) error {
		a.file("usr/bin/gcc", 0o755, []byte(compiler))
		return nil
	}))
	for _, platform := range strings.Split(Platforms, ",") {
		arch := strings.Split(platform, "/")[1]
		older := settings
		if arch == "arm" {
			older = append(slices.Clone(settings), "GOARM=6\n"...)
		}
		err = errors.Join(err,
			archive(filepath.Join(dir, arch+".tar"), func(a *adder) error { return a.tools(ctx, goroot, arch) }),
			archive(filepath.Join(dir, "older-"+arch+".tar"), func(a *adder) error {
				a.file("usr/local/go/go.env", 0o644, older)
				return nil
			}),
			archive(filepath.Join(dir, "differs-"+arch+".tar"), func(a *adder) error {
				a.file("usr/local/go/VERSION", 0o644, []byte(version+"-"+arch+"\n"))
				return nil
			}))
	}
	return err
}

// compiler is a stand-in for a C compiler.
const compiler = "#!/bin/sh\necho \"gcc: $*\" >&2\nexit 1\n"

// trimmed are the parts of GOROOT that a build reads.
var trimmed = []string{"VERSION", "go.env", "lib/time", "pkg/include", "src"}

func goEnv(ctx context.Context, name string) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", name).Output()
	if err != nil {
		return "", fmt.Errorf("go env %s: %w", name, err)
	}
	return strings.TrimSpace(string(out)), nil
}
