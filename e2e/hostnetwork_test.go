//go:build e2e

package e2e

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// secret is a server on the host's loopback that only its own machine may read.
func (s *story) secret() (url string) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "SECRET") }))
	s.Cleanup(server.Close)
	return server.URL + "/secret"
}

// networks returns those of the builder's containers, by their names.
func (s *story) networks() map[string]string {
	s.Helper()
	found := map[string]string{}
	for _, id := range s.containers() {
		name, network, _ := strings.Cut(s.mustDocker("inspect", "--format", "{{.Name}} {{.HostConfig.NetworkMode}}", id), " ")
		found[strings.TrimPrefix(name, "/")] = network
	}
	return found
}

func TestADockerfileGetsToTheHostsLoopbackOnlyByTheFlag(t *testing.T) {
	onEachEngine(t, func(s *story) {
		s.besideUs()
		s.ownBuilder()
		dir := s.dockerfile("FROM scratch", "ARG X=localhost:1", "ADD "+s.secret()+" /stolen")
		plain := s.build("-o", "plain", dir)
		s.equal("the status without a word about it", plain.code, 1)
		if network := s.networks()[containerOf(s.builder)]; network == "host" || network == "" || len(s.networks()) != 1 {
			s.Errorf("the builder's networks are %v", s.networks())
		}
		repo := s.repo()
		tagged := s.build("--push", "-t", repo, dir)
		s.equal("the status with a registry on loopback", tagged.code, 1)
		s.contains("the error", tagged.err, "the tag "+repo, "asks for it", "Dockerfile:3: builder ", "must not fetch http://127.0.0.1:", "--driver-opt network=host")
		s.equal("whether the tag is there", s.exists(repo, "latest"), false)
		s.equal("the host's container", s.networks()[hostContainerOf(s.builder)], "host")
		s.mustBuild("--driver-opt", "network=host", "-o", "flagged", dir)
		s.equal("what the flag gets", s.read("flagged/stolen"), "SECRET")
		s.equal("the status after that", s.build("-o", "plain", dir).code, 1)

		s.mustDocker("multiarch", "builder", "rm", s.builder)
		s.equal("the containers", s.containers(), "[]")
		s.equal("the volumes", s.mustDocker("volume", "ls", "-q", "--filter", "name="+containerOf(s.builder)), "")
	})
}

func TestBuildsWithAndWithoutTheHostsNetworkDoNotWaitForEachOther(t *testing.T) {
	onEachEngine(t, func(s *story) {
		s.ownBuilder()
		long := s.start(call{args: s.buildArgs("--push", "-t", s.repo(), s.dockerfile("FROM $BASE", "RUN sleep 3600"))})
		s.eventually("the first build runs its step", func() bool { return s.runs("sleep 3600") || !long.left() })
		s.mustBuild("-o", "out", s.dockerfile("FROM scratch", "COPY Dockerfile /"))
		s.equal("whether the first one still runs", s.runs("sleep 3600"), true)
		s.equal("the number of containers", len(s.networks()), 2)
		s.contains("the list", s.mustDocker("multiarch", "builder", "ls"), "bridge, host")
		s.mustDocker("multiarch", "builder", "stop", s.builder)
		if r := long.wait(); r.code == 0 {
			s.Errorf("the first build has ended well\n%s", r.err)
		}
		refused := s.build("-o", "out", s.dockerfile("FROM scratch", "FROM $BASE"))
		s.equal("the status of a Dockerfile that names the registry alone", refused.code, 125)
		s.contains("the error", refused.err, "Dockerfile:2: FROM "+s.base, "--driver-opt network=host")
		s.mustDocker("multiarch", "builder", "rm", s.builder)
		s.equal("the containers", s.containers(), "[]")
	})
}
