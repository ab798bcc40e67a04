//go:build e2e

package e2e

import (
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// debianRegistry is where Debian puts its registry, an old one.
const debianRegistry = "/usr/bin/docker-registry"

// debiansRegistry starts a registry of Debian's with nothing in it, for the time of the story, and gives host:port.
func (s *story) debiansRegistry() string {
	s.Helper()
	s.besideUs()
	if _, err := os.Stat(debianRegistry); err != nil {
		lacking(s.T, "Debian's docker-registry is not installed: "+err.Error())
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

// listsAreMade merges what another registry has, lists the same by hand, and has both looked at and pulled. plain is where the
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

// digests are those of an index, sorted.
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

func TestListsAreMergedIntoARegistryWithACertificateOfItsOwn(t *testing.T) {
	onEachEngine(t, func(s *story) {
		s.besideUs()
		secure := httptest.NewTLSServer(s.backend())
		s.Cleanup(func() {
			secure.CloseClientConnections()
			secure.Close()
		})
		host := secure.Listener.Addr().String()
		from, repo := s.attested(), host+"/e2e/"+random()
		s.listsAreMade(from, repo, s.behind(repo)) // the engine trusts all of this machine's registries

		// Without an engine nothing is known of insecure registries.
		r := s.noEngine("manifest", "merge", "-t", repo+":2", repo+":merged")
		s.equal("the status for an unknown certificate", r.code != 0, true)
		s.contains("what it says", r.err, host, "certs.d")
		s.equal("whether the tag is there", s.exists(s.behind(repo), "2"), false)
		s.mustLook("manifest", "merge", "--insecure", "-t", repo+":2", repo+":merged")
		s.equal("the insecure merge", s.remote(s.behind(repo), "2").digest, s.remote(s.behind(repo), "merged").digest)
		certs := filepath.Join(s.home, ".docker", "certs.d", host)
		s.check(os.MkdirAll(certs, 0o755))
		s.write(filepath.Join(certs, "ca.crt"), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw})))
		s.mustLook("manifest", "merge", "-t", repo+":3", repo+":merged")
		s.contains("verify", s.mustLook("verify", repo+":3"), "is whole")
	})
}
