//go:build e2e

package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestAReportHasTheResultOfEachPlatform(t *testing.T) {
	onEachEngine(t, func(s *story) {
		repo := s.repo()
		dir := s.dockerfile("FROM $BASE", "ARG TARGETARCH", "RUN echo $TARGETARCH >/done")
		s.env = append(s.env, "GITHUB_STEP_SUMMARY="+filepath.Join(s.dir, "summary"))
		s.write("summary", "# Before\n")
		r := s.mustBuild("--platform", twoPlatforms, "--push", "-t", repo+":1", "--test", "cat /done", "--report", "report.md", dir)
		s.contains("the table", r.err, "PLATFORM ", "BUILD ", "VERIFY ", "TEST ", "1 passed")
		report := s.read("report.md")
		s.contains("the report", report, "### Published: `"+repo+":1`", "| `linux/amd64` | native ", "| `linux/arm64` | emulated ", "| ok | 1 passed |",
			"| `cat /done` | passed ", s.remote(repo, "1").digest)
		for _, child := range s.remote(repo, "1").Manifests {
			s.contains("the report", report, child.Digest)
		}
		s.equal("the job's summary", s.read("summary"), "# Before\n"+report+"\n")
		r = s.mustBuild("--verify=off", "--report", "-", "--push", "-t", repo+":2", dir)
		s.contains("standard output", r.out, "### Published: `"+repo+":2`")
		s.lacks("the table", r.err, "VERIFY", "TEST")
	})
}

func TestABuildThatFailsHasAReportThatCannotBeTakenForMarkup(t *testing.T) {
	onEachEngine(t, func(s *story) {
		repo := s.repo()
		dir := s.dockerfile("FROM $BASE", "ARG TARGETARCH", "RUN printf '</pre> | `x` \\033[31mred\\033[0m @you\\n'; [ $TARGETARCH = amd64 ]")
		r := s.build("--platform", twoPlatforms, "--push", "-t", repo+":1", "--report", "report.md", "--metadata-file", "meta", dir)
		s.equal("the status", r.code, 1)
		report := s.read("report.md")
		s.contains("the report", report, "### Failed: `"+repo+":1`", "No tag was moved.", "| failed |", "<details>", "&lt;/pre&gt; | `x` red @you")
		s.equal("how many blocks end", strings.Count(report, "</pre>"), strings.Count(report, "<pre>"))
		if regexp.MustCompile(`[\x00-\x09\x0b-\x1f]`).MatchString(report) {
			s.Errorf("there are control characters in %q", report)
		}
		if _, err := os.Stat(filepath.Join(s.dir, "meta")); err == nil {
			s.Error("there is a metadata file of a build that failed")
		}
	})
}

func TestARefusedImageAndAFailedTestAreInTheReportAndTheMetadata(t *testing.T) {
	onEachEngine(t, func(s *story) {
		repo := s.repo()
		file := s.dockerfile("FROM scratch", "COPY static/linux/amd64 /app", "ENTRYPOINT [\"/app\"]") + "/Dockerfile"
		words := []string{"--platform", "linux/amd64,linux/arm64,linux/riscv64", "-f", file, "--push", "-t", repo + ":1", "--report", "report.md", "--metadata-file", "meta"}
		r := s.build(append(words, s.fixtures())...)
		s.equal("the status", r.code, 1)
		s.contains("what is found", r.err, "error      entrypoint-machine   linux/arm64, linux/riscv64   the entrypoint \"/app\" is for amd64")
		s.contains("the report", s.read("report.md"), "### Failed", "| refused |", "linux/arm64, linux/riscv64", "Dockerfile:2", "What to do")
		var m struct {
			Digest    string `json:"containerimage.digest"`
			Name      string `json:"image.name"`
			Multiarch struct {
				Failed    string
				Platforms []struct {
					Platform, Error string
					Verify          struct {
						Verdict  string
						Findings []struct{ Severity, Check, Path string }
					}
					Tests []struct {
						Test, Output, Reason string
						Passed               bool
						Exit                 int
					}
				}
			}
		}
		s.check(json.Unmarshal([]byte(s.read("meta")), &m))
		s.equal("the verdicts", []string{m.Multiarch.Platforms[0].Verify.Verdict, m.Multiarch.Platforms[1].Verify.Verdict}, []string{"ok", "refused"})
		s.equal("names and digests of a result", m.Digest+m.Name, "")
		s.equal("whether merge takes it", s.noEngine("manifest", "merge", "-t", repo+":2", "meta").code, 125)

		dir := s.dockerfile("FROM $BASE", "COPY <<EOF /version", "1 | 2", "EOF")
		r = s.build("--platform", twoPlatforms, "--push", "-t", repo+":1", "--test", "cat /version", "--test", "sh -c 'cat /version; exit 3'",
			"--report", "report.md", "--metadata-file", "meta", dir)
		s.equal("the status", r.code, 1)
		s.contains("the table", r.err, "1 of 2 failed")
		s.contains("the report", s.read("report.md"), "**failed**", "1 | 2", "<details>")
		s.check(json.Unmarshal([]byte(s.read("meta")), &m))
		second := m.Multiarch.Platforms[0].Tests[1]
		s.equal("the second test", second.Exit, 3)
		s.contains("its output", second.Output, "1 | 2")
		s.equal("whether the tag is there", s.exists(repo, "1"), false)
	})
}
