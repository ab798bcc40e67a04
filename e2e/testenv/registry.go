package testenv

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Registry is a registry with a storage of its own, that runs the program of the one of e2e/env.
type Registry struct {
	dir  string // see NewDir
	host string
	cmd  *exec.Cmd
}

// NewRegistry starts a registry on loopback, and returns when it answers.
func NewRegistry() (*Registry, error) {
	program, env, err := programOf("registry")
	if err != nil {
		return nil, fmt.Errorf("e2e/env has not started a registry: %w", err)
	}
	dir, err := NewDir()
	if err != nil {
		return nil, err
	}
	r := &Registry{dir: dir, cmd: exec.Command(program, "serve", filepath.Join(dir, "config.yml"))}
	r.cmd.Env = env
	if err = r.configure(); err == nil {
		err = start(r.cmd, dir)
	}
	if err == nil {
		err = await(r.answers)
	}
	if err != nil {
		defer r.Stop()
		return nil, fmt.Errorf("start a registry: %w\n%s", err, logIn(dir))
	}
	return r, nil
}

func (r *Registry) configure() error {
	l, err := net.Listen("tcp", "127.0.0.1:0") // a port that is free
	if err != nil {
		return err
	}
	r.host = l.Addr().String()
	if err := l.Close(); err != nil {
		return err
	}
	config := fmt.Sprintf("version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\nstorage:\n  filesystem: {rootdirectory: %s}\n"+
		"  delete: {enabled: true}\nhttp: {addr: %q, secret: docker-multiarch}\n", filepath.Join(r.dir, "data"), r.host)
	return os.WriteFile(filepath.Join(r.dir, "config.yml"), []byte(config), 0o600)
}

func (r *Registry) answers() error {
	c, err := net.Dial("tcp", r.host)
	if err != nil {
		return err
	}
	return c.Close()
}

// Host is its name in references: HOST:PORT.
func (r *Registry) Host() string { return r.host }

// Stop ends it, and removes what it has.
func (r *Registry) Stop() {
	if r.cmd.Process != nil {
		_ = r.cmd.Process.Kill() // it has ended, maybe; its status is of no interest, nor is a folder that cannot be removed
		_ = r.cmd.Wait()
	}
	_ = os.RemoveAll(r.dir)
}

// programOf returns a program that e2e/env has started, and its environment, in which PATH has its other programs.
func programOf(name string) (program string, env []string, err error) {
	pid, err := os.ReadFile(filepath.Join(state(), "run", name+".pid"))
	if err != nil {
		return "", nil, err
	}
	proc := filepath.Join("/proc", strings.TrimSpace(string(pid)))
	if program, err = os.Readlink(filepath.Join(proc, "exe")); err != nil {
		return "", nil, err
	}
	text, err := os.ReadFile(filepath.Join(proc, "environ"))
	return program, strings.Split(strings.TrimRight(string(text), "\x00"), "\x00"), err
}
