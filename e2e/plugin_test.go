//go:build e2e

package e2e

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

func TestTheDockerCLIShowsThePlugin(t *testing.T) {
	onEachEngine(t, func(s *story) {
		s.contains("docker help", s.mustDocker("help"), "multiarch*", "Build and push multi-platform images")
		help := s.mustDocker("multiarch", "--help")
		s.contains("the help", help, "docker multiarch", "build", "builder", "version")
		s.contains("the help of build", s.mustDocker("multiarch", "build", "--help"), "--platform", "--push", "--builder", "Exit status")
		s.contains("the version", s.mustDocker("multiarch", "version"), "docker-multiarch", "linux/")
	})
}

// With text/template, a program keeps every exported method of its types (decision 68).
func TestThePluginHasNoTemplatesThatCallMethods(t *testing.T) {
	program, err := os.ReadFile(pluginFile)
	if err != nil {
		t.Fatal(err)
	}
	names := func(pkg string) bool { return bytes.Contains(program, []byte(pkg+".(*state).evalField")) }
	if !names("pkg/template/text") || names("text/template") {
		t.Error("it has text/template, or does not name its functions")
	}
}

func TestTheBinaryWorksByItself(t *testing.T) {
	onEachEngine(t, func(s *story) {
		repo := s.repo()
		args := []string{"build", "--builder", s.builder, "--push", "-q", "-t", repo, s.dockerfile("FROM scratch", "COPY Dockerfile /")}
		r := s.startProgram(pluginFile, call{args: args}).wait()
		s.equal("the status", r.code, 0)
		s.equal("the standard output", r.out, repo+"@"+s.remote(repo, "latest").digest+"\n")
		s.contains("the version", s.startProgram(pluginFile, call{args: []string{"version"}}).wait().out, "docker-multiarch")
	})
}

func TestTheShellCompletesValues(t *testing.T) {
	onEachEngine(t, func(s *story) {
		s.ownBuilder()
		s.mustBuild("--push", "-t", s.repo(), s.dockerfile("FROM scratch", "COPY Dockerfile /"))
		complete := func(words ...string) string {
			return s.mustDocker(append([]string{"__complete", "multiarch"}, words...)...)
		}
		s.contains("the commands", complete("b"), "build", "builder")
		s.contains("the flags", complete("build", "--pl"), "--platform")
		s.contains("platforms", complete("build", "--platform", "linux/arm"), "linux/arm64", "linux/arm/v7")
		second := complete("build", "--platform", "linux/arm64,linux/")
		s.contains("the second platform", second, "linux/arm64,linux/amd64")
		s.lacks("the second platform", second, "linux/arm64,linux/arm64")
		s.contains("builders", complete("build", "--builder", ""), s.builder)
		s.contains("builders to remove", complete("builder", "rm", ""), s.builder)
		s.contains("progress", complete("build", "--progress", ""), "plain", "tty")
	})
}

func TestAnUnknownCommandOrFlagIsAUsageError(t *testing.T) {
	onEachEngine(t, func(s *story) {
		r := s.docker("multiarch", "biuld")
		s.refused(r, 125, "biuld", "build")
		s.refused(s.build("--plattform", "linux/amd64", "."), 125, "plattform")
		s.refused(s.docker("multiarch", "build"), 125, "build context")
		if n := strings.Count(s.docker("multiarch", "build").err, "\n"); n > 10 {
			s.Errorf("a wrong call is answered with %d lines", n)
		}
	})
}

func TestASignalThatComesBeforeThePluginHasStartedIsNotLost(t *testing.T) {
	onEachEngine(t, func(s *story) {
		// The Docker CLI has closed its socket by then, and still starts the plugin.
		r := s.startProgram(pluginFile, call{
			args: s.buildArgs("--push", "-t", s.repo(), s.dockerfile("FROM $BASE", "RUN sleep 3600")),
			env:  []string{"DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND=docker", "DOCKER_CLI_PLUGIN_SOCKET=@multiarch-e2e-" + random()},
		}).wait()
		s.equal("the status", r.code, 130)
	})
}
