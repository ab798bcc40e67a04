//go:build e2e

package e2e

import "testing"

func TestBuildArgumentsLabelsTargetAndHostsReachTheBuild(t *testing.T) {
	onEachEngine(t, func(s *story) {
		repo := s.repo()
		dir := s.dockerfile("FROM $BASE AS first", "ARG SAID", "ARG TAKEN", "ARG NOWHERE=unset",
			"RUN echo $SAID $TAKEN $NOWHERE >/args && grep example.test /etc/hosts >/hosts", "FROM first AS second", "RUN exit 1")
		s.mustRun(call{
			args: s.buildArgs("--build-arg", "SAID=a=b", "--build-arg", "TAKEN", "--build-arg", "NOWHERE", "--label", "colour=green",
				"--target", "first", "--add-host", "example.test:10.9.8.7", "--push", "-t", repo, dir),
			env: []string{"TAKEN=from the environment"},
		})
		s.equal("the arguments", s.fileOf(repo, "latest", "", "args"), "a=b from the environment unset")
		s.contains("the hosts", s.fileOf(repo, "latest", "", "hosts"), "10.9.8.7")
		s.equal("the labels", s.imageConfig(s.remote(repo, "latest")).Config.Labels, "map[colour:green]")
	})
}

func TestWithoutTheCacheStepsRunAgain(t *testing.T) {
	onEachEngine(t, func(s *story) {
		dir := s.cacheable()
		first := s.chance(dir)
		s.equal("what the step made with the cache", s.chance(dir), first)
		if s.chance(dir, "--no-cache") == first {
			s.Error("with --no-cache the step did not run again")
		}
	})
}

func TestAnotherDockerfileIsFoundFromTheWorkingDirectory(t *testing.T) {
	onEachEngine(t, func(s *story) {
		repo := s.repo()
		dir := s.folder(files{"Dockerfile": "FROM scratch\nCOPY x /wrong\n", "x": "1"})
		s.write("Other", "FROM scratch\nCOPY x /right\n")
		s.mustBuild("-f", "Other", "--push", "-t", repo, dir)
		s.equal("the file", s.fileOf(repo, "latest", "", "right"), "1")
	})
}

func TestABaseImageThatHasMovedIsUsedWithPull(t *testing.T) {
	onEachEngine(t, func(s *story) {
		base, repo := s.repo(), s.repo()
		dir := s.folder(files{"Dockerfile": "FROM " + base + "\nCOPY Dockerfile /\n"})
		for _, text := range []string{"old", "new"} {
			s.mustBuild("--push", "-t", base, s.folder(files{"Dockerfile": "FROM scratch\nCOPY version /\n", "version": text}))
			s.mustBuild("--pull", "--push", "-t", repo, dir)
			s.equal("the version", s.fileOf(repo, "latest", "", "version"), text)
		}
	})
}
