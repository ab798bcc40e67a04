//go:build e2e

package e2e

import (
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"

	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
)

// children copies images of the base image, one per platform, into tags of a repository, and returns their names.
func (s *story) children(repo string, archs ...string) (names []string) {
	s.Helper()
	for _, arch := range archs {
		names = append(names, repo+":"+arch)
		s.copyOf(arch, repo+":"+arch)
	}
	return names
}

// copyOf copies the base image for an architecture.
func (s *story) copyOf(arch, name string, flags ...string) {
	s.Helper()
	args := append([]string{"copy", "-q", "--src-tls-verify=false", "--dest-tls-verify=false", "--override-os", "linux", "--override-arch", arch}, flags...)
	s.skopeo(append(args, "docker://"+s.base, "docker://"+name)...)
}

// listed returns a list in docker manifest inspect's output, one entry per line: digest and platform, in order of the digests.
func (s *story) listed(text string) string {
	s.Helper()
	var r remote
	s.check(json.Unmarshal([]byte(text), &r))
	lines := []string{r.MediaType}
	for _, m := range r.Manifests {
		lines = append(lines, m.Digest+" "+m.platform())
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// answers runs a command of docker manifest and of ours, and checks that a script sees no difference: status and standard output.
// LIST in the arguments is each one's own list.
func (s *story) answers(ours, theirs string, args ...string) {
	s.Helper()
	words := func(list string) []string {
		replaced := make([]string, len(args))
		for i, arg := range args {
			replaced[i] = strings.ReplaceAll(arg, "LIST", list)
		}
		return replaced
	}
	them := s.docker(append([]string{"manifest"}, words(theirs)...)...)
	us := s.docker(append([]string{"multiarch", "manifest"}, words(ours)...)...)
	what := strings.Join(args, " ")
	if (us.code == 0) != (them.code == 0) {
		s.Errorf("%s: status %d, docker manifest has %d:\n%s%s", what, us.code, them.code, us.err, them.err)
	}
	if args[0] == "inspect" || args[0] == "push" { // other lists, other order, other digests
		s.equal("how much is printed of "+what, us.out != "", them.out != "")
		return
	}
	s.equal("standard output of "+what, strings.ReplaceAll(us.out, ours, "LIST"), strings.ReplaceAll(them.out, theirs, "LIST"))
}

func TestAScriptForDockerManifestRunsWithOursAndMakesTheSameList(t *testing.T) {
	onEachEngine(t, func(s *story) {
		repo := s.repo()
		images := s.children(repo, "amd64", "arm64", "s390x")
		ours, theirs := repo+":ours", repo+":theirs"
		say := func(args ...string) { s.Helper(); s.answers(ours, theirs, args...) }
		say(append([]string{"create", "--insecure", "LIST"}, images[:2]...)...)
		say("create", "--insecure", "LIST", images[2])
		say("create", "--insecure", "--amend", "LIST", images[2])
		say("annotate", "LIST", images[1], "--os", "linux", "--arch", "arm64", "--variant", "v8")
		say("annotate", "LIST", images[0], "--os-version", "1.2", "--os-features", "one,two")
		say("annotate", "LIST", repo+":nope", "--arch", "arm64")
		say("annotate", "LIST", images[0], "--arch", "nonsense")
		say("inspect", "LIST")
		say("inspect", "-v", "LIST")
		say("inspect", "LIST", repo+":nope")
		say("inspect", "--insecure", repo+":nope")
		for _, flag := range [][]string{nil, {"-v"}} {
			args := append(append([]string{"manifest", "inspect"}, flag...), "LIST", images[1])
			draft := func(list string) []string {
				return strings.Split(strings.ReplaceAll(strings.Join(args, " "), "LIST", list), " ")
			}
			s.equal("an image of a draft", s.mustDocker(append([]string{"multiarch"}, draft(ours)...)...), s.mustDocker(draft(theirs)...))
		}
		draft := s.mustDocker("multiarch", "manifest", "inspect", ours)
		s.equal("our draft", s.listed(draft), s.listed(s.mustDocker("manifest", "inspect", theirs)))
		say("push", "--insecure", "--purge", "LIST")
		say("push", "--insecure", "LIST")
		say("rm", "LIST")
		s.equal("what was pushed", s.mustDocker("multiarch", "manifest", "inspect", ours), draft)
		s.equal("what docker manifest sees of it", s.mustDocker("manifest", "inspect", "--insecure", ours), draft)
		for _, see := range []func(string) string{
			func(name string) string { return s.mustDocker("manifest", "inspect", "--insecure", name) },
			func(name string) string { return s.skopeo("inspect", "--raw", "--tls-verify=false", "docker://"+name) },
			func(name string) string { return s.mustDocker("multiarch", "manifest", "inspect", name) },
		} {
			s.equal("our list", s.listed(see(ours)), s.listed(see(theirs)))
		}
	})
}

func TestManifestInspectPrintsWhatDockerManifestInspectPrints(t *testing.T) {
	onEachEngine(t, func(s *story) {
		repo := s.repo()
		s.skopeo("copy", "-q", "--all", "--format", "v2s2", "--src-tls-verify=false", "--dest-tls-verify=false", "docker://"+s.base, "docker://"+repo+":list")
		s.copyOf("amd64", repo+":single")
		s.copyOf("arm", repo+":docker", "--format", "v2s2")
		s.mustBuild("--platform", twoPlatforms, "--provenance=mode=min", "--push", "-t", repo+":attested", s.machines())
		digest := s.remote(repo, "single").digest
		for _, name := range []string{s.base, repo + ":list", repo + ":single", repo + ":docker", repo + ":attested", repo + "@" + digest} {
			for _, flags := range [][]string{{"--insecure"}, {"--insecure", "-v"}} {
				args := append(append([]string{"manifest", "inspect"}, flags...), name)
				theirs := s.docker(args...)
				s.equal("the status of docker "+strings.Join(args, " "), theirs.code, 0)
				s.equal(strings.Join(args, " "), s.docker(append([]string{"multiarch"}, args...)...).out, theirs.out)
			}
		}
	})
}

func TestAttestationsAreListedAndCopiedWithTheirSubjects(t *testing.T) {
	onEachEngine(t, func(s *story) {
		from, to := s.repo(), s.repo()
		s.mustBuild("--platform", twoPlatforms, "--provenance=mode=min", "--push", "-t", from+":two", s.machines())
		s.copyOf("s390x", from+":s390x")
		s.mustDocker("multiarch", "manifest", "create", to+":1", from+":two", from+":s390x")
		digest := s.mustDocker("multiarch", "manifest", "push", to+":1")
		list := s.remote(to, "1")
		s.equal("the digest that is printed", digest, list.digest)
		s.equal("the platforms", list.platforms(), []string{"linux/amd64", "linux/arm64", "linux/s390x", "unknown/unknown", "unknown/unknown"})
		s.equal("what runs", s.fileOf(to, "1", "linux/arm64", "machine"), "aarch64")
		s.contains("the provenance that is read", s.startProgram(need(s.T, "MULTIARCH_E2E_BUILDX"),
			call{args: []string{"imagetools", "inspect", "--format", "{{json .Provenance}}", to + ":1"}}).wait().out, "linux/amd64", "linux/arm64")
		pull := s.run(call{args: []string{"pull", "-q", to + ":1"}, env: []string{"DOCKER_API_VERSION=1.41"}})
		s.equal("the status of an old client's pull", pull.code, 0)
		s.mustDocker("rmi", to+":1")
	})
}

func TestAnImageThatChangedIsNotPushedUnknown(t *testing.T) {
	onEachEngine(t, func(s *story) {
		repo := s.repo()
		images := s.children(repo, "amd64", "arm64")
		was, now := s.remote(repo, "arm64").digest, ""
		s.mustDocker(append([]string{"multiarch", "manifest", "create", repo + ":1"}, images...)...)
		s.copyOf("riscv64", repo+":arm64")
		now = s.remote(repo, "arm64").digest
		s.refused(s.docker("multiarch", "manifest", "push", repo+":1"), 1, images[1], was, now, "--amend")
		s.equal("whether the tag is there", s.exists(repo, "1"), false)
		r := s.docker("multiarch", "manifest", "push", "--amend", repo+":1")
		s.equal("the status", r.code, 0)
		s.contains("what is said", r.err, was, now)
		s.equal("the platforms", s.remote(repo, "1").platforms(), []string{"linux/amd64", "linux/riscv64"})
		s.mustDocker("multiarch", "manifest", "create", repo+":1", images[0]) // it was pushed, and is created again
		s.mustDocker("multiarch", "manifest", "push", "-p", repo+":1")
		s.equal("the platforms of a new list", s.remote(repo, "1").platforms(), []string{"linux/amd64"})
	})
}

func TestWrongWordsAndBrokenDraftsMoveNoTag(t *testing.T) {
	onEachEngine(t, func(s *story) {
		faults, host := s.front()
		repo := s.repo()
		there := strings.TrimPrefix(repo, s.registry)
		s.children(repo, "amd64", "arm64")
		amd, arm := host+there+":amd64", host+there+":arm64"
		list := host + there + ":1"
		bad := func(code int, words string, args ...string) {
			s.Helper()
			s.refused(s.docker(append([]string{"multiarch", "manifest"}, args...)...), code, words)
		}
		bad(125, "parsing name", "create", "UPPER", amd)
		bad(125, "use a tag instead of a digest", "create", host+there+"@"+s.remote(repo, "amd64").digest, amd)
		bad(125, "needs at least two arguments", "create", list)
		bad(1, "no such manifest: "+host+there+":nope", "create", list, amd, host+there+":nope")
		bad(1, "no such manifest", "push", list)
		bad(1, "no such manifest", "annotate", list, amd, "--arch", "arm64")
		bad(1, "no such manifest", "rm", list)
		s.mustDocker("multiarch", "manifest", "create", list, amd, arm)
		bad(125, "did you mean", "annotate", list, amd, "--arch", "amd46")
		bad(125, "configuration says architecture amd64", "annotate", list, amd, "--arch", "arm64")
		s.mustDocker("multiarch", "manifest", "annotate", "--force", "--verify=off", list, amd, "--arch", "aarch64")
		bad(1, "is for amd64, the image for arm64", "annotate", "--force", list, amd, "--arch", "arm64")
		bad(1, "two images for linux/arm64", "push", list)
		drafts, err := filepath.Glob(filepath.Join(s.home, ".docker", "multiarch", "manifests", "*.json"))
		s.check(err)
		s.equal("the number of drafts", len(drafts), 1)
		s.contains("the draft", s.read(drafts[0]), list, `"forced": true`)
		s.write(drafts[0], "{broken")
		bad(1, drafts[0]+".corrupt", "push", list)
		s.equal("the broken draft", s.read(drafts[0]+".corrupt"), "{broken")
		bad(1, "no such manifest", "push", list)
		s.check(os.WriteFile(drafts[0], nil, 0o600))
		r := s.docker("multiarch", "manifest", "create", "--push", list, amd, arm)
		s.equal("the status", r.code, 0)
		s.contains("what is said", r.err, drafts[0]+".corrupt-2")
		s.contains("standard output", r.out, "Created manifest list "+list, s.remote(repo, "1").digest)
		writes := faults.Matching(func(method, _ string) bool { return method == http.MethodPut })
		s.equal("what was written in all", joined(writes), "[PUT /v2"+there+"/manifests/1 201]")
	})
}

func TestImagesOfOtherRepositoriesAreMountedAndThoseOfOtherRegistriesCopied(t *testing.T) {
	onEachEngine(t, func(s *story) {
		faults, host := s.front()
		from, list := s.repo(), host+"/e2e/"+random()+":1"
		images := s.children(strings.Replace(from, s.registry, host, 1), "amd64", "arm64")
		faults.Forget()
		s.mustDocker(append([]string{"multiarch", "manifest", "create", list}, images...)...)
		s.mustDocker("multiarch", "manifest", "push", list)
		s.equal("what is sent of images of the registry", joined(faults.Matching(faultregistry.On(http.MethodPut, "/blobs/"))), "[]")
		repo, _, _ := cutTag(s.behind(list))
		s.equal("what runs", len(s.fileOf(repo, "1", "linux/arm64", "bin/busybox")) > 0, true)

		other := s.serve(registry.New(registry.Logger(log.New(io.Discard, "", 0)))) + "/copied/app"
		s.mustDocker(append([]string{"multiarch", "manifest", "create", "--push", other + ":1"}, images...)...)
		s.equal("the platforms of a copy", s.remote(other, "1").platforms(), []string{"linux/amd64", "linux/arm64"})
		s.equal("what is in it", s.fileOf(other, "1", "linux/arm64", "bin/busybox"), s.fileOf(repo, "1", "linux/arm64", "bin/busybox"))
	})
}

func TestListsAreMadeInRegistriesWithALoginAndWithACertificateOfTheirOwn(t *testing.T) {
	onEachEngine(t, func(s *story) {
		from := s.repo()
		s.children(from, "amd64", "arm64")
		path := strings.TrimPrefix(from, s.registry)
		hosts := map[string]string{}
		for scheme, handler := range s.logins() {
			hosts[scheme] = s.serve(handler)
		}
		secure := httptest.NewTLSServer(s.backend())
		s.Cleanup(secure.Close)
		hosts["tls"] = secure.Listener.Addr().String()
		for scheme, host := range hosts {
			list := host + "/e2e/" + random() + ":1"
			create := []string{"multiarch", "manifest", "create", "--insecure", list, host + path + ":amd64", host + path + ":arm64"}
			if scheme != "tls" {
				s.refused(s.docker(create...), 1, "docker login "+host)
				s.logIn(host)
			}
			s.mustDocker(create...)
			digest := s.mustDocker("multiarch", "manifest", "push", "--insecure", "-p", list)
			repo, tag, _ := cutTag(s.behind(list))
			s.equal(scheme+": what was pushed", s.remote(repo, tag).digest, digest)
			s.equal(scheme+": what is shown", s.mustDocker("multiarch", "manifest", "inspect", "--insecure", "-v", list),
				s.mustDocker("manifest", "inspect", "--insecure", "-v", list))
		}
	})
}
