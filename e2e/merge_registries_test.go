//go:build e2e

package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker-multiarch/docker-multiarch/e2e/testenv"
)

// debianRegistry is the path of Debian's registry, an old one.
const debianRegistry = "/usr/bin/docker-registry"

// debiansRegistry starts an empty registry of Debian's for the time of the story, and returns host:port.
func (s *story) debiansRegistry() string {
	s.Helper()
	s.besideUs()
	if _, err := os.Stat(debianRegistry); err != nil {
		testenv.SkipBecause(s.T, "Debian's docker-registry is not installed: "+err.Error())
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	s.check(err)
	host := free.Addr().String()
	s.check(free.Close())
	dir := s.TempDir()
	config := filepath.Join(dir, "config.yml")
	s.write(config, fmt.Sprintf("version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\n"+
		"storage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: %q, secret: e2e}\n", filepath.Join(dir, "data"), host))
	registry := exec.Command(debianRegistry, "serve", config)
	s.check(registry.Start())
	s.Cleanup(func() {
		_ = registry.Process.Kill()
		_ = registry.Wait() // it was killed
	})
	s.eventually("Debian's registry answers", func() bool {
		resp, err := http.Get("http://" + host + "/v2/")
		return err == nil && resp.Body.Close() == nil && resp.StatusCode == http.StatusOK
	})
	return host
}

// attested pushes an image for two platforms, with attestations and nothing to run.
func (s *story) attested() (repo string) {
	s.Helper()
	repo = s.repo()
	s.mustBuild("--platform", twoPlatforms, "--provenance=mode=min", "--push", "-t", repo+":1",
		s.dockerfile("FROM scratch", "ARG TARGETPLATFORM", "COPY <<EOF /unique", "$TARGETPLATFORM "+random(), "EOF"))
	return repo
}

// listsAreMade merges images of another registry, lists the same by hand, and inspects and pulls both. plain is where the
// repository is read without TLS and logins.
func (s *story) listsAreMade(from, repo, plain string) {
	s.Helper()
	expect := []string{"--expect", twoPlatforms}
	merge := append([]string{"multiarch", "manifest", "merge", "-q", "-t", repo + ":merged"}, expect...)
	s.equal("what merge prints", s.mustDocker(append(merge, from+":1")...), repo+"@"+s.remote(plain, "merged").digest)
	source, merged := s.remote(from, "1"), s.remote(plain, "merged")
	s.equal("the platforms", merged.platforms(), []string{"linux/amd64", "linux/arm64", "unknown/unknown", "unknown/unknown"})
	s.equal("the images and attestations", digests(merged), digests(source))
	s.refused(s.docker("multiarch", "manifest", "merge", "-t", repo+":none", "--expect", "linux/amd64", from+":1"), 1, "not expected: linux/arm64")
	s.equal("whether a refused merge has made its tag", s.exists(plain, "none"), false)

	create := []string{"multiarch", "manifest", "create", repo + ":list"}
	for _, m := range merged.Manifests[:2] {
		create = append(create, repo+"@"+m.Digest)
	}
	s.mustDocker(create...)
	pushed := s.mustDocker("multiarch", "manifest", "push", "-p", repo+":list")
	list := s.remote(plain, "list")
	s.equal("what push prints", pushed, list.digest)
	s.equal("the list", list.platforms(), []string{"linux/amd64", "linux/arm64"})

	for tag, index := range map[string]remote{"merged": merged, "list": list} {
		name := repo + ":" + tag
		s.contains("verify "+tag, s.mustDocker(append(append([]string{"multiarch", "verify"}, expect...), name)...), "is whole", "linux/amd64, linux/arm64")
		s.contains("inspect "+tag, s.mustDocker("multiarch", "inspect", name), index.digest, "linux/arm64", index.Manifests[1].Digest)
		s.Cleanup(func() { s.docker("rmi", "-f", name) })
		pull := s.run(call{args: []string{"pull", name}, env: []string{"DOCKER_API_VERSION=1.41"}})
		s.equal("the status of an old client's pull of "+tag, pull.code, 0)
		s.contains("an old client's pull of "+tag, pull.out+pull.err, "Digest: "+index.digest)
	}
}

// digests returns those of an index, sorted.
func digests(r remote) (list []string) {
	for _, m := range r.Manifests {
		list = append(list, m.Digest)
	}
	slices.Sort(list)
	return list
}

func TestListsAreMadeInDebiansRegistry(t *testing.T) {
	onEachEngine(t, func(s *story) {
		repo := s.debiansRegistry() + "/e2e/" + random()
		s.listsAreMade(s.attested(), repo, repo)
	})
}

func TestListsAreMergedIntoRegistriesWithALogin(t *testing.T) {
	onEachEngine(t, func(s *story) {
		from := s.attested()
		for scheme, handler := range s.logins() {
			s.Log(scheme)
			host := s.serve(handler)
			repo := host + "/e2e/" + random()
			s.refused(s.docker("multiarch", "manifest", "merge", "-t", repo+":1", from+":1"), 1, "docker login "+host)
			s.logIn(host)
			s.listsAreMade(from, repo, s.behind(repo))
		}
	})
}

// secure serves the environment's registry by TLS, with a certificate of its own authority only.
func (s *story) secure(listener net.Listener) (host, authority string) {
	s.Helper()
	s.besideUs()
	address, _ := listener.Addr().(*net.TCPAddr)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	s.check(err)
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "e2e"}, IPAddresses: []net.IP{address.IP},
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	signed, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	s.check(err)
	server := httptest.NewUnstartedServer(s.backend())
	s.check(server.Listener.Close())
	server.Listener = listener
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // from clients that detect the scheme
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{signed}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	s.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return address.String(), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signed}))
}

