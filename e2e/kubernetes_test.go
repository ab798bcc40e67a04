//go:build e2e

package e2e

import (
	"path/filepath"
	"testing"
	"time"
)

func TestAClusterBuildsEachPlatformOnAPodOfItsOwn(t *testing.T) {
	s := onCluster(t)
	made := s.mustPods()
	s.contains("the plan", made.err, `node "amd64": linux/amd64, natively, on the cluster's nodes 127.0.0.11`, `node "arm64": linux/arm64, natively, on the cluster's nodes 127.0.0.12`)
	s.equal("what is in the cluster before the first build", s.ours(), "")

	repo := s.repo()
	s.Cleanup(func() { s.docker("image", "rm", "-f", repo+":v1") })
	dir := s.folder(files{
		"file": random(),
		"Dockerfile": s.onBase("FROM --platform=$BUILDPLATFORM $BASE AS once", "COPY file /", "RUN --mount=type=secret,id=word cp /run/secrets/word /word && uname -m >/machine",
			"FROM scratch", "COPY --from=once /file /word /machine /"),
	})
	s.write("word", "secret")
	args := []string{
		"--platform", twoPlatforms, "--push", "-t", repo + ":v1", "--secret", "id=word,src=word", "-o", "type=oci,dest=x.tar", "-o", "out",
		"--cache-to", "type=registry,ref=" + repo + ":cache,mode=max", "--cache-from", "type=registry,ref=" + repo + ":cache", "--metadata-file", "meta.json", dir,
	}
	first := s.mustBuild(args...)
	s.Logf("create to first result: %s", first.took)
	index := s.remote(repo, "v1")
	s.equal("the platforms", index.platforms(), two)
	s.equal("the nodes", s.nodesOf("meta.json"), "linux/amd64 on amd64, linux/arm64 on arm64")
	s.equal("the secret in the folder", s.read(filepath.Join("out", "linux_arm64", "word")), "secret")
	s.equal("the archive", digestOf(s.skopeo("inspect", "--raw", "oci-archive:"+filepath.Join(s.dir, "x.tar")+":v1")), index.digest)
	began := time.Now()
	again := s.mustBuild(args...)
	s.Logf("again: %s", time.Since(began))
	s.contains("a second time", again.err, "(unchanged)")
	s.mustBuild(append([]string{"--platform", "cluster", "--push", "-t", repo + ":all", "--secret", "id=word,src=word"}, dir)...)
	s.equal("the platforms of the cluster", s.remote(repo, "all").platforms(), two)
	s.mustBuild("--load", "-t", repo+":v1", dir, "--secret", "id=word,src=word")

	list := s.mustDocker("multiarch", "builder", "ls")
	s.contains("the list", list, s.builder, "kubernetes", "amd64", "arm64", "running")
	s.contains("the description", s.mustDocker("multiarch", "builder", "inspect", s.builder), "pod/multiarch-", "kubernetes://?", "running", "gcpolicy")
	s.contains("the usage", s.mustDocker("multiarch", "builder", "du", "--builder", s.builder), "Total:", "arm64")
	s.contains("the doctor", s.docker("multiarch", "doctor", "--builder", s.builder).out, "this user has the rights that builds need", "pods can run on the cluster's nodes 127.0.0.12")
	s.mustDocker("multiarch", "builder", "prune", "-af", "--builder", s.builder)

	s.mustDocker("multiarch", "builder", "stop", s.builder)
	s.eventually("no pod runs", func() bool { return s.kubectl("get", "pods", "-o", "name") == "" })
	s.contains("the list", s.mustDocker("multiarch", "builder", "ls"), "stopped")
	s.mustBuild("--platform", "linux/arm64", "--push", "-t", repo+":v2", "--secret", "id=word,src=word", dir)
	s.mustDocker("multiarch", "builder", "rm", s.builder)
	s.equal("what is left in the cluster", s.ours(), "")
}
