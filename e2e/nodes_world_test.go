//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/docker-multiarch/docker-multiarch/e2e/testenv"
)

// The two bare nodes that most stories with several nodes share. They are BuildKits of this machine that no engine has started.
var bareNodes struct {
	sync.Mutex
	daemons map[string]*testenv.Daemon
}

// stopBareNodes ends those that stories have started.
func stopBareNodes() {
	for _, d := range bareNodes.daemons {
		d.Stop()
	}
}

// bareUnix is the shared node on a socket, of this machine's own platform.
func (s *story) bareUnix() *testenv.Daemon {
	s.Helper()
	return s.sharedNode("unix", func(*testenv.Daemon) {})
}

// bareArm is the shared node that says it is of linux/arm64, and which lets in who has the certificate. Its steps run by the handler of
// this machine's kernel.
func (s *story) bareArm() *testenv.Daemon {
	s.Helper()
	return s.sharedNode("arm", func(d *testenv.Daemon) { s.beArm(d); s.beSecure(d) })
}

func (s *story) sharedNode(name string, set func(*testenv.Daemon)) *testenv.Daemon {
	s.Helper()
	bareNodes.Lock()
	defer bareNodes.Unlock()
	if d := bareNodes.daemons[name]; d != nil {
		return d
	}
	d := s.newNode(set)
	if bareNodes.daemons == nil {
		bareNodes.daemons = map[string]*testenv.Daemon{}
	}
	bareNodes.daemons[name] = d
	return d
}

// ownNode starts a bare node that ends with the story; set changes how it is before.
func (s *story) ownNode(set func(*testenv.Daemon)) *testenv.Daemon {
	s.Helper()
	d := s.newNode(set)
	s.Cleanup(func() {
		if s.Failed() {
			s.Logf("the node at %s said:\n%s", d.Address(), d.Log())
		}
		d.Stop()
	})
	return d
}

func (s *story) newNode(set func(*testenv.Daemon)) *testenv.Daemon {
	s.Helper()
	s.besideUs()
	dir, err := testenv.NewDir()
	s.check(err)
	d := &testenv.Daemon{Program: testenv.Buildkitd(s.T), Dir: dir}
	set(d)
	s.check(d.Start())
	s.check(d.Wait())
	return d
}

func (s *story) beArm(d *testenv.Daemon) {
	s.Helper()
	d.Platforms = []string{"linux/arm64"}
	s.emulatesArm()
}

func (s *story) beSecure(d *testenv.Daemon) {
	s.Helper()
	d.Port, d.TLS = freePort(s), need(s.T, "MULTIARCH_E2E_TLS")
}

func (s *story) beTCP(d *testenv.Daemon) {
	s.Helper()
	d.Port = freePort(s)
}

// freePort returns one of loopback that nothing listens at.
func freePort(s *story) int {
	s.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	s.check(err)
	s.check(listener.Close())
	return listener.Addr().(*net.TCPAddr).Port
}

var armOnce sync.Once

// emulatesArm sees to it that the kernel has a handler for linux/arm64.
func (s *story) emulatesArm() {
	s.Helper()
	armOnce.Do(func() { s.mustDocker("multiarch", "emulators", "install", "linux/arm64") })
}

// tls is the path of a file of e2e/env's certificates.
func (s *story) tls(name string) string {
	s.Helper()
	return filepath.Join(need(s.T, "MULTIARCH_E2E_TLS"), name)
}

// optionsOf returns the words of builder create for a remote node: how a secure one is spoken to, and where it is.
func (s *story) optionsOf(d *testenv.Daemon) []string {
	s.Helper()
	if d.TLS == "" {
		return []string{d.Address()}
	}
	return []string{"--driver-opt", "cacert=" + s.tls("ca.pem") + ",cert=" + s.tls("cert.pem") + ",key=" + s.tls("key.pem"), d.Address()}
}

// contexts gives the story contexts of Docker, of which the first is the current one: near is the story's engine, far the engine of the
// other kind by SSH, and secure the story's engine by TCP with certificates.
func (s *story) contexts() {
	s.Helper()
	s.besideUs()
	bin := need(s.T, "MULTIARCH_E2E_SSH")
	s.env = append(s.env, "PATH="+bin+":"+os.Getenv("PATH"), "DOCKER_HOST=")
	s.mustDocker("context", "create", "near", "--docker", "host="+s.host)
	s.mustDocker("context", "create", "far", "--docker", "host="+s.farHost())
	s.mustDocker("context", "create", "secure", "--docker", "host="+need(s.T, s.variable()+"_TLS")+",ca="+s.tls("ca.pem")+",cert="+s.tls("cert.pem")+",key="+s.tls("key.pem"))
	s.mustDocker("context", "use", "near")
}

