//go:build e2e

package e2e

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
)

// tellsMachine is a context whose image prints the machine that it runs on, and has bytes of its own.
func (s *story) tellsMachine() string {
	return s.dockerfile("FROM $BASE", "COPY <<EOF /mark", random(), "EOF", `CMD ["uname","-m"]`)
}

// nothingLeft checks that tests have left neither a container nor an image of a repository's children on the engine. mark is in the
// containers' commands.
func (s *story) nothingLeft(mark string, images ...remote) {
	s.Helper()
	s.lacks("the containers", s.mustDocker("ps", "-a", "--no-trunc", "--format", "{{.Command}}"), mark)
	for _, img := range images {
		for _, id := range []string{img.digest, img.Config.Digest} {
			if r := s.docker("image", "inspect", id); r.code == 0 {
				s.Errorf("the engine still has %s:\n%s", id, r.out)
			}
		}
	}
}

func (s *story) childrenOf(repo, tag string) (all []remote) {
	s.Helper()
	for _, m := range s.remote(repo, tag).Manifests {
		all = append(all, s.remote(repo, m.Digest))
	}
	return all
}

func TestTagsMoveWhenEveryPlatformsTestsHavePassed(t *testing.T) {
	onEachEngine(t, func(s *story) {
		repo, mark := s.repo(), random()
		s.write("tests.yaml", `
- name: own command
  platforms: linux/arm64
  stdout: {equals: aarch64}
- name: shell
  command: [sh, -c, "cat; exit 3", "`+mark+`"]
  stdin: hello
  exit: 3
  stdout: {contains: ell}
`)
		r := s.mustBuild("--platform", three, "--push", "-t", repo+":v1", "--progress", "plain",
			"--test", "sh -c 'uname -m; cat /proc/net/dev' "+mark, "--test-file", filepath.Join(s.dir, "tests.yaml"), s.tellsMachine())
		for platform, machine := range unameOf {
			s.contains("the lane of "+platform, lanes(r.err)[platform], machine, "[test] sh -c 'uname -m; cat /proc/net/dev'")
		}
		s.contains("the lane of arm64", lanes(r.err)["linux/arm64"], "[test own command]")
		s.lacks("a test's network", r.err, "eth0")
		s.nothingLeft(mark, s.childrenOf(repo, "v1")...)
	})
}

func TestAPlatformWhoseTestFailsKeepsTheTagWhereItWas(t *testing.T) {
	onEachEngine(t, func(s *story) {
		repo, mark := s.repo(), random()
		s.mustBuild("--platform", twoPlatforms, "--push", "-t", repo+":v1", s.tellsMachine())
		before := s.remote(repo, "v1").digest
		r := s.build("-q", "--platform", twoPlatforms, "--push", "-t", repo+":v1", "-t", repo+":v2",
			"--test", `sh -c 'echo on $(uname -m); test $(uname -m) = x86_64' `+mark, s.tellsMachine())
		s.equal("the status", r.code, 1)
		s.contains("the error", r.err, "linux/arm64: test", "exit status 1, expected 0", "linux/arm64 | on aarch64")
		s.lacks("the error", r.err, "on x86_64")
		s.equal("the tag", s.remote(repo, "v1").digest, before)
		s.equal("whether another tag is there", s.exists(repo, "v2"), false)
		s.nothingLeft(mark)
	})
}

func TestATestThatNeverEndsIsKilledAndItsLastOutputShown(t *testing.T) {
	onEachEngine(t, func(s *story) {
		repo, mark := s.repo(), random()
		s.write("tests.yaml", "- name: forever\n  timeout: 8s\n  command: [sh, -c, 'echo the last words; sleep 3600', '"+mark+"']\n")
		r := s.build("--platform", twoPlatforms, "--push", "-t", repo+":v1", "--test-file", filepath.Join(s.dir, "tests.yaml"), s.tellsMachine())
		s.equal("the status", r.code, 1)
		s.contains("the error", r.err, `test "forever": it did not end within 8s, and was killed`, "| the last words")
		s.equal("whether the tag is there", s.exists(repo, "v1"), false)
		s.nothingLeft(mark)
	})
}

