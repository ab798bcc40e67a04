//go:build e2e

package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
)

// digestOnly builds for a platform, attested, without a tag, and writes its metadata to a file.
func (s *story) digestOnly(repo, platform, file string) {
	s.Helper()
	r := s.mustBuild("-q", "--platform", platform, "--provenance=mode=min", "--push", "--digest-only", "-t", repo, "--metadata-file", file, s.machines())
	name, _, _ := strings.Cut(strings.TrimSpace(r.out), "@")
	s.equal("the name", name, repo)
}

func TestBuildsOnTwoBuildersAreMergedAndEverybodyReadsThemTheSame(t *testing.T) {
	onEachEngine(t, func(s *story) {
		repo := s.repo()
		s.digestOnly(repo, "linux/amd64", "amd64.json")
		s.ownBuilder()
		s.digestOnly(repo, "linux/arm64", "arm64.json")
		s.equal("whether there is a tag", s.exists(repo, "1"), false)
		r := s.docker("multiarch", "manifest", "merge", "-t", repo+":1", "--expect", "linux/amd64,linux/arm64,linux/s390x", "amd64.json", "arm64.json")
		s.refused(r, 1, "missing: linux/s390x")
		s.equal("whether there is a tag after a refusal", s.exists(repo, "1"), false)
		merged := s.mustDocker("multiarch", "manifest", "merge", "-q", "-t", repo+":1", "--expect", "linux/amd64,linux/arm64", "amd64.json", "arm64.json")
		image := s.remote(repo, "1")
		s.equal("what -q prints", merged, repo+"@"+image.digest)
		s.equal("the platforms", image.platforms(), []string{"linux/amd64", "linux/arm64", "unknown/unknown", "unknown/unknown"})
		raw := s.skopeo("inspect", "--raw", "--tls-verify=false", "docker://"+repo+":1")
		s.equal("skopeo's digest", digestOf(raw), image.digest)
		s.equal("attestations", strings.Count(raw, "attestation-manifest"), 2)
		listed := s.mustDocker("manifest", "inspect", "--insecure", repo+":1")
		s.contains("docker manifest inspect", listed, "amd64", "arm64")
		peer := filepath.Join(s.home, ".docker", "cli-plugins", "docker-buildx")
		s.check(os.Symlink(need(t, "MULTIARCH_E2E_BUILDX"), peer))
		s.contains("imagetools inspect", s.mustDocker("buildx", "imagetools", "inspect", repo+":1"), image.digest, "linux/arm64")
		for platform, machine := range map[string]string{"linux/amd64": "x86_64", "linux/arm64": "aarch64"} {
			s.equal("what was built for "+platform, s.fileOf(repo, "1", platform, "machine"), machine)
		}
		s.Cleanup(func() { s.docker("image", "rm", "-f", repo+":1") })
		s.mustDocker("pull", repo+":1")
		s.equal("what runs", s.mustDocker("run", "--rm", repo+":1", "cat", "/machine"), "x86_64")
	})
}

func TestMergesIntoOneTagAtTheSameTimeAllGetIn(t *testing.T) {
	onEachEngine(t, func(s *story) {
		repo := s.repo()
		var raw struct {
			Manifests []struct {
				Digest   string
				Platform struct{ Architecture string }
			}
		}
		s.check(json.Unmarshal([]byte(s.skopeo("inspect", "--raw", "--tls-verify=false", "docker://"+s.base)), &raw))
		base, _, _ := cutTag(s.base)
		var together sync.WaitGroup
		for _, m := range raw.Manifests[:4] {
			together.Go(func() {
				if r := s.docker("multiarch", "manifest", "merge", "--onto", repo+":1", base+"@"+m.Digest); r.code != 0 {
					s.Errorf("%s: status %d\n%s", m.Platform.Architecture, r.code, r.err)
				}
			})
		}
		together.Wait()
		s.equal("the number of platforms", len(s.remote(repo, "1").platforms()), 4)
	})
}

func TestAMergedDockerManifestListIsReadableAndMovesNoTagWhenRefused(t *testing.T) {
	onEachEngine(t, func(s *story) {
		repo := s.repo()
		s.mustDocker("multiarch", "manifest", "merge", "-t", repo+":oci", s.base)
		s.mustDocker("multiarch", "manifest", "merge", "-t", repo+":docker", "--media-types", "docker", repo+":oci")
		raw := s.skopeo("inspect", "--raw", "--tls-verify=false", "docker://"+repo+":docker")
		s.contains("the list", raw, "application/vnd.docker.distribution.manifest.list.v2+json")
		s.lacks("the list", raw, "vnd.oci")
		s.equal("the platforms", s.remote(repo, "docker").platforms(), s.remote(repo, "oci").platforms())
		s.contains("docker manifest inspect", s.mustDocker("manifest", "inspect", "--insecure", repo+":docker"), "arm64")
		s.Cleanup(func() { s.docker("image", "rm", "-f", repo+":docker") })
		s.mustDocker("pull", repo+":docker")
		r := s.docker("multiarch", "manifest", "merge", "--no-clobber", "-t", repo+":docker", repo+":oci")
		s.refused(r, 1, "names", "already")
		faults, host := s.front()
		faults.Add(faultregistry.Fault{Match: faultregistry.TagPut, Do: faultregistry.RefuseType(ociIndex)})
		_, path, _ := strings.Cut(repo, "/")
		r = s.docker("multiarch", "manifest", "merge", "-t", host+"/"+path+":x", host+"/"+path+":oci")
		s.refused(r, 4, "--media-types docker")
		s.equal("whether the tag is there", s.exists(repo, "x"), false)
	})
}
