//go:build e2e

package e2e

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
)

// refusedEarly builds a context of some megabytes, and checks that it is refused in time, and before the context is sent.
func (s *story) refusedEarly(tag string, words ...string) {
	s.Helper()
	const size = 4 << 20
	s.mustBuild("--push", "-t", s.repo(), s.dockerfile("FROM scratch", "COPY Dockerfile /")) // so that there is a builder
	dir := s.folder(files{"Dockerfile": "FROM scratch\nCOPY big /\n", "big": noise(size)})
	host, sent := s.countingEngine()
	r := s.run(call{args: s.buildArgs("--platform", twoPlatforms, "--push", "-t", tag, dir), env: []string{"DOCKER_HOST=" + host}})
	s.refused(r, 1, words...)
	if n := sent(); n > size/2 {
		s.Errorf("%d bytes were sent before", n)
	}
}

// listen returns an address whose connections the function accepts.
func (s *story) listen(take func(net.Listener)) string {
	s.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	s.check(err)
	s.Cleanup(func() { _ = listener.Close() })
	take(listener)
	return listener.Addr().String()
}

func TestAnUnreachableRegistryIsAnErrorBeforeTheContextIsSent(t *testing.T) {
	onEachEngine(t, func(s *story) {
		closed := s.listen(func(l net.Listener) { _ = l.Close() })
		s.refusedEarly(closed+"/app:1", closed, "check the name")
		s.refusedEarly("registry.invalid/app:1", "registry.invalid")
	})
}

func TestARegistryThatSaysNothingIsGivenUpInTime(t *testing.T) {
	onEachEngineAlone(t, func(s *story) { // it needs most of the five seconds, so nothing else should use the machine
		silent := s.listen(func(net.Listener) {}) // connections are accepted, and nothing more
		s.refusedEarly(silent+"/app:1", silent)
	})
}

func TestARegistryThatRefusesThePushIsAnErrorBeforeTheContextIsSent(t *testing.T) {
	onEachEngine(t, func(s *story) {
		faults, host := s.front()
		faults.Add(faultregistry.Fault{Match: faultregistry.On(http.MethodPost, "/blobs/uploads/"), Do: faultregistry.Answer(403, "DENIED", "not yours")})
		s.refusedEarly(host+"/e2e/refused:1", host+"/e2e/refused", "403", "not yours")
	})
}

func TestWhenOneOfTheRegistriesRefusesNothingIsPushedToTheOther(t *testing.T) {
	onEachEngine(t, func(s *story) {
		faults, host := s.front()
		faults.Add(faultregistry.Fault{Match: faultregistry.On(http.MethodPost, "/blobs/uploads/"), Do: faultregistry.Answer(403, "DENIED", "not yours")})
		repo := s.repo()
		r := s.build("--push", "-t", repo, "-t", host+"/e2e/refused", s.dockerfile("FROM scratch", "COPY Dockerfile /"))
		s.refused(r, 1, "not yours")
		s.equal("whether the tag is there", s.exists(repo, "latest"), false)
	})
}

func TestAPushThatFailsAfterTheBuildHasAStatusOfItsOwnAndSaysWhichTagsMoved(t *testing.T) {
	onEachEngine(t, func(s *story) {
		faults, host := s.front()
		faults.Add(faultregistry.Fault{Match: faultregistry.On(http.MethodPut, "/manifests/two"), Do: faultregistry.Answer(403, "DENIED", "that tag is not yours")})
		repo := host + "/e2e/" + random()
		r := s.build("--platform", twoPlatforms, "--metadata-file", "meta", "--push", "-t", repo+":one", "-t", repo+":two", s.dockerfile("FROM scratch", "COPY Dockerfile /"))
		s.equal("the status", r.code, 4)
		s.equal("the standard output", r.out, "")
		s.contains("the error", r.err, "that tag is not yours", repo+":two")
		s.equal("whether the second tag is there", s.exists(s.behind(repo), "two"), false)
		one := s.exists(s.behind(repo), "one")
		_, after, _ := strings.Cut(r.err, "Tags that were moved before: ")
		s.equal("whether the first tag is said to have moved", strings.Contains(after, repo+":one"), one)
	})
}

func TestAConcurrentWriteOfATagIsReported(t *testing.T) {
	onEachEngine(t, func(s *story) {
		_, path, _ := strings.Cut(s.repo(), "/")
		s.mustBuild("--push", "-t", s.registry+"/"+path+":theirs", s.dockerfile("FROM scratch", "COPY Dockerfile /theirs"))
		_, theirs := s.get(s.registry+"/"+path, "manifests/theirs")
		faults, host := s.front()
		faults.Add(faultregistry.Fault{Match: faultregistry.TagPut, Do: faultregistry.Then(func(next http.Handler) {
			faultregistry.Put(next, "/v2/"+path+"/manifests/latest", ociManifest, theirs)
		})})
		r := s.build("--push", "-t", host+"/"+path, s.dockerfile("FROM scratch", "COPY Dockerfile /ours"))
		s.contains("the end", r.err, "another client", s.remote(s.registry+"/"+path, "theirs").digest)
	})
}

