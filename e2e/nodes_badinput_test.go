//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/e2e/testenv"
)

func TestBadNodesAreRefusedInWords(t *testing.T) {
	s := besideOn(t)
	arm := s.bareArm()
	ca, cert, key := s.tls("ca.pem"), s.tls("cert.pem"), s.tls("key.pem")
	broken, unreadable := filepath.Join(s.dir, "broken.pem"), filepath.Join(s.dir, "folder.pem")
	s.write(broken, "no certificate\n")
	s.check(os.Mkdir(unreadable, 0o755))
	other := s.ownNode(func(d *testenv.Daemon) { s.beSecure(d); d.Server = "elsewhere" })
	old := s.serve(nil) // speaks HTTP and no BuildKit
	with := func(words ...string) []string { return append(remoteDriver(), words...) }
	withTLS := func(ca, cert, key, address string) []string {
		return with("--driver-opt", fmt.Sprintf("cacert=%s,cert=%s,key=%s", ca, cert, key), address)
	}
	for _, c := range []struct {
		what  string
		words []string // of builder create
		says  []string
	}{
		{"an unknown driver", []string{"--driver", "remot", arm.Address()}, []string{"remot", "remote"}},
		{"an unknown option", with("--driver-opt", "cacrt="+ca, arm.Address()), []string{"cacrt", "cacert"}},
		{"an option of another driver", with("--driver-opt", "memory=1g", arm.Address()), []string{"memory", "servername"}},
		{"a config", with("--buildkitd-config", broken, arm.Address()), []string{"broken.pem"}},
		{"flags", with("--buildkitd-flags", "--debug", arm.Address()), []string{"remote"}},
		{"no address", remoteDriver(), []string{"remote"}},
		{"an unknown scheme", with("htp://127.0.0.1:1"), []string{"htp"}},
		{"a file that is missing", withTLS(filepath.Join(s.dir, "none.pem"), cert, key, arm.Address()), []string{"none.pem"}},
		{"a file that cannot be read", withTLS(unreadable, cert, key, arm.Address()), []string{"folder.pem"}},
		{"a file that is none", withTLS(broken, cert, key, arm.Address()), []string{"broken.pem"}},
		{"a key of another certificate", withTLS(ca, cert, s.tls("stranger-key.pem"), arm.Address()), []string{"cert.pem", "stranger-key.pem"}},
		{"a certificate without its key", with("--driver-opt", "cacert="+ca+",cert="+cert, arm.Address()), []string{"key"}},
		{"another authority", withTLS(s.tls("stranger-ca.pem"), cert, key, arm.Address()), []string{"only", "certificate"}},
		{"a client that is not known", withTLS(ca, s.tls("stranger.pem"), s.tls("stranger-key.pem"), arm.Address()), []string{"only", "certificate"}},
		{"no certificates", with(arm.Address()), []string{"only", "expects TLS"}},
		{"a certificate of another host", withTLS(ca, cert, key, other.Address()), []string{"only", "127.0.0.1"}},
		{"a name that does not resolve", with("tcp://no-such-host.invalid:1234"), []string{"no-such-host.invalid"}},
		{"a node that speaks no BuildKit", with("tcp://" + old), []string{"only", old}},
		{"a context that is not there", []string{"--driver", "docker-container", "nowhere"}, []string{"nowhere"}},
		{"a socket that is not there", with("unix:///nowhere/sock"), []string{"/nowhere/sock"}},
		{"an SSH host that is not there", with("ssh://nobody-knows.invalid"), []string{"nobody-knows.invalid"}},
	} {
		t.Run(c.what, func(t *testing.T) {
			s := s.in(t)
			s.farm()
			r := s.addNode("only", c.words...)
			if r.code == 0 { // what it is shows when it is spoken to
				r = s.build("-o", "out", s.where())
			}
			if r.code == 0 {
				s.Fatal("it was taken")
			}
			if r.took > soon {
				s.Errorf("it took %s", r.took)
			}
			s.contains("the error", r.err, c.says...)
			s.lacks("the error", r.err, "panic", "rpc error")
		})
	}
}

func TestANodeWithoutAnEngineSaysWhatToRunOnItsHost(t *testing.T) {
	s := besideOn(t)
	unix := s.bareUnix()
	s.remoteNode("only", unix)
	const foreign = "linux/mips64le" // no story installs its emulator
	r := s.build("--platform", foreign, "-o", "out", s.dockerfile("FROM $BASE", "RUN true"))
	s.refused(r, 1, "node only ("+unix.Address()+") cannot run programs for "+foreign,
		"on the host of node only ("+unix.Address()+"), run `docker run --privileged", "--install mips64le`", "qemu-user-static")
	r = s.docker("multiarch", "emulators", "status", "--builder", s.builder, foreign)
	s.equal("the exit status of emulators status", r.code, 1)
	s.contains("its hint", r.err, "install --builder "+s.builder)
	s.contains("the status", r.out, "Node only at "+unix.Address(), foreign, "none")
	r = s.docker("multiarch", "emulators", "install", "--builder", s.builder, foreign)
	s.refused(r, 1, "on the machine of "+unix.Address(), "--install mips64le`", "qemu-user-static")
}

func TestBadBuildersAreRefusedAndNothingIsLost(t *testing.T) {
	s := besideOn(t)
	s.remoteNode("first", s.bareUnix(), "--platform", "linux/amd64")
	s.refused(s.docker("multiarch", "builder", "create", "--name", s.builder, "--leave", "--node", "none"), 1, "none", "first")
	s.refused(s.docker("multiarch", "builder", "create", "--name", "e2e-none", "--leave", "--node", "none"), 1, "e2e-none")
	s.refused(s.addNode("first", append(remoteDriver(), s.unreachable())...), 1, "first", "exists")

	file := filepath.Join(s.home, ".docker", "multiarch", "builders.json")
	text := s.read(file)
	s.write(file, text[:len(text)/2])
	s.refused(s.build("-o", "out", s.where()), 1, file)
	r := s.addNode("third", "--driver", "remote", "tcp://127.0.0.1:1")
	kept := ""
	for _, name := range s.entries(filepath.Dir(file)) {
		if data := s.read(filepath.Join(filepath.Dir(file), name)); data == text[:len(text)/2] {
			kept = name
		}
	}
	if kept == "" {
		s.Errorf("the broken file is lost, after %d %s", r.code, r.err)
	}
	s.write(file, text)
	s.makes(s.bareUnix())
}