// beyondLoopback listens at an address of this machine that is not the loopback interface's: engines and ours trust loopback
// anyway.
func (s *story) beyondLoopback() net.Listener {
	s.Helper()
	addresses, err := net.InterfaceAddrs()
	s.check(err)
	for _, a := range addresses {
		if at, ok := a.(*net.IPNet); ok && at.IP.To4() != nil && !at.IP.IsLoopback() {
			if listener, err := net.Listen("tcp", net.JoinHostPort(at.IP.String(), "0")); err == nil {
				return listener
			}
		}
	}
	testenv.SkipBecause(s.T, "this machine has the loopback interface only")
	return nil
}

func TestListsAreMergedIntoARegistryWithTLS(t *testing.T) {
	onEachEngine(t, func(s *story) {
		loopback, err := net.Listen("tcp", "127.0.0.1:0")
		s.check(err)
		host, _ := s.secure(loopback)
		repo := host + "/e2e/" + random()
		s.listsAreMade(s.attested(), repo, s.behind(repo))
	})
}

func TestAMergeTrustsACertificateOfCertsDOrNoneAtAllWhenInsecure(t *testing.T) {
	onEachEngine(t, func(s *story) {
		host, authority := s.secure(s.beyondLoopback())
		plain := s.repo()
		repo := host + strings.TrimPrefix(plain, s.registry)
		s.copyOf("arm64", plain+":arm64")
		r := s.noEngine("manifest", "merge", "-t", repo+":1", repo+":arm64")
		s.refused(r, 1, host, "unknown authority", "certs.d")
		s.equal("whether the tag is there", s.exists(plain, "1"), false)
		s.mustLook("manifest", "merge", "--insecure", "-t", repo+":1", repo+":arm64")
		certs := filepath.Join(s.home, ".docker", "certs.d", host)
		s.check(os.MkdirAll(certs, 0o755))
		s.write(filepath.Join(certs, "ca.crt"), authority)
		s.mustLook("manifest", "merge", "-t", repo+":2", repo+":arm64")
		s.equal("the insecure merge", s.remote(plain, "1").digest, s.remote(plain, "2").digest)
		s.contains("verify", s.mustLook("verify", "--expect", "linux/arm64", repo+":2"), "is whole")
		s.contains("inspect", s.mustLook("inspect", repo+":2"), s.remote(plain, "2").digest)
	})
}
