package golang

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// adder writes an archive whose bytes depend on its content alone. After its first error it does nothing, and close returns that
// error.
type adder struct {
	to  *tar.Writer
	err error
}

func archive(name string, write func(*adder) error) (err error) {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	a := &adder{to: tar.NewWriter(f)}
	if err := write(a); err != nil {
		return err
	}
	return errors.Join(a.err, a.to.Close())
}

func (a *adder) add(header tar.Header, content []byte) {
	if a.err != nil {
		return
	}
	header.Size, header.ModTime = int64(len(content)), time.Unix(0, 0)
	if a.err = a.to.WriteHeader(&header); a.err == nil {
		_, a.err = a.to.Write(content)
	}
}

func (a *adder) file(name string, mode int64, content []byte) {
	a.add(tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode}, content)
}

func (a *adder) dir(name string) {
	a.add(tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: 0o755}, nil)
}

// goroot adds the trimmed parts, without tests and the toolchain's own source.
func (a *adder) goroot(goroot string) error {
	for _, part := range trimmed {
		err := filepath.WalkDir(filepath.Join(goroot, part), func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			name, err := filepath.Rel(goroot, path)
			if err != nil {
				return err
			}
			if entry.IsDir() {
				if entry.Name() == "testdata" || name == "src/cmd" {
					return fs.SkipDir
				}
				return nil
			}
			if strings.HasSuffix(name, "_test.go") {
				return nil
			}
			data, err := os.ReadFile(path)
			a.file("usr/local/go/"+filepath.ToSlash(name), 0o644, data)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// tools adds the toolchain, compiled for a CPU, at its paths in GOROOT.
func (a *adder) tools(ctx context.Context, goroot, arch string) error {
	dir, err := os.MkdirTemp("", "golang-tools-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	args := append([]string{"build", "-trimpath", "-ldflags=-s -w", "-o", dir + "/"}, tools...)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = filepath.Join(goroot, "src")
	cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off", "GOTOOLCHAIN=local", "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("the Go toolchain for %s: %w\n%s", arch, err, out)
	}
	for _, tool := range tools {
		name := filepath.Base(tool)
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		place := "usr/local/go/pkg/tool/linux_" + arch + "/" + name
		if name == "go" {
			place = "usr/local/go/bin/go"
		}
		a.file(place, 0o755, data)
	}
	return nil
}