func TestAHiccupOfTheRegistryIsSurvived(t *testing.T) {
	onEachEngine(t, func(s *story) {
		faults, host := s.front()
		faults.Add(faultregistry.Fault{Match: faultregistry.TagPut, Times: 2, Do: faultregistry.Answer(503, "", "")})
		repo := host + "/e2e/" + random()
		s.mustBuild("--platform", twoPlatforms, "--push", "-t", repo, s.dockerfile("FROM scratch", "COPY Dockerfile /"))
		s.equal("the platforms", s.remote(s.behind(repo), "latest").platforms(), []string{"linux/amd64", "linux/arm64"})
	})
}

func TestChildrenArePushedByDigestAndTagsMoveLast(t *testing.T) {
	onEachEngine(t, func(s *story) {
		faults, host := s.front()
		repo := host + "/e2e/" + random()
		s.mustBuild("--platform", twoPlatforms, "--push", "-t", repo+":1", "-t", repo+":2", s.dockerfile("FROM scratch", "COPY Dockerfile /"))
		var order []string
		for _, request := range faults.Requests() {
			if request.Method == http.MethodPut && strings.Contains(request.Path, "/manifests/") {
				kind := "tag"
				if strings.Contains(request.Path, "sha256:") {
					kind = "digest"
				}
				order = append(order, kind)
			}
		}
		text := strings.Join(order, " ")
		if !strings.HasPrefix(text, "digest digest") || !strings.HasSuffix(text, "tag tag") || strings.Count(text, "tag") != 2 {
			s.Errorf("the manifests were written in the order %s", text)
		}
	})
}

func TestALayerThatPlatformsShareIsUploadedOnce(t *testing.T) {
	onEachEngine(t, func(s *story) {
		const size = 8 << 20
		for _, names := range [][]string{{"app"}, {"app", "copy"}} {
			line := &faultregistry.Line{Next: s.backend(), Rate: size} // a second for the layer, so that uploads would overlap
			registry := faultregistry.New(faultregistry.Exclusive(line))
			prefix := s.serve(registry) + "/e2e/" + random() + "/"
			args := []string{"--platform", three, "--push"}
			for _, name := range names {
				args = append(args, "-t", prefix+name)
			}
			s.mustBuild(append(args, s.folder(files{
				"Dockerfile": "FROM scratch\nARG TARGETARCH\nCOPY shared /\nCOPY $TARGETARCH /own\n",
				"shared":     noise(size), "amd64": noise(1000), "arm64": noise(1000), "arm": noise(1000),
			}))...)
			for _, name := range names {
				repo := s.behind(prefix + name)
				s.equal("the platforms of "+name, s.remote(repo, "latest").platforms(), []string{"linux/amd64", "linux/arm/v7", "linux/arm64"})
				first := s.image(repo, "latest", "linux/amd64").Layers
				for _, platform := range strings.Split(three, ",") {
					layers := s.image(repo, "latest", platform).Layers
					s.equal("the shared layer of "+platform, layers[0].Digest, first[0].Digest)
					s.equal("the number of layers of "+platform, len(layers), 2)
				}
			}
			if _, bytes := line.Traffic(); bytes < size || bytes > size+size/8 {
				s.Errorf("%d repositories: %d bytes were sent; the shared layer has %d", len(names), bytes, size)
			}
			for _, upload := range registry.Matching(faultregistry.On(http.MethodPut, "/blobs/uploads/")) {
				if !strings.HasSuffix(upload, " 201") {
					s.Errorf("%d repositories: %s", len(names), upload)
				}
			}
		}
	})
}

func TestABuildThatChangesNothingSendsNoMoreThanThePeer(t *testing.T) {
	onEachEngine(t, func(s *story) {
		line := &faultregistry.Line{Next: s.backend()}
		host := s.serve(line)
		_, base, _ := strings.Cut(s.base, "/")
		dir := s.folder(files{
			"Dockerfile": "FROM " + host + "/" + base + "\nCOPY shared /\nARG TARGETARCH\nRUN echo $TARGETARCH >/own\n", "shared": noise(100_000),
		})
		own, peer := "own-"+random(), "e2e-peer-"+random()
		s.peer("create", "--name", peer, "--driver-opt", "network=host")
		s.Cleanup(func() { s.peer("rm", peer) })
		for _, kind := range []struct {
			provenance string
			names      []string
		}{{"false", []string{"app"}}, {"false", []string{"app", "copy"}}, {"mode=min", []string{"app"}}, {"mode=max", []string{"app", "copy"}}} {
			args := func(who string) []string {
				list := []string{"--platform", three, "--provenance=" + kind.provenance, "--push"}
				for _, name := range kind.names {
					list = append(list, "-t", host+"/e2e/"+who+"-"+name+kind.provenance[:4]+":1")
				}
				return append(list, dir)
			}
			var requests, bytes [2]int64
			for i, build := range []func(){
				func() { s.mustBuild(append([]string{"--driver-opt", "network=host"}, args(own)...)...) },
				func() { s.peer(append([]string{"build", "--builder", peer}, args(peer)...)...) },
			} {
				build()
				line.Traffic()
				build()
				requests[i], bytes[i] = line.Traffic()
			}
			found := fmt.Sprintf("provenance %s, %d repositories: %d requests with %d bytes, the peer's %d with %d",
				kind.provenance, len(kind.names), requests[0], bytes[0], requests[1], bytes[1])
			s.Log(found)
			if requests[0] > requests[1] || bytes[0] > bytes[1] || requests[0] == 0 {
				s.Error(found)
			}
		}
	})
}
