package testenv

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Engine is a Docker Engine that a test has to itself. It runs the programs of an engine of e2e/env, and keeps images, containers and
// volumes on a file system in memory, which can be filled.
type Engine struct {
	dir     string // see NewDir
	bridge  string
	cgroup  string
	program string
	env     []string

	cmd *exec.Cmd
}

// ErrNoEngine means that the engines of the tests are none of e2e/env, so that their programs cannot be run.
var ErrNoEngine = errors.New("e2e/env has not started an engine")

// NewEngine starts an engine of a kind of e2e/env, with so many bytes for everything that it keeps, and returns when it answers.
func NewEngine(kind string, size int64) (*Engine, error) {
	program, env, err := programOf(kind)
	if err != nil {
		return nil, fmt.Errorf("%w of the kind %s: %w", ErrNoEngine, kind, err)
	}
	dir, err := NewDir()
	if err != nil {
		return nil, err
	}
	id := make([]byte, 4)
	_, _ = rand.Read(id) // never fails: see its documentation
	// e2e/env/down.sh removes what has these names.
	e := &Engine{dir: dir, bridge: fmt.Sprintf("dma%x", id), cgroup: fmt.Sprintf("%s-own-%x", filepath.Base(state()), id), program: program, env: env}
	if err = e.prepare(kind, size); err == nil {
		err = e.Start()
	}
	if err != nil {
		e.Stop()
		return nil, err
	}
	return e, nil
}

// prepare makes what the engine finds when it starts.
func (e *Engine) prepare(kind string, size int64) error {
	config, err := json.Marshal(map[string]any{
		"hosts": []string{e.Host()}, "pidfile": filepath.Join(e.dir, "pid"), "data-root": e.data(), "exec-root": filepath.Join(e.dir, "exec"),
		"bridge": e.bridge, "cgroup-parent": "/" + e.cgroup, "iptables": false, "ip6tables": false, "log-level": "error",
		"features": map[string]bool{"containerd-snapshotter": kind == "containerd"},
	})
	if err == nil {
		err = errors.Join(os.WriteFile(filepath.Join(e.dir, "daemon.json"), config, 0o600), os.Mkdir(e.data(), 0o711))
	}
	if err == nil {
		err = syscall.Mount("tmpfs", e.data(), "tmpfs", 0, fmt.Sprintf("size=%d", size))
	}
	if err != nil {
		return err
	}
	if out, err := exec.Command("ip", "link", "add", e.bridge, "type", "bridge").CombinedOutput(); err != nil {
		return fmt.Errorf("make the bridge %s: %w\n%s", e.bridge, err, out)
	}
	return nil
}

func (e *Engine) data() string { return filepath.Join(e.dir, "data") }

func (e *Engine) socket() string { return filepath.Join(e.dir, "docker.sock") }

// Host is its address.
func (e *Engine) Host() string { return "unix://" + e.socket() }

// Log returns what it has said.
func (e *Engine) Log() string { return logIn(e.dir) }

// Start starts it, again too, unless it runs, and returns when it answers.
func (e *Engine) Start() error {
	if e.cmd != nil && e.cmd.ProcessState == nil {
		return nil
	}
	e.cmd = exec.Command(e.program, "--config-file", filepath.Join(e.dir, "daemon.json"))
	e.cmd.Env = e.env
	if err := start(e.cmd, e.dir); err != nil {
		return err
	}
	if err := await(e.answers); err != nil {
		return fmt.Errorf("the engine at %s does not answer: %w\n%s", e.Host(), err, e.Log())
	}
	return nil
}

func (e *Engine) answers() error {
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(context.Context, string, string) (net.Conn, error) { return net.Dial("unix", e.socket()) },
	}}
	resp, err := client.Get("http://engine/_ping")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	return nil
}

// Kill ends the engine's process by SIGKILL, and with it its containerd. Containers keep running until the engine starts again.
func (e *Engine) Kill() error {
	_ = e.cmd.Process.Kill() // its error is that it has ended, and that of the next that it was killed
	_ = e.cmd.Wait()
	// The next engine would take over a containerd with that number for as long as init has not collected its status.
	return os.RemoveAll(filepath.Join(e.dir, "exec", "containerd", "containerd.pid"))
}

// Crash ends the engine and everything that runs on it by SIGKILL, as the end of its machine would.
func (e *Engine) Crash() error {
	if err := e.Kill(); err != nil {
		return err
	}
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		pids := e.processes()
		if len(pids) == 0 {
			return nil
		}
		for _, pid := range pids {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended
		}
	}
	return errors.New("what ran on the engine does not end")
}

// Fill takes all space but so many bytes.
func (e *Engine) Fill(leave int64) error {
	var st syscall.Statfs_t
	if err := syscall.Statfs(e.data(), &st); err != nil {
		return err
	}
	f, err := os.Create(e.filler())
	if err != nil {
		return err
	}
	return errors.Join(syscall.Fallocate(int(f.Fd()), 0, 0, int64(st.Bavail)*st.Bsize-leave), f.Close())
}

// Empty gives that space back.
func (e *Engine) Empty() error { return os.Remove(e.filler()) }

func (e *Engine) filler() string { return filepath.Join(e.data(), "filler") }

// Stop ends it with everything that runs on it, and removes what it had.
func (e *Engine) Stop() {
	if e.cmd != nil {
		_ = e.Crash() // what has failed shows below, or stays
	}
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	lines := strings.Split(string(mounts), "\n")
	slices.Reverse(lines) // the innermost comes first
	for _, line := range lines {
		if words := strings.Fields(line); len(words) > 4 && strings.HasPrefix(words[4], e.dir+"/") {
			_ = syscall.Unmount(words[4], syscall.MNT_DETACH)
		}
	}
	for _, pattern := range []string{"/sys/fs/cgroup/", "/sys/fs/cgroup/*/"} {
		groups, _ := filepath.Glob(pattern + e.cgroup)
		for _, group := range groups {
			_ = exec.Command("find", group, "-depth", "-type", "d", "-exec", "rmdir", "{}", "+").Run()
		}
	}
	_ = exec.Command("ip", "link", "delete", e.bridge).Run()
	_ = os.RemoveAll(e.dir)
}

// processes returns the engine's programs and everything in its containers.
func (e *Engine) processes() (pids []int) {
	entries, _ := os.ReadDir("/proc")
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		program := strings.HasPrefix(of(pid, "comm"), "containerd") && strings.Contains(of(pid, "cmdline"), e.dir+"/")
		if program || strings.Contains(of(pid, "cgroup"), "/"+e.cgroup+"/") {
			pids = append(pids, pid)
		}
	}
	return pids
}

// of returns a file of the kernel about a process; "" if that has ended.
func of(pid int, name string) string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, name))
	return string(text)
}
