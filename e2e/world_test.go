//go:build e2e

package e2e

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/e2e/testenv"
	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
)

func TestABaseTagThatMovesDuringTheBuildDoesNotSplitThePlatforms(t *testing.T) {
	onEachEngine(t, func(s *story) {
		_, path, _ := strings.Cut(s.repo(), "/")
		for _, version := range []string{"old", "new"} {
			s.mustBuild("--platform", three, "--push", "-t", s.registry+"/"+path+":"+version, s.dockerfile("FROM scratch", "COPY <<EOF /version", version, "EOF"))
		}
		faults, host := s.front()
		var asked atomic.Int32
		faults.Add(faultregistry.Fault{Match: faultregistry.TagRead, Do: func(w http.ResponseWriter, req *http.Request, next http.Handler) {
			version := []string{"new", "old"}[asked.Add(1)%2]
			req.URL.Path = strings.Replace(req.URL.Path, "/manifests/moving", "/manifests/"+version, 1)
			next.ServeHTTP(w, req)
		}})
		repo := s.repo()
		s.mustBuild("--platform", three, "--push", "-t", repo, s.dockerfile("FROM "+host+"/"+path+":moving", "COPY Dockerfile /"))
		if asked.Load() < 2 {
			s.Logf("the tag was asked for %d times: it had no time to move", asked.Load())
		}
		first := s.fileOf(repo, "latest", "linux/amd64", "version")
		for _, platform := range []string{"linux/arm64", "linux/arm/v7"} {
			s.equal("the base of "+platform, s.fileOf(repo, "latest", platform, "version"), first)
		}
	})
}

// interfaces returns the names in the text of /proc/net/dev.
func interfaces(text string) map[string]bool {
	names := map[string]bool{}
	for line := range strings.Lines(text) {
		if name, _, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			names[name] = true
		}
	}
	return names
}

func TestARunSeesTheHostsNetworkOnlyWhenThatIsAskedFor(t *testing.T) {
	onEachEngine(t, func(s *story) {
		host := func() map[string]bool {
			return interfaces(s.mustDocker("run", "--rm", "--network", "host", s.base, "cat", "/proc/net/dev"))
		}
		sees := func(network string) map[string]bool {
			repo := s.repo() // on the loopback interface, so the builder is on the host's network
			s.mustBuild("--no-cache", "--network", network, "--push", "-t", repo, s.dockerfile("FROM $BASE", "RUN cat /proc/net/dev >/seen"))
			return interfaces(s.fileOf(repo, "latest", "", "seen"))
		}
		s.equal("interfaces with --network default", strings.Join(sortedKeys(sees("default")), " "), "eth0 lo")
		s.equal("interfaces with --network none", strings.Join(sortedKeys(sees("none")), " "), "lo")
		// Other stories make and remove interfaces meanwhile: those that the host has before and after exist during the step.
		before, seen, after := host(), sees("host"), host()
		if len(seen) <= 2 {
			s.Errorf("--network host: a step sees %v", sortedKeys(seen))
		}
		for name := range before {
			if after[name] && !seen[name] {
				s.Errorf("--network host: a step does not see %s", name)
			}
		}
	})
}

func TestAnImageWithoutABridgeIsWarnedAbout(t *testing.T) {
	onEachEngine(t, func(s *story) {
		if s.docker("image", "inspect", "moby/buildkit:e2e-nobridge").code != 0 {
			testenv.SkipBecause(s.T, "the engine has no image moby/buildkit:e2e-nobridge")
		}
		s.ownBuilder()
		r := s.mustBuild("--builder-image", "moby/buildkit:e2e-nobridge", "--push", "-t", s.repo(), s.dockerfile("FROM scratch", "COPY Dockerfile /"))
		s.contains("the progress", r.err, "warning", "RUN steps see the host's network")
	})
}

// state describes everything in a folder: paths, contents, rights, times.
func (s *story) state(dir string) string {
	s.Helper()
	sum := sha256.New()
	s.check(filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		fmt.Fprintln(sum, path, info.Mode(), info.ModTime())
		if info.Mode().IsRegular() {
			data, err := os.ReadFile(path)
			fmt.Fprintf(sum, "%d %s\n", len(data), data)
			return err
		}
		return nil
	}))
	return fmt.Sprintf("%x", sum.Sum(nil))
}

func TestNothingInTheUsersHomeIsTouched(t *testing.T) {
	onEachEngine(t, func(s *story) {
		buildx := filepath.Join(s.home, ".docker", "buildx")
		s.check(os.MkdirAll(filepath.Join(buildx, "instances"), 0o755))
		s.write(filepath.Join(buildx, "current"), `{"Key":"`+s.host+`","Name":"mine","Global":false}`)
		s.write(filepath.Join(buildx, "instances", "mine"), `{"Name":"mine","Driver":"docker-container","Nodes":[{"Name":"mine0","Endpoint":"default"}]}`)
		s.write(filepath.Join(s.home, ".docker", "config.json"), `{"auths":{},"currentContext":"default"}`)
		before := s.state(filepath.Join(s.home, ".docker"))
		s.ownBuilder()
		s.mustBuild("--platform", twoPlatforms, "--push", "-t", s.repo(), s.dockerfile("FROM scratch", "COPY Dockerfile /"))
		s.mustDocker("multiarch", "builder", "rm", s.builder)
		if s.state(filepath.Join(s.home, ".docker")) != before {
			s.Error("the configuration has changed")
		}
		// The files that later commands may use are kept where users' programs keep their caches.
		for dir, only := range map[string][]string{"": {".cache", ".docker"}, ".cache": {"docker-multiarch"}, ".cache/docker-multiarch": {"engines", "layers", "placements", "pushes"}} {
			entries, err := os.ReadDir(filepath.Join(s.home, dir))
			s.check(err)
			var names []string
			for _, e := range entries {
				names = append(names, e.Name())
			}
			s.equal("what is in the home, in "+dir, strings.Join(names, " "), strings.Join(only, " "))
		}
	})
}

func TestDockerBuildIsUnchanged(t *testing.T) {
	onEachEngine(t, func(s *story) {
		dir := s.dockerfile("FROM $BASE", "COPY Dockerfile /")
		build := func() string {
			tag := "e2e-" + random()
			s.Cleanup(func() { s.docker("image", "rm", "-f", tag) })
			s.mustRun(call{args: []string{"build", "-q", "-t", tag, dir}, env: []string{"DOCKER_BUILDKIT=0"}})
			return s.mustDocker("image", "inspect", "--format", "{{.Id}}", tag)
		}
		before := build()
		s.mustBuild("--push", "-t", s.repo(), dir)
		s.equal("the image", build(), before)
	})
}