func TestTestsThatMakeNoSenseAreRefusedBeforeAnything(t *testing.T) {
	onEachEngine(t, func(s *story) {
		dir := s.tellsMachine()
		file := filepath.Join(s.dir, "tests.yaml")
		refused := func(words []string, args ...string) {
			s.Helper()
			s.refused(s.build(append(append([]string{"--platform", "linux/amd64"}, args...), dir)...), 125, words...)
		}
		push := []string{"--push", "-t", s.repo()}
		refused([]string{`--test "linux/s390x:true"`, "is not one of the requested platforms"}, append(push, "--test", "linux/s390x:true")...)
		refused([]string{"no-such.yaml"}, append(push, "--test-file", "no-such.yaml")...)
		refused([]string{"--test needs an image"}, "-o", "type=local,dest="+filepath.Join(s.dir, "out"), "--test", "true")
		for text, words := range map[string][]string{
			"- comand: x": {file + ":1", `"comand"`, "command"},
			"- command: x\n- stdout:\n    matches: '('":     {file + ":3", `"("`},
			"- command: x\n\n- platforms: linux/arm/v5":     {file + ":3", "linux/arm/v5 is not one of the requested platforms"},
			"- name: twice\n- name: twice\n  command: true": {file + ":2", `two tests "twice"`},
		} {
			s.write(file, text)
			refused(words, append(push, "--test-file", file)...)
		}
	})
}

func TestAnEngineThatCannotRunATestedPlatformIsSaidBeforeTheBuild(t *testing.T) {
	onEachEngine(t, func(s *story) {
		repo := s.repo()
		dir := s.dockerfile("FROM scratch", "COPY Dockerfile /")
		r := s.build("--platform", "linux/amd64,windows/amd64", "--emulators", "never", "--push", "-t", repo, "--test", "windows/amd64:cmd", dir)
		s.refused(r, 1, "cannot run programs for windows/amd64", "tests need that", "--test linux/amd64:CMD")
		s.lacks("the progress", r.err, "exporting")
	})
}

func TestLoadedAndArchivedImagesAreTestedBeforeTheyAreNamed(t *testing.T) {
	onEachEngine(t, func(s *story) {
		name, dir, mark := s.engineName(), s.tellsMachine(), random()
		archive := filepath.Join(s.dir, "x.tar")
		outputs := []string{"--platform", twoPlatforms, "--load", "-t", name, "-o", "type=oci,dest=" + archive, "--test", "sh -c 'test -s /mark' " + mark}
		r := s.build(append(outputs, "--test", "linux/arm64:false", dir)...)
		s.equal("the status", r.code, 1)
		s.contains("the error", r.err, `linux/arm64: test "false": exit status 1`)
		s.equal("whether the engine has the name", s.docker("image", "inspect", name).code == 0, false)
		s.equal("whether the archive is there", s.docker("multiarch", "inspect", archive).code == 0, false)
		s.nothingLeft(mark)

		s.mustBuild(append(outputs, dir)...)
		for _, platform := range strings.Split(twoPlatforms, ",") {
			s.equal(platform, s.mustDocker(append([]string{"run", "--rm"}, s.loadedName(name, platform)...)...), unameOf[platform])
		}
		s.nothingLeft(mark)
		s.lacks("the engine's images", s.mustDocker("image", "inspect", "--format", "{{.RepoTags}}", s.loadedName(name, "linux/amd64")[len(s.loadedName(name, "linux/amd64"))-1]), "docker-multiarch-test")
	})
}

func TestATestNeedsNoOutputAndLeavesNothingOfIt(t *testing.T) {
	onEachEngine(t, func(s *story) {
		dir, mark := s.tellsMachine(), random()
		s.equal("the status of a test that fails", s.build("--platform", twoPlatforms, "--test", "false "+mark, dir).code, 1)
		s.mustBuild("--metadata-file", "meta", "--platform", twoPlatforms, "--test", "true "+mark, dir)
		var m metadata
		s.check(json.Unmarshal([]byte(s.read("meta")), &m))
		for _, p := range m.Multiarch.Platforms {
			img := remote{digest: p.Manifest}
			img.Config.Digest = p.Config
			s.nothingLeft(mark, img)
		}
	})
}

