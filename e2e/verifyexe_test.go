//go:build e2e

package e2e

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
)

// wrongARM64 pushes an index, whose image for arm64 starts a program for amd64, and each image alone, as repo:amd64 and
// repo:arm64.
func (s *story) wrongARM64(flags ...string) (repo string) {
	s.Helper()
	repo = s.repo()
	file := s.dockerfile("FROM scratch", "COPY static/linux/amd64 /app", "ENTRYPOINT [\"/app\"]") + "/Dockerfile"
	s.mustBuild(append(flags, "--verify=off", "--platform", twoPlatforms, "-f", file, "--push", "-t", repo+":1", s.fixtures())...)
	for _, arch := range []string{"amd64", "arm64"} {
		s.mustBuild("--verify=off", "--platform", "linux/"+arch, "-f", file, "--push", "-t", repo+":"+arch, s.fixtures())
	}
	return repo
}

func TestVerifyNamesTheFileThatIsForAnotherMachine(t *testing.T) {
	onEachEngine(t, func(s *story) {
		repo := s.wrongARM64("-o", "type=oci,dest=app.tar", "-o", "type=oci,tar=false,dest=layout")
		s.mustBuild("--verify=off", "--platform", "linux/arm64", "-o", "type=docker,dest=docker.tar", "-t", "app",
			"-f", s.dockerfile("FROM scratch", "COPY static/linux/amd64 /app", "CMD [\"/app\"]")+"/Dockerfile", s.fixtures())
		for _, ref := range []string{repo + ":1", repo + "@" + s.remote(repo, "1").digest, "app.tar", "./layout", "docker.tar"} {
			r := s.noEngine("verify", ref)
			s.equal(ref+": the status", r.code, 1)
			s.contains(ref, r.out, "entrypoint-machine", "linux/arm64", `"/app" is for amd64, the image for arm64`, "COPY static/linux/amd64 /app")
			r = s.noEngine("verify", "--executables=off", ref)
			s.equal(ref+": the status without looking at executables", r.code, 0)
			s.contains(ref, r.out, "is whole")
			s.mustLook("verify", "--verify-allow", "/app", ref)
		}
		var answer struct {
			OK          bool
			Executables []struct{ Platform, Verdict string }
			Findings    []struct{ Check, Severity, Platform, Path, Found, Wanted string }
		}
		s.check(json.Unmarshal([]byte(s.noEngine("verify", "--format", "json", repo+":1").out), &answer))
		s.equal("OK", answer.OK, false)
		s.equal("the verdicts", answer.Executables, []struct{ Platform, Verdict string }{{"linux/amd64", "ok"}, {"linux/arm64", "refused"}})
		f := answer.Findings[0]
		s.equal("what is found", strings.Join([]string{f.Check, f.Severity, f.Platform, f.Path, f.Found, f.Wanted}, " "),
			"entrypoint-machine error linux/arm64 /app amd64 arm64")
		s.equal("the status of a wrong word", s.noEngine("verify", "--executables=maybe", repo+":1").code, 125)
		s.equal("the status of a wrong pattern", s.noEngine("verify", "--verify-allow", "[", repo+":1").code, 125)
	})
}

func TestAWrongImageIsNeitherMergedNorPushedNorListedAsSomethingElse(t *testing.T) {
	onEachEngine(t, func(s *story) {
		repo := s.wrongARM64()
		ours := func(args ...string) result { return s.noEngine(append([]string{"manifest"}, args...)...) }
		said := `"/app" is for amd64`

		r := ours("merge", "-t", repo+":merged", repo+":amd64", repo+":arm64")
		s.equal("the status of merge", r.code, 1)
		s.contains("merge", r.err, "linux/arm64", said, "--verify=off")
		s.equal("whether merge has moved the tag", s.exists(repo, "merged"), false)
		s.equal("the status of merge --dry-run", ours("merge", "--dry-run", repo+":amd64", repo+":arm64").code, 1)
		s.equal("the status of merge --verify=off", ours("merge", "--verify=off", "-t", repo+":merged", repo+":amd64", repo+":arm64").code, 0)
		// Errors in an existing entry of the tag are not blamed on the user who adds to it.
		s.equal("the status of merge --onto", ours("merge", "--onto", repo+":merged", repo+":amd64").code, 0)

		list := repo + ":list"
		s.equal("the status of create", ours("create", list, repo+":amd64", repo+":arm64").code, 0)
		r = ours("push", list)
		s.equal("the status of push", r.code, 1)
		s.contains("push", r.err, "linux/arm64", said)
		s.equal("the status of create --push", ours("create", "--push", list, repo+":amd64", repo+":arm64").code, 1)
		s.equal("whether the tag has moved", s.exists(repo, "list"), false)
		r = ours("push", "--verify-allow", "/app", list)
		s.equal("the status of a push that allows it", r.code, 0)

		claim := repo + ":claim"
		s.equal("the status of create", ours("create", claim, repo+":amd64").code, 0)
		before := ours("inspect", claim).out
		r = ours("annotate", "--force", "--arch", "riscv64", claim, repo+":amd64")
		s.equal("the status of a wrong claim", r.code, 1)
		s.contains("a wrong claim", r.err, "linux/riscv64", said)
		s.equal("the draft", ours("inspect", claim).out, before)
		s.equal("the status of a claim that is not looked at", ours("annotate", "--verify=off", "--force", "--arch", "riscv64", claim, repo+":amd64").code, 0)
	})
}

func TestAnAnnotationIsWrittenWhereTheRegistryCannotBeAsked(t *testing.T) {
	onEachEngine(t, func(s *story) {
		faults, host := s.front()
		repo := s.repo()
		s.copyOf("arm", repo+":arm")
		name := strings.Replace(repo, s.registry, host, 1)
		s.mustLook("manifest", "create", name+":1", name+":arm")
		faults.Add(faultregistry.Fault{Match: faultregistry.On("", "/v2/"), Do: faultregistry.Answer(http.StatusForbidden, "DENIED", "not today")})
		r := s.noEngine("manifest", "annotate", "--force", "--variant", "v6", name+":1", name+":arm")
		s.equal("the status", r.code, 0)
		s.contains("the note", r.err, "were not examined", "not today")
		s.contains("the draft", s.noEngine("manifest", "inspect", name+":1").out, `"variant": "v6"`)
	})
}

func TestALayerOfSeveralPlatformsIsReadOnceAndNotAgain(t *testing.T) {
	onEachEngine(t, func(s *story) {
		faults, host := s.front()
		repo := s.wrongARM64() // both images have the same layer
		name := strings.Replace(repo, s.registry, host, 1) + ":1"
		reads := func() int {
			return len(faults.Matching(func(method, path string) bool { return method == http.MethodGet && strings.Contains(path, "/blobs/") }))
		}
		s.equal("the status", s.noEngine("verify", name).code, 1)
		s.equal("the blobs that are read", reads(), 3) // two configurations, and the layer
		faults.Forget()
		s.equal("the status", s.noEngine("verify", name).code, 1)
		s.equal("the blobs that are read again", reads(), 2)
	})
}