// variable is that of the story's engine.
func (s *story) variable() string {
	for _, kind := range engineKinds {
		if testenv.Setting(kind.variable) == s.host {
			return kind.variable
		}
	}
	return ""
}

// other is the address of the engine of the other kind.
func (s *story) other() string {
	s.Helper()
	for _, kind := range engineKinds {
		if kind.variable != s.variable() {
			return need(s.T, kind.variable)
		}
	}
	return ""
}

// farHost is the engine of the other kind by SSH. A login there finds one of them without a path.
func (s *story) farHost() string {
	s.Helper()
	if s.other() == need(s.T, "MULTIARCH_E2E_CONTAINERD") {
		return "ssh://elsewhere"
	}
	return "ssh://elsewhere" + strings.TrimPrefix(s.other(), "unix://")
}

// sshServer is the address of the server that farHost is behind.
func (s *story) sshServer() string {
	s.Helper()
	port, err := os.ReadFile(filepath.Join(need(s.T, "MULTIARCH_E2E_SSH"), "..", "port"))
	s.check(err)
	return "tcp://127.0.0.1:" + strings.TrimSpace(string(port))
}

// farm is a builder of several nodes in a story's home.
func (s *story) farm() {
	s.builder, s.nodes = "e2e-"+random(), 0
	name := s.builder
	s.Cleanup(func() {
		for _, host := range []string{s.host, s.other()} {
			removeNodes(host, name)
		}
	})
}

// removeNodes removes all containers and volumes of a builder's nodes from an engine, by the engine's own means.
func removeNodes(host, name string) {
	removeBuilder(host, name)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	out, _ := exec.CommandContext(ctx, "docker", "-H", host, "volume", "ls", "-q", "--filter", "name="+name).Output()
	for _, volume := range strings.Fields(string(out)) {
		_ = exec.CommandContext(ctx, "docker", "-H", host, "volume", "rm", "-f", volume).Run() // best effort
	}
}

// node adds a node to the story's builder, which the first one makes.
func (s *story) node(name string, words ...string) {
	s.Helper()
	r := s.addNode(name, words...)
	if r.code != 0 {
		s.Fatalf("node %s: status %d\n%s%s", name, r.code, r.out, r.err)
	}
}

func (s *story) addNode(name string, words ...string) result {
	s.Helper()
	args := []string{"multiarch", "builder", "create", "--name", s.builder, "--node", name}
	if s.nodes++; s.nodes > 1 {
		args = append(args, "--append")
	}
	return s.docker(append(args, words...)...)
}

// containerNode adds a node in a container of the engine of a context. The base images are on loopback.
func (s *story) containerNode(name, dockerContext string, words ...string) {
	s.Helper()
	s.node(name, append(append([]string{"--driver", "docker-container", "--driver-opt", "network=host"}, words...), dockerContext)...)
}

// remoteDriver has the words for the driver of a bare node. The base images are on loopback here, too.
func remoteDriver() []string { return []string{"--driver", "remote", "--driver-opt", "network=host"} }

func (s *story) remoteNode(name string, d *testenv.Daemon, words ...string) {
	s.Helper()
	s.node(name, append(append(remoteDriver(), words...), s.optionsOf(d)...)...)
}

// whereText is a stage that notes on which node it ran: where the node keeps its files, as its steps see it. It runs once a node, also in
// builds whose images need no step on their own platform.
const whereText = "FROM --platform=$BUILDPLATFORM $BASE AS where\nRUN awk '$5 == \"/\"' /proc/self/mountinfo >/where\n"

// where is a context whose images are nothing but that.
func (s *story) where() string {
	return s.dockerfile(whereText+"FROM scratch", "ARG MARK="+random(), "COPY --from=where /where /")
}

// isOn reports whether a text of that stage is from a node: its folder is in it.
func isOn(text string, d *testenv.Daemon) bool {
	return regexp.MustCompile(regexp.QuoteMeta(d.Dir) + `\b`).MatchString(text)
}

// unreachable is an address where nothing listens.
func (s *story) unreachable() string { return fmt.Sprintf("tcp://127.0.0.1:%d", freePort(s)) }

// silent is an address that takes connections and never answers.
func (s *story) silent() string {
	s.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	s.check(err)
	s.Cleanup(func() { _ = listener.Close() })
	return "tcp://" + listener.Addr().String()
}

// stops stops a node's process until the story's end, as a machine that hangs does.
func (s *story) stops(d *testenv.Daemon) {
	s.Helper()
	s.check(d.Signal(syscall.SIGSTOP))
	s.Cleanup(func() { _ = d.Signal(syscall.SIGCONT) }) // it may have ended
}

// builtOn is the part of --metadata-file about platforms and nodes.
type builtOn struct {
	Digest    string `json:"containerimage.digest"`
	Multiarch struct {
		Platforms []struct {
			Platform, Manifest, Node, Mode, Error string
		}
	}
}