func TestAnEngineThatCannotPullIsSentTheImage(t *testing.T) {
	onEachEngine(t, func(s *story) {
		s.besideUs()
		faults, host := s.front()
		faults.Add(faultregistry.Fault{Match: faultregistry.ChildRead, Do: func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			if agent := r.UserAgent(); strings.HasPrefix(agent, "docker/") || strings.HasPrefix(agent, "moby/") || strings.HasPrefix(agent, "containerd/") {
				http.Error(w, "not for engines", http.StatusForbidden)
				return
			}
			next.ServeHTTP(w, r)
		}})
		_, path, _ := strings.Cut(s.repo(), "/")
		r := s.mustBuild("--platform", twoPlatforms, "--push", "-t", host+"/"+path+":v1", "--test", "", s.tellsMachine())
		s.contains("the progress", r.err, "the engine cannot pull", "so the client sends it", "aarch64")
		s.nothingLeft(path, s.childrenOf(s.registry+"/"+path, "v1")...)
	})
}

func TestTheEnginePullsTestedImagesWithTheUsersCredentials(t *testing.T) {
	onEachEngine(t, func(s *story) {
		s.besideUs()
		for name, handler := range s.logins() {
			host := s.serve(handler)
			s.logIn(host)
			r := s.mustBuild("--platform", twoPlatforms, "--push", "-t", host+"/e2e/"+random(), "--test", "", s.tellsMachine())
			s.contains(name, r.err, "aarch64")
			s.lacks(name, r.err, "the client sends it")
		}
	})
}

func TestCtrlCDuringATestLeavesNothing(t *testing.T) {
	onEachEngine(t, func(s *story) {
		repo, mark := s.repo(), random()
		build := s.start(call{args: s.buildArgs("--platform", twoPlatforms, "--push", "-t", repo, "--test", "sh -c 'sleep 3600' "+mark, s.tellsMachine())})
		s.eventually("a test runs", func() bool {
			return strings.Contains(s.mustDocker("ps", "--no-trunc", "--format", "{{.Command}}"), mark) || !build.left()
		})
		children := s.tested(mark)
		build.signal(syscall.SIGINT)
		asked := time.Now()
		r := build.wait()
		s.equal("the status", r.code, 130)
		if took := time.Since(asked); took > 15*time.Second {
			s.Errorf("it took %s to end", took)
		}
		s.equal("whether the tag is there", s.exists(repo, "latest"), false)
		s.nothingLeft(mark, children...)
	})
}

// tested returns the images of the containers that run a test.
func (s *story) tested(mark string) (images []remote) {
	s.Helper()
	for _, line := range strings.Split(s.mustDocker("ps", "-a", "--no-trunc", "--format", "{{.ID}} {{.Command}}"), "\n") {
		if id, command, _ := strings.Cut(line, " "); strings.Contains(command, mark) {
			var img remote
			img.digest = s.mustDocker("inspect", "--format", "{{.Image}}", id)
			img.Config.Digest = img.digest
			images = append(images, img)
		}
	}
	return images
}

func TestAnImageThatTheEngineHadStaysAsItWas(t *testing.T) {
	onEachEngine(t, func(s *story) {
		name, dir := s.engineName(), s.tellsMachine()
		s.mustBuild("--load", "-t", name, dir)
		state := func() string {
			return s.mustDocker("image", "inspect", "--format", "{{.Id}} {{.RepoTags}} {{.RepoDigests}}", name)
		}
		before := state()
		s.mustBuild("--push", "-t", s.repo(), "--test", "", dir)
		s.mustBuild("-o", "type=oci,dest=-", "--test", "", dir)
		s.equal("the image", state(), before)
	})
}
