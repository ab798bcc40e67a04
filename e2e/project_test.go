//go:build e2e

package e2e

import (
	"bytes"
	"testing"
)

func TestAProjectWithAProjectFileIsBuiltWithOneWord(t *testing.T) {
	onEachEngine(t, func(s *story) {
		one, two := s.repo(), s.repo()
		dir := s.folder(files{
			"Dockerfile":             "FROM scratch\nCOPY Dockerfile /\n",
			".docker-multiarch.yaml": "image:\n  - " + one + ":${VERSION}\n  - " + two + "\nplatforms: [linux/amd64, linux/arm64]\nmedia-types: docker\n",
		})
		r := s.mustRun(call{args: s.buildArgs("--push", "."), dir: dir, env: []string{"VERSION=1.2"}})
		s.contains("what is said before the build", r.err, "pushing to "+one+":1.2, "+two)
		list := s.remote(one, "1.2")
		s.equal("the media type", list.MediaType, dockerList)
		s.equal("the platforms", list.platforms(), []string{"linux/amd64", "linux/arm64"})
		s.equal("the other repository", s.remote(two, "latest").digest, list.digest)

		s.refused(s.run(call{args: s.buildArgs("--push", "."), dir: dir}), 125, "VERSION", "not set")
	})
}

func TestFlagsComeBeforeTheEnvironmentAndThatBeforeTheProjectsFile(t *testing.T) {
	onEachEngine(t, func(s *story) {
		flag, env, file := s.repo(), s.repo(), s.repo()
		dir := s.folder(files{"Dockerfile": "FROM scratch\nCOPY Dockerfile /\n", ".docker-multiarch.yaml": "image: " + file + "\nplatforms: linux/s390x\n"})
		vars := []string{"DOCKER_MULTIARCH_IMAGE=" + env, "DOCKER_DEFAULT_PLATFORM=linux/arm64"}
		s.mustRun(call{args: s.buildArgs("--push", "--platform", "linux/386", "-t", flag, dir), env: vars})
		s.mustRun(call{args: s.buildArgs("--push", dir), env: vars})
		s.mustBuild("--push", dir)
		for repo, arch := range map[string]string{flag: "386", env: "arm64", file: "s390x"} {
			s.equal("the architecture", s.imageConfig(s.remote(repo, "latest")).Architecture, arch)
		}
	})
}

func TestAProjectsFileIsCheckedAndReadFromFoldersOnly(t *testing.T) {
	onEachEngine(t, func(s *story) {
		dir := s.folder(files{"Dockerfile": "FROM scratch\n", ".docker-multiarch.yaml": "image: x\n\nplatform: linux/arm64\n"})
		s.refused(s.build("--push", dir), 125, "line 3", `"platform"`)

		content := files{"Dockerfile": "FROM scratch\nCOPY Dockerfile /\n", ".docker-multiarch.yaml": "image: " + s.repo() + "\n"}
		r := s.run(call{args: s.buildArgs("--push", "-"), stdin: bytes.NewReader(s.archive(content))})
		s.refused(r, 125, "no image name")
		url := "http://" + s.serve(s.gitServer(s.gitRepository(content))) + "/app.git"
		s.refused(s.build("--push", url), 125, "no image name")
	})
}
