//go:build e2e

package e2e

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
)

func TestAttestationsAreInTheOneIndexBehindTheImagesTheyAreAbout(t *testing.T) {
	onEachEngine(t, func(s *story) {
		faults, host := s.front()
		repo := host + "/e2e/" + random()
		s.mustBuild("--platform", twoPlatforms, "--provenance=mode=max", "--push", "-t", repo+":v1", s.machines())
		index := s.remote(repo, "v1")
		s.equal("the entries", index.platforms(), []string{"linux/amd64", "linux/arm64", "unknown/unknown", "unknown/unknown"})
		_, body := s.get(repo, "manifests/v1")
		var full struct {
			Manifests []struct{ Annotations map[string]string }
		}
		s.check(json.Unmarshal(body, &full))
		for i := range 2 {
			about := full.Manifests[2+i].Annotations["vnd.docker.reference.digest"]
			s.equal("the subject", about, index.Manifests[i].Digest)
			s.equal("images before what is about them", before(faults.Requests(), about, index.Manifests[2+i].Digest), true)
		}
		s.contains("the peer", s.peer("imagetools", "inspect", repo+":v1", "--format", "{{json .Provenance}}"), "linux/arm64", "buildType")

		plain := s.repo()
		s.mustBuild("--platform", twoPlatforms, "--attest", "type=provenance,mode=min", "-o", "type=registry,oci-artifact=false", "-t", plain, s.machines())
		s.equal("the entries", s.remote(plain, "latest").platforms(), index.platforms())
		_, body = s.get(plain, "manifests/"+s.remote(plain, "latest").Manifests[2].Digest)
		s.lacks("an attestation that is no artifact", string(body), `"subject"`)
	})
}

// before reports whether a registry got one manifest before another.
func before(requests []faultregistry.Request, first, second string) bool {
	at := func(digest string) int {
		for i, r := range requests {
			if r.Method == "PUT" && strings.HasSuffix(r.Path, digest) {
				return i
			}
		}
		return -1
	}
	return at(first) >= 0 && at(first) < at(second)
}

func TestAScannerThatCannotBeHadIsSaid(t *testing.T) {
	onEachEngine(t, func(s *story) {
		repo := s.repo()
		r := s.build("--sbom=generator="+s.registry+"/nobody/scanner:1", "--push", "-t", repo, s.machines())
		s.equal("the status", r.code, 1)
		s.contains("the error", r.err, "the SBOM scanner image", "nobody/scanner:1", "--sbom=generator=IMAGE")
		s.equal("the tag", s.exists(repo, "latest"), false)
	})
}

func TestTwoFreshBuildersMakeTheSameIndex(t *testing.T) {
	onEachEngine(t, func(s *story) {
		dir := s.dockerfile("FROM $BASE", "RUN date >/date; touch -d @1000000000 /date; echo same >/date", "COPY Dockerfile /")
		var digests []string
		for _, platforms := range []string{three, "arm64,linux/arm/v7,x86_64"} {
			s.ownBuilder()
			repo := s.repo()
			s.mustRun(call{
				args: s.buildArgs("--platform", platforms, "-o", "type=registry,rewrite-timestamp=true", "-t", repo, dir),
				env:  []string{"SOURCE_DATE_EPOCH=1700000000"},
			})
			digests = append(digests, s.remote(repo, "latest").digest)
			s.mustDocker("multiarch", "builder", "rm", s.builder)
		}
		s.equal("the second index", digests[1], digests[0])
	})
}
