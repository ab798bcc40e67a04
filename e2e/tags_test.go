//go:build e2e

package e2e

import "testing"

func TestOtherTagsStayAsTheyAre(t *testing.T) {
	onEachEngine(t, func(s *story) {
		repo := s.repo()
		s.mustBuild("--push", "-t", repo+":1", s.dockerfile("FROM scratch", "COPY Dockerfile /one"))
		one := s.remote(repo, "1").digest
		s.mustBuild("--push", "-t", repo+":2", s.dockerfile("FROM scratch", "COPY Dockerfile /two"))
		s.equal("the first tag", s.remote(repo, "1").digest, one)
		if s.remote(repo, "2").digest == one {
			s.Error("the second tag has the first image")
		}
		s.equal("whether a tag was made that nobody asked for", s.exists(repo, "latest"), false)
	})
}

func TestASinglePlatformIsAPlainManifestUnlessAnIndexIsAskedFor(t *testing.T) {
	onEachEngine(t, func(s *story) {
		repo := s.repo()
		dir := s.dockerfile("FROM scratch", "COPY Dockerfile /")
		s.mustBuild("--platform", "linux/arm64", "--push", "-t", repo+":plain", dir)
		s.mustBuild("--platform", "linux/arm64", "--index", "--push", "-t", repo+":index", dir)
		plain, index := s.remote(repo, "plain"), s.remote(repo, "index")
		s.equal("the media type", plain.MediaType, ociManifest)
		s.equal("the architecture", s.imageConfig(plain).Architecture, "arm64")
		s.equal("the media type", index.MediaType, ociIndex)
		s.equal("the platforms", index.platforms(), []string{"linux/arm64"})
		s.equal("the child", index.Manifests[0].Digest, plain.digest)
	})
}

func TestWithoutAPlatformTheEnginesOwnIsBuilt(t *testing.T) {
	onEachEngine(t, func(s *story) {
		repo := s.repo()
		s.mustBuild("--push", "-t", repo, s.dockerfile("FROM scratch", "COPY Dockerfile /"))
		s.equal("the architecture", s.imageConfig(s.remote(repo, "latest")).Architecture, s.mustDocker("version", "--format", "{{.Server.Arch}}"))
	})
}

func TestDockerMediaTypesAreUsedThroughout(t *testing.T) {
	onEachEngine(t, func(s *story) {
		repo := s.repo()
		s.mustBuild("--media-types", "docker", "--platform", "linux/amd64,linux/arm64", "--push", "-t", repo, s.dockerfile("FROM $BASE", "COPY Dockerfile /"))
		list := s.remote(repo, "latest")
		s.equal("the media type", list.MediaType, dockerList)
		for _, entry := range list.Manifests {
			s.equal("the entry's media type", entry.MediaType, dockerSchema)
			child := s.remote(repo, entry.Digest)
			s.equal("the child's media type", child.MediaType, dockerSchema)
			s.equal("its config's", child.Config.MediaType, "application/vnd.docker.container.image.v1+json")
			for _, layer := range child.Layers {
				s.equal("a layer's", layer.MediaType, "application/vnd.docker.image.rootfs.diff.tar.gzip")
			}
		}
	})
}

func TestAllTagsInAllRepositoriesGetTheSameIndex(t *testing.T) {
	onEachEngine(t, func(s *story) {
		one, two := s.repo(), s.repo()
		s.mustBuild("--platform", "linux/amd64,linux/arm64", "--push", "-t", one+":1", "-t", one+":latest", "-t", two+":x",
			s.dockerfile("FROM $BASE", "COPY Dockerfile /"))
		index := s.remote(one, "1")
		s.equal("the second tag", s.remote(one, "latest").digest, index.digest)
		s.equal("the tag elsewhere", s.remote(two, "x").digest, index.digest)
		for _, platform := range index.platforms() {
			if len(s.contents(s.image(two, "x", platform))) == 0 {
				s.Errorf("the second repository has no files for %s", platform)
			}
		}
	})
}

func TestAnIndexHasOneEntryPerPlatformAndNoAttestations(t *testing.T) {
	onEachEngine(t, func(s *story) {
		repo := s.repo()
		s.mustBuild("--platform", "linux/amd64,linux/arm64", "--push", "-t", repo, s.dockerfile("FROM scratch", "COPY Dockerfile /"))
		s.equal("the entries", s.remote(repo, "latest").platforms(), []string{"linux/amd64", "linux/arm64"})
	})
}
