//go:build linux

package emulation

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/engine"
)

// privateKernel is a user and mount namespace with its own list of handlers, empty at first: the
// machine's list is not changed. Its root holds the machine's /usr under a temporary layer.
type privateKernel struct {
	pid  int
	root string
}

// setup runs in the namespace, then waits for the end of its input.
const setup = `set -e
mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
mount -t tmpfs tmpfs "$1"
cd "$1"
mkdir -p upper work root/usr root/proc root/dev root/tmp root/host/usr
for l in bin sbin lib lib64; do [ ! -L /$l ] || cp -P /$l root; done
mount -t overlay -o userxattr,lowerdir=/usr,upperdir="$1/upper",workdir="$1/work" overlay root/usr
mount --rbind /proc root/proc
mount --rbind /dev root/dev
mount --bind /usr root/host/usr
echo ready
cat`

func newPrivateKernel(t *testing.T) privateKernel {
	t.Helper()
	for _, tool := range []string{"unshare", "nsenter", "chroot", "mount"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(err)
		}
	}
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "unshare", "-Urm", "--propagation", "private", "/bin/sh", "-c", setup, "sh", dir)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Skip("no user namespaces here: ", err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	t.Cleanup(func() {
		in.Close()
		cmd.Wait()
	})
	if line != "ready\n" {
		in.Close()
		cmd.Wait()
		t.Skip("no binfmt_misc of our own here (it needs kernel 6.7 and user namespaces): ", said.String())
	}
	return privateKernel{pid: cmd.Process.Pid, root: filepath.Join(dir, "root")}
}

func (k privateKernel) sh(ctx context.Context, script string) engine.RunResult {
	cmd := exec.CommandContext(ctx, "nsenter", "--preserve-credentials", "-U", "-m", "-t", fmt.Sprint(k.pid),
		"chroot", k.root, "/bin/sh", "-c", script)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	err := cmd.Run()
	res := engine.RunResult{Stdout: out.Bytes(), Stderr: said.Bytes()}
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		res.ExitCode = exit.ExitCode()
	case err != nil:
		res.ExitCode = -1
		res.Stderr = append(res.Stderr, err.Error()...)
	}
	return res
}

func (k privateKernel) Run(ctx context.Context, spec engine.RunSpec) (engine.RunResult, error) {
	return k.sh(ctx, spec.Entrypoint[2]), nil
}
func (privateKernel) Verified(context.Context, string) (string, error) { return "", nil }
func (privateKernel) Pull(context.Context, string, string, func(string)) error {
	return errors.New("there is no registry")
}

// must runs a script that has to succeed.
func (k privateKernel) must(t *testing.T, script string) string {
	t.Helper()
	res := k.sh(t.Context(), script)
	if res.ExitCode != 0 {
		t.Fatalf("%s\nexit status %d: %s", script, res.ExitCode, res.Stderr)
	}
	return string(res.Stdout)
}

// register adds a handler of this package for an architecture.
func (k privateKernel) register(t *testing.T, arch, interpreter, flags string) {
	t.Helper()
	a, _ := Lookup(arch)
	k.must(t, fmt.Sprintf("printf %%s '%s' >%s/register", a.Registration(interpreter, flags), binfmtDir))
}

// drop removes every handler.
func (k privateKernel) drop(t *testing.T) {
	t.Helper()
	k.must(t, "echo -1 >"+binfmtDir+"/status")
}

func (k privateKernel) probe(t *testing.T, archs ...string) Status {
	t.Helper()
	st, err := Probe(t.Context(), ContainerShell{Runner: k}, plat(archs...)...)
	if err != nil {
		t.Fatal(err)
	}
	return st
}
