//go:build e2e

package e2e

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/e2e/testenv"
)

// noEngine runs docker multiarch where there is no engine.
func (s *story) noEngine(args ...string) result {
	s.Helper()
	return s.run(call{args: append([]string{"multiarch"}, args...), env: []string{"DOCKER_HOST=unix:///nowhere.sock"}})
}

// mustLook is noEngine for a command that has to succeed; it returns the standard output.
func (s *story) mustLook(args ...string) string {
	s.Helper()
	r := s.noEngine(args...)
	if r.code != 0 {
		s.Fatalf("docker multiarch %s: status %d\n%s%s", strings.Join(args, " "), r.code, r.out, r.err)
	}
	return r.out
}

// remove deletes a manifest or a blob from a repository, as a clean-up does.
func (s *story) remove(repo, rest string) {
	s.Helper()
	host, path, _ := strings.Cut(repo, "/")
	req, err := http.NewRequestWithContext(s.Context(), http.MethodDelete, "http://"+host+"/v2/"+path+"/"+rest, nil)
	s.check(err)
	resp, err := http.DefaultClient.Do(req)
	s.check(err)
	s.check(resp.Body.Close())
	if resp.StatusCode == http.StatusMethodNotAllowed {
		testenv.SkipBecause(s.T, "the registry at "+host+" deletes nothing")
	}
	s.equal("the answer to DELETE "+rest, resp.StatusCode, http.StatusAccepted)
}

// sameJSON compares two documents by their values.
func (s *story) sameJSON(what, got, want string) {
	s.Helper()
	var x, y any
	s.check(json.Unmarshal([]byte(got), &x))
	s.check(json.Unmarshal([]byte(want), &y))
	if !reflect.DeepEqual(x, y) {
		s.Errorf("%s:\n%s\nnot\n%s", what, got, want)
	}
}

// unique is a Dockerfile whose images no other build makes, each platform with a layer of its own, and nothing to run.
func (s *story) unique() string {
	s.Helper()
	return s.dockerfile("FROM $BASE", "ARG TARGETPLATFORM", "COPY <<EOF /unique", "$TARGETPLATFORM "+random(), "EOF")
}

func TestInspectNeedsNoEngine(t *testing.T) {
	onEachEngine(t, func(s *story) {
		repo := s.repo()
		s.mustBuild("--platform", three, "--provenance=mode=min", "--push", "-t", repo+":1", "-o", "type=oci,dest=app.tar", s.unique())
		s.skopeo("copy", "-q", "--all", "--format", "v2s2", "--src-tls-verify=false", "--dest-tls-verify=false", "docker://"+s.base, "docker://"+repo+":docker")
		index := s.remote(repo, "1")
		for _, tag := range []string{"1", "docker"} {
			raw := s.skopeo("inspect", "--raw", "--tls-verify=false", "docker://"+repo+":"+tag)
			s.equal("--raw", s.mustLook("inspect", "--raw", repo+":"+tag), raw)
			s.equal("the digest", s.mustLook("inspect", "--format", "{{.Digest}}", repo+":"+tag), digestOf(raw)+"\n")
			s.sameJSON("the index", s.mustLook("inspect", "--format", "{{json .Manifest}}", repo+":"+tag),
				s.peer("imagetools", "inspect", "--format", "{{json .Manifest}}", repo+":"+tag))
		}
		table := s.mustLook("inspect", repo+":1")
		s.contains("the table", table, "Index digest:", index.digest, "attestation", "https://slsa.dev/provenance")
		s.lacks("the table", table, "unknown/unknown")
		for i, name := range strings.Split("linux/amd64,linux/arm/v7,linux/arm64", ",") {
			s.contains("the table", table, name, index.Manifests[i].Digest)
		}
		platforms := s.mustLook("inspect", "--format", "{{json .Platforms}}", repo+":1")
		s.equal("the archive's platforms", s.mustLook("inspect", "--format", "{{json .Platforms}}", "app.tar"), platforms)
		s.equal("those by digest", s.mustLook("inspect", "--format", "{{json .Platforms}}", repo+"@"+index.digest), platforms)
		single := repo + "@" + index.Manifests[0].Digest
		s.sameJSON("a single image", s.mustLook("inspect", "--format", "{{json .Image}}", single), s.peer("imagetools", "inspect", "--format", "{{json .Image}}", single))
		s.contains("a single image", s.mustLook("inspect", single), "Image digest:", "linux/amd64")
	})
}

// verified is the answer of verify.
type verified struct {
	OK       bool
	Findings []struct{ Check, Platform, Digest, Message string }
}

