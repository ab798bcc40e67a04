//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestQuietPrintsOnlyPullableNames(t *testing.T) {
	onEachEngine(t, func(s *story) {
		repo, other := s.repo(), s.repo()
		r := s.mustBuild("-q", "--platform", twoPlatforms, "--iidfile", "iid", "--push", "-t", repo+":1", "-t", repo+":2", "-t", other,
			s.dockerfile("FROM scratch", "COPY Dockerfile /"))
		digest := s.remote(repo, "1").digest
		s.equal("the standard output", r.out, repo+"@"+digest+"\n"+other+"@"+digest+"\n")
		s.equal("the standard error", r.err, "")
		s.equal("the file", s.read("iid"), digest)
		for _, ref := range strings.Fields(r.out) {
			s.Cleanup(func() { s.docker("image", "rm", "-f", ref) })
			s.mustDocker("pull", "-q", ref)
		}
	})
}

func TestStandardOutputIsEmptyWithoutQuiet(t *testing.T) {
	onEachEngine(t, func(s *story) {
		repo := s.repo()
		r := s.mustBuild("--platform", twoPlatforms, "--push", "-t", repo, s.dockerfile("FROM scratch", "COPY Dockerfile /"))
		s.equal("the standard output", r.out, "")
		digest := s.remote(repo, "latest").digest
		s.contains("the end", r.err, digest, "what docker pull shows", "linux/amd64", "linux/arm64")
	})
}

// metadata is the documented content of --metadata-file.
type metadata struct {
	Digest     string     `json:"containerimage.digest"`
	Config     string     `json:"containerimage.config.digest"`
	Descriptor descriptor `json:"containerimage.descriptor"`
	Name       string     `json:"image.name"`
	Multiarch  struct {
		SchemaVersion int
		Index         string
		Platforms     []struct {
			Platform, Manifest, Config, Node, How string
			Size                                  int64
			Seconds                               float64
			Verify                                struct {
				Verdict  string
				Files    int
				Findings []gateFinding
			}
		}
		Tags []struct{ Name, Digest, State string }
	}
}

func TestTheMetadataFileMatchesTheRegistry(t *testing.T) {
	onEachEngine(t, func(s *story) {
		repo := s.repo()
		s.mustBuild("--metadata-file", "meta", "--iidfile", "iid", "--platform", three, "--push", "-t", repo+":1", "-t", repo+":2",
			s.dockerfile("FROM $BASE", "RUN echo >/x"))
		var m metadata
		s.check(json.Unmarshal([]byte(s.read("meta")), &m))
		index := s.remote(repo, "1")
		s.equal("the digests", []string{m.Digest, m.Descriptor.Digest, m.Multiarch.Index, s.read("iid")},
			[]string{index.digest, index.digest, index.digest, index.digest})
		s.equal("the media type", m.Descriptor.MediaType, ociIndex)
		s.equal("the name", m.Name, repo+":1,"+repo+":2")
		s.equal("the schema", m.Multiarch.SchemaVersion, 1)
		s.equal("the number of platforms", len(m.Multiarch.Platforms), 3)
		for i, p := range m.Multiarch.Platforms {
			child := s.remote(repo, index.Manifests[i].Digest)
			size := child.Config.Size
			for _, layer := range child.Layers {
				size += layer.Size
			}
			how := map[bool]string{true: "native", false: "emulated"}[p.Platform == "linux/amd64"]
			s.equal("the entry", []any{p.Platform, p.Manifest, p.Config, p.Size, p.How, p.Node},
				[]any{index.Manifests[i].platform(), child.digest, child.Config.Digest, size, how, s.builder})
			if p.Seconds <= 0 {
				s.Errorf("%s took %v seconds", p.Platform, p.Seconds)
			}
		}
		s.equal("the tags", m.Multiarch.Tags, fmt.Sprintf("[{%s:1 %s moved} {%s:2 %s moved}]", repo, index.digest, repo, index.digest))
	})
}

func TestTheMetadataOfASinglePlatformIsThatOfItsManifest(t *testing.T) {
	onEachEngine(t, func(s *story) {
		repo := s.repo()
		s.mustBuild("--metadata-file", "meta", "--iidfile", "iid", "--push", "-t", repo, s.dockerfile("FROM scratch", "COPY Dockerfile /"))
		var m metadata
		s.check(json.Unmarshal([]byte(s.read("meta")), &m))
		image := s.remote(repo, "latest")
		s.equal("the digests", []string{m.Digest, m.Config, m.Multiarch.Index, s.read("iid")}, []string{image.digest, image.Config.Digest, "", image.digest})
	})
}
