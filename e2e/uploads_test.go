//go:build e2e

package e2e

import (
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
)

// busyFor refuses everything about blobs for a time that begins with the first blob that is sent.
func busyFor(d time.Duration, refuse faultregistry.Action) faultregistry.Action {
	var began atomic.Pointer[time.Time]
	return func(w http.ResponseWriter, req *http.Request, next http.Handler) {
		if req.Method == http.MethodPut {
			now := time.Now()
			began.CompareAndSwap(nil, &now)
		}
		if at := began.Load(); at == nil || time.Since(*at) > d {
			next.ServeHTTP(w, req)
			return
		}
		refuse(w, req, next)
	}
}

// counts returns a Dockerfile whose step counts how often it runs, and one that fails unless it ran once. The commands are like no other's,
// since BuildKit runs a step once for all builds that differ only in the identifier of a cache mount.
func (s *story) counts() (steps, once string) {
	s.Helper()
	id := random()
	mount := "RUN --mount=type=cache,id=" + id + ",target=/runs "
	return s.dockerfile("FROM $BASE", mount+"echo "+id+" >>/runs/all; date +%s%N >/made"),
		s.dockerfile("FROM $BASE", mount+`test "$(cat /runs/all)" = `+id)
}

func TestAPushThatBuildKitCouldNotFinishIsMadeAgainWithoutBuildingAgain(t *testing.T) {
	t.Parallel()
	s := newStory(t, "MULTIARCH_E2E_CONTAINERD")
	rows := map[string]func(p *pushing, words ...string){}
	for _, status := range []int{http.StatusTooManyRequests, http.StatusServiceUnavailable} {
		rows[http.StatusText(status)] = func(p *pushing, words ...string) {
			p.faults.Add(faultregistry.Fault{Match: faultregistry.On("", "/blobs/"), Do: busyFor(10*time.Second, faultregistry.RetryAfter(status, "2"))})
			r := p.mustPlugin(words...)
			p.contains("what was said", r.err, http.StatusText(status)+"; pushing linux/amd64 again in 2s")
		}
	}
	s.sideBySide(4, sortedKeys(rows), func(part *story, name string) {
		for _, more := range [][]string{nil, {"--no-cache"}} {
			steps, once := part.counts()
			p := s.pushing(part.T, steps, s.backend())
			build := []string{"build", "--builder", s.builder, "--platform", "linux/amd64"}
			rows[name](p, append(append(build, more...), "--push", "--push-retry-max-wait", "1m", "-t", p.repo, steps)...)
			p.equal("whether the tag is there", p.exists(p.behind(p.repo), "latest"), true)
			p.mustPlugin(append(build, "--push", "-t", p.repo+":once", once)...)
		}
	})
}

func TestAnUploadThatHangsIsEndedAndMadeAgainOrNamed(t *testing.T) {
	t.Parallel()
	s := newStory(t, "MULTIARCH_E2E_CONTAINERD")
	rows := map[string]func(p *pushing, words []string){
		"once": func(p *pushing, words []string) {
			p.contains("what was said", p.mustPlugin(words...).err, silentUpload.sees, "; pushing linux/amd64 again in")
		},
		"always": func(p *pushing, words []string) {
			r := p.plugin(append(words, "--push-retry-max-wait", "0")...)
			p.equal("the status", r.code, 4)
			p.contains("the error", r.err, "ERROR: linux/amd64: failed to push "+p.repo+": the registry "+silentUpload.sees+" for 1m")
		},
	}
	s.sideBySide(2, sortedKeys(rows), func(part *story, name string) {
		part.ownBuilder() // what other stories do on a builder counts as a sign that an upload moves
		part.mustDocker("multiarch", "builder", "create", "--name", part.builder, "--driver-opt", "network=host")
		steps, once := part.counts()
		p := s.pushing(part.T, steps, s.backend())
		p.builder = part.builder
		times := map[string]int{"once": 1}[name] // 0: always
		p.faults.Add(faultregistry.Fault{Match: blobPut.match, Times: times, Do: faultregistry.Hang})
		build := []string{"build", "--builder", part.builder, "--platform", "linux/amd64"}
		words := append(slices.Clone(build), "--push", "-t", p.repo, steps)
		rows[name](p, words)
		p.equal("whether the tag is there", p.exists(p.behind(p.repo), "latest"), name == "once")
		p.faults.Clear()
		p.mustPlugin(words...)
		p.mustPlugin(append(build, "--push", "-t", p.repo+":once", once)...)
	})
}
