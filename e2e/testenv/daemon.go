package testenv

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/moby/buildkit/client"
)

// Daemon is a buildkitd on this machine that no engine has started.
type Daemon struct {
	Program   string   // see Buildkitd
	Dir       string   // an empty folder, for its configuration, state, socket and log; see NewDir
	Port      int      // on loopback; 0: a socket in Dir
	TLS       string   // folder of the certificates of e2e/env, for a port; "": without
	Server    string   // the certificate there that it shows; "": server, which is for loopback
	Platforms []string // what its worker says that it runs; none: what it finds out
	Overlay   bool     // its snapshots share files; they are copies otherwise
	Path      string   // a folder in front of PATH; "": none

	cmd *exec.Cmd
}

// NewDir makes a folder for a Daemon. e2e/env/down.sh ends daemons whose tests were killed by the folder's path.
func NewDir() (string, error) {
	nodes := filepath.Join(state(), "nodes")
	if err := os.MkdirAll(nodes, 0o755); err != nil {
		return "", err
	}
	return os.MkdirTemp(nodes, "")
}

// Address is where clients reach it, in the words of BuildKit.
func (d *Daemon) Address() string {
	if d.Port > 0 {
		return fmt.Sprintf("tcp://127.0.0.1:%d", d.Port)
	}
	return "unix://" + filepath.Join(d.Dir, "sock")
}

// Log returns what it has said.
func (d *Daemon) Log() string { return logIn(d.Dir) }

func (d *Daemon) config() string {
	var b strings.Builder
	fmt.Fprintf(&b, "root = %q\n[otel]\nsocketPath = %q\n", filepath.Join(d.Dir, "root"), filepath.Join(d.Dir, "otel")) // all would share the default one
	fmt.Fprintf(&b, "[grpc]\naddress = [%q]\n", d.Address())
	if d.TLS != "" {
		name := filepath.Join(d.TLS, "server")
		if d.Server != "" {
			name = filepath.Join(d.TLS, d.Server)
		}
		fmt.Fprintf(&b, "[grpc.tls]\ncert = %q\nkey = %q\nca = %q\n", name+".pem", name+"-key.pem", filepath.Join(d.TLS, "ca.pem"))
	}
	b.WriteString("[worker.containerd]\nenabled = false\n[worker.oci]\nnetworkMode = \"host\"\nsnapshotter = ")
	if d.Overlay {
		b.WriteString("\"overlayfs\"\n")
	} else {
		b.WriteString("\"native\"\n")
	}
	if len(d.Platforms) > 0 {
		fmt.Fprintf(&b, "platforms = [\"%s\"]\n", strings.Join(d.Platforms, `", "`))
	}
	return b.String()
}

// Start starts it, again too, and returns at once.
func (d *Daemon) Start() error {
	config := filepath.Join(d.Dir, "buildkitd.toml")
	if err := os.WriteFile(config, []byte(d.config()), 0o600); err != nil {
		return err
	}
	d.cmd = exec.Command(d.Program, "--config", config)
	d.cmd.Env = append(os.Environ(), "PATH="+d.Path+":"+os.Getenv("PATH"))
	return start(d.cmd, d.Dir)
}

// start starts a program that writes to the log in a folder.
func start(cmd *exec.Cmd, dir string) error {
	logs, err := os.OpenFile(filepath.Join(dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer logs.Close()
	cmd.Stdout, cmd.Stderr = logs, logs
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt of the tests lets them end it
	return cmd.Start()
}

// logIn returns that log.
func logIn(dir string) string {
	text, _ := os.ReadFile(filepath.Join(dir, "log")) // for messages only
	return string(text)
}

// await returns when a program answers, and its last error if it does not within 30 seconds.
func await(answers func() error) (err error) {
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if err = answers(); err == nil {
			return nil
		}
	}
	return err
}

// Wait returns when it answers.
func (d *Daemon) Wait() error {
	if err := await(d.answers); err != nil {
		return fmt.Errorf("buildkitd at %s does not answer: %w\n%s", d.Address(), err, d.Log())
	}
	return nil
}

func (d *Daemon) answers() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	var opts []client.ClientOpt
	if d.TLS != "" {
		name := ""
		if d.Server != "" {
			name = d.Server + ".invalid"
		}
		opts = append(opts, client.WithServerConfig(name, filepath.Join(d.TLS, "ca.pem")), client.WithCredentials(filepath.Join(d.TLS, "client.pem"), filepath.Join(d.TLS, "client-key.pem")))
	}
	c, err := client.New(ctx, d.Address(), opts...)
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.ListWorkers(ctx)
	return err
}

// Signal sends it a signal: one that stops it makes it a daemon that accepts connections and never answers.
func (d *Daemon) Signal(sig syscall.Signal) error { return d.cmd.Process.Signal(sig) }

// Kill ends it as the end of its machine would, and waits for that. It may be started again.
func (d *Daemon) Kill() error {
	if err := d.cmd.Process.Kill(); err != nil {
		return err
	}
	_ = d.cmd.Wait() // its error is that it was killed
	return nil
}

// Stop ends it, kindly for 10 seconds, and removes its folder.
func (d *Daemon) Stop() {
	if d.cmd == nil || d.cmd.ProcessState != nil {
		return
	}
	_ = d.Signal(syscall.SIGCONT) // gone already, maybe; so below
	_ = d.Signal(syscall.SIGTERM)
	kill := time.AfterFunc(10*time.Second, func() { _ = d.cmd.Process.Kill() })
	defer kill.Stop()
	_ = d.cmd.Wait() // its status is of no interest, nor is a folder that cannot be removed
	_ = os.RemoveAll(d.Dir)
}