func TestVerifyFindsContentThatACleanUpHasDeleted(t *testing.T) {
	onEachEngine(t, func(s *story) {
		repo := s.repo()
		s.mustBuild("--platform", three, "--provenance=mode=min", "--push", "-t", repo+":1", s.unique())
		s.contains("a whole image", s.mustLook("verify", "--expect", "x86_64,linux/arm64/v8,armhf", repo+":1"), "is whole", "linux/amd64, linux/arm/v7, linux/arm64")
		s.equal("the status without a platform", s.noEngine("verify", "-q", "--expect", "linux/amd64", repo+":1").code, 1)

		arm, amd := s.image(repo, "1", "linux/arm64"), s.image(repo, "1", "linux/amd64")
		layer := amd.Layers[len(amd.Layers)-1].Digest
		s.remove(repo, "manifests/"+arm.digest)
		s.remove(repo, "blobs/"+layer)
		s.remove(repo, "blobs/"+s.image(repo, "1", "linux/arm/v7").Config.Digest)
		r := s.noEngine("verify", "--format", "json", "--expect", "linux/amd64,linux/arm64,linux/arm/v7", repo+":1")
		s.equal("the status", r.code, 1)
		var got verified
		s.check(json.Unmarshal([]byte(r.out), &got))
		var lines []string
		for _, f := range got.Findings {
			lines = append(lines, f.Check+" "+f.Platform)
		}
		s.equal("the findings", lines, []string{"missing linux/amd64", "missing linux/arm/v7", "missing linux/arm64", "expect linux/arm64"})
		s.equal("what linux/amd64 lacks", got.Findings[0].Digest, layer)
		s.equal("what linux/arm64 lacks", got.Findings[2].Digest, arm.digest)
		r = s.noEngine("inspect", repo+":1")
		s.equal("the status of inspect", r.code, 1)
		s.contains("what inspect says", r.err, "is not whole", "docker multiarch verify")
		s.equal("the status for a tag that is not there", s.noEngine("verify", repo+":none").code, 1)
		s.equal("the status for a registry that is not there", s.noEngine("verify", "127.0.0.1:1/app").code, 2)
	})
}

func TestVerifyReadsArchivesAndPublicImages(t *testing.T) {
	onEachEngine(t, func(s *story) {
		s.skopeo("copy", "--all", "--src-tls-verify=false", "docker://"+s.base, "oci:folder:1")
		for _, ref := range []string{s.base, "./folder", "oci-layout://" + filepath.Join(s.dir, "folder") + ":1"} {
			s.contains("what verify says of "+ref, s.mustLook("verify", ref), "is whole", "linux/amd64", "linux/s390x")
		}
		s.equal("the status of diff", s.noEngine("manifest", "diff", s.base, "./folder").code, 0)
	})
}

func TestDiffTellsWhichPlatformsHaveChanged(t *testing.T) {
	onEachEngine(t, func(s *story) {
		repo, dir := s.repo(), s.unique()
		s.mustBuild("--platform", twoPlatforms, "--push", "-t", repo+":1", dir)
		s.mustBuild("--platform", three, "--push", "-t", repo+":2", "--label", "linux/arm64=new", dir)
		r := s.noEngine("manifest", "diff", "--format", "{{range .Platforms}}{{.Platform}} {{.State}} {{.Config}}\n{{end}}", repo+":1", repo+":2")
		s.equal("the status", r.code, 1)
		s.contains("the changes", r.out, "linux/amd64 changed", "linux/arm/v7 added []", "linux/arm64 changed", "config.Labels")
		first := s.remote(repo, "1").Manifests[0].Digest
		s.equal("the status of an image and itself", s.noEngine("manifest", "diff", repo+"@"+first, repo+"@"+first).code, 0)
		s.equal("the status for a tag that is not there", s.noEngine("manifest", "diff", repo+":1", repo+":none").code, 2)
	})
}

func TestLookingUsesTheLoginsOfTheDockerConfig(t *testing.T) {
	onEachEngine(t, func(s *story) {
		_, base, _ := strings.Cut(s.base, "/")
		for scheme, handler := range s.logins() {
			host := s.serve(handler)
			r := s.noEngine("verify", host+"/"+base)
			s.equal(scheme+": the status without a login", r.code, 2)
			s.contains("what it says", r.err, "docker login "+host)
			s.logIn(host)
			s.contains("what verify says", s.mustLook("verify", host+"/"+base), "is whole", "linux/arm64")
			s.equal("the digest", s.mustLook("inspect", "--format", "{{.Digest}}", host+"/"+base), s.mustLook("inspect", "--format", "{{.Digest}}", s.base))
		}
	})
}
