//go:build e2e

package e2e

import (
	"path/filepath"
	"testing"
)

func TestTheContextIsSentOnceForAllPlatforms(t *testing.T) {
	onEachEngine(t, func(s *story) {
		const size = 8 << 20
		repo := s.repo()
		dir := s.folder(files{"Dockerfile": "FROM scratch\nCOPY big /\n", "big": noise(size)})
		host, sent := s.countingEngine()
		s.mustRun(call{
			args: s.buildArgs("--platform", "linux/amd64,linux/arm64,linux/arm/v7,linux/s390x", "--push", "-t", repo, dir),
			env:  []string{"DOCKER_HOST=" + host},
		})
		if n := sent(); n < size || n > size*5/4 {
			s.Errorf("%d bytes were sent of a context of %d", n, size)
		}
		s.equal("the size of the file", len(s.contents(s.image(repo, "latest", "linux/s390x"))["big"]), size)
	})
}

func TestPlatformsThatCopyDifferentPathsSendNoMoreThanThePeer(t *testing.T) {
	onEachEngine(t, func(s *story) {
		buildx := need(s.T, "MULTIARCH_E2E_BUILDX")
		s.mustBuild("--push", "-t", s.repo(), s.dockerfile("FROM scratch", "COPY Dockerfile /")) // so that there is a builder
		context := func() string {
			return s.folder(files{
				"Dockerfile": "FROM scratch\nARG TARGETARCH\nCOPY src /src\nCOPY bin/$TARGETARCH /app\n", "src/code": noise(2 << 20),
				"bin/amd64": noise(1 << 20), "bin/arm64": noise(1 << 20), "bin/s390x": noise(1 << 20),
			})
		}
		platforms := "linux/amd64,linux/arm64,linux/s390x"
		host, sent := s.countingEngine()
		s.mustRun(call{args: s.buildArgs("--platform", platforms, "--push", "-t", s.repo(), context()), env: []string{"DOCKER_HOST=" + host}})
		ours := sent()

		s.mustRunPeer(buildx, host, "create", "--name", "peer", "--driver", "remote", "docker-container://"+containerOf(s.builder))
		before := sent()
		s.mustRunPeer(buildx, host, "build", "--builder", "peer", "--provenance=false", "--platform", platforms, "--push", "-t", s.repo(), context())
		peers := sent() - before
		if ours > peers*105/100 {
			s.Errorf("%d bytes were sent, and %d by the peer", ours, peers)
		}
		s.Logf("%d bytes, the peer %d", ours, peers)
	})
}

// mustRunPeer runs docker buildx with a state of its own.
func (s *story) mustRunPeer(buildx, host string, args ...string) {
	s.Helper()
	env := []string{"DOCKER_HOST=" + host, "BUILDX_CONFIG=" + filepath.Join(s.home, "buildx")}
	if r := s.startProgram(buildx, call{args: args, env: env}).wait(); r.code != 0 {
		s.Fatalf("buildx %s: status %d\n%s", args[0], r.code, r.err)
	}
}

func TestOnlyChangedFilesAreSentAgain(t *testing.T) {
	onEachEngine(t, func(s *story) {
		dir := s.folder(files{"Dockerfile": "FROM scratch\nCOPY . /\n", "big": noise(4 << 20)})
		s.mustBuild("--push", "-t", s.repo(), dir)
		s.write(filepath.Join(dir, "small"), "new")
		repo := s.repo()
		host, sent := s.countingEngine()
		s.mustRun(call{args: s.buildArgs("--push", "-t", repo, dir), env: []string{"DOCKER_HOST=" + host}})
		if n := sent(); n > 1<<20 {
			s.Errorf("%d bytes were sent for a small file", n)
		}
		s.equal("the new file", s.fileOf(repo, "latest", "", "small"), "new")
	})
}

func TestFilesThatAreToBeIgnoredStayOut(t *testing.T) {
	onEachEngine(t, func(s *story) {
		content := files{"Dockerfile": "FROM scratch\nCOPY . /\n", "kept": "1", "secret/key": "2", "notes.md": "3"}
		for name, ignored := range map[string]files{
			"for all Dockerfiles":      {".dockerignore": "secret\n*.md\n"},
			"for the one":              {"Dockerfile.dockerignore": "secret\n*.md\n"},
			"the one before the other": {"Dockerfile.dockerignore": "secret\n*.md\n", ".dockerignore": "kept\n"},
		} {
			dir := s.folder(content)
			for file, text := range ignored {
				s.write(filepath.Join(dir, file), text)
			}
			repo := s.repo()
			s.mustBuild("--push", "-t", repo, dir)
			got := s.contents(s.remote(repo, "latest"))
			for file, want := range map[string]bool{"kept": true, "secret/key": false, "notes.md": false} {
				_, is := got[file]
				s.equal(name+": whether "+file+" is there", is, want)
			}
		}
	})
}
