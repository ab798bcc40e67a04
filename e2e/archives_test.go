//go:build e2e

package e2e

import (
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
)

// ociArchive builds app.tar for three platforms, whose /machine names the machine that built them, and returns the digest of its
// index.
func (s *story) ociArchive(name string) string {
	s.Helper()
	s.mustBuild("--platform", three, "-t", name, "-o", "type=oci,dest=app.tar", s.machines())
	return digestOf(s.skopeo("inspect", "--raw", "oci-archive:app.tar"))
}

func TestAnArchiveIsPushedWithoutBuildingAndNothingTwice(t *testing.T) {
	onEachEngine(t, func(s *story) {
		digest := s.ociArchive(s.engineName())
		faults, host := s.front()
		repo, other := host+"/e2e/"+random(), host+"/e2e/"+random()
		s.equal("standard output", s.mustDocker("multiarch", "push", "-q", "app.tar", repo+":1", repo+":2", other+":1"), repo+"@"+digest+"\n"+other+"@"+digest)
		for _, tag := range []string{repo + ":1", repo + ":2", other + ":1"} {
			name, version, _ := cutTag(tag)
			s.equal("the digest of "+tag, s.remote(s.behind(name), version).digest, digest)
		}
		s.equal("what was built for linux/arm64", s.fileOf(s.behind(other), "1", "linux/arm64", "machine"), "aarch64")
		faults.Forget()
		s.mustDocker("multiarch", "push", "app.tar", repo+":3")
		writes := faults.Matching(func(method, _ string) bool { return method == http.MethodPut })
		s.equal("what is written of an image that is there", writes, "["+"PUT /v2/"+strings.TrimPrefix(repo, host+"/")+"/manifests/3 201]")
	})
}

// cutTag splits a name with a tag behind a registry with a port.
func cutTag(name string) (repo, tag string, ok bool) {
	i := strings.LastIndex(name, ":")
	return name[:i], name[i+1:], i > 0
}

func TestALoadedArchiveRunsOnEveryPlatform(t *testing.T) {
	onEachEngine(t, func(s *story) {
		name := s.engineName()
		digest := s.ociArchive(name)
		s.mustDocker("multiarch", "load", "app.tar")
		for platform, machine := range unameOf {
			s.equal(platform, s.mustDocker(append(append([]string{"run", "--rm"}, s.loadedName(name, platform)...), "cat", "/machine")...), machine)
		}
		if s.containerdStore() {
			s.equal("the engine's digest", s.mustDocker("image", "inspect", "--format", "{{.Id}}", name), digest)
		}
	})
}

// BuildKit removes a layer with rewritten timestamps when it next cleans up after the export, which a platform that takes long gives it the
// time for.
func TestRewrittenLayersOutlastTheBuildersCleanUp(t *testing.T) {
	onEachEngine(t, func(s *story) {
		s.ownBuilder()
		s.mustDocker("multiarch", "builder", "create", "--name", s.builder, "--driver-opt", "network=host")
		dir := s.dockerfile("FROM $BASE", "ARG TARGETARCH", "RUN echo "+random()+" >/random; [ $TARGETARCH = amd64 ] || sleep 20")
		p := s.start(call{
			args: s.buildArgs("--progress", "plain", "--platform", "linux/amd64,linux/arm64", "-o", "type=oci,rewrite-timestamp=true,dest=app.tar", dir),
			env:  []string{"SOURCE_DATE_EPOCH=1700000000"},
		})
		s.eventually("the export of linux/amd64", func() bool {
			export := regexp.MustCompile(`linux/amd64 +\| (#\d+) exporting to oci image format`).FindStringSubmatch(p.err.String())
			return export != nil && strings.Contains(p.err.String(), export[1]+" DONE")
		})
		s.mustDocker("multiarch", "builder", "prune", "-a", "-f", "--builder", s.builder)
		if r := p.wait(); r.code != 0 {
			s.Fatal(r.err)
		}
		s.mustDocker("multiarch", "verify", "app.tar")
	})
}

func TestLoadingAgainSendsOnlyNewContent(t *testing.T) {
	onEachEngine(t, func(s *story) {
		const size = 4 << 20
		name, big := s.engineName(), noise(size)
		build := func(version string) {
			s.mustBuild("--platform", twoPlatforms, "-t", name, "-o", "type=oci,dest=app.tar",
				s.folder(files{"Dockerfile": "FROM scratch\nLABEL " + name[:strings.Index(name, ":")] + "=story\nCOPY big /\nCOPY small /\n", "big": big, "small": version}))
		}
		s.Cleanup(func() { s.docker("image", "prune", "-f", "--filter", "label="+name[:strings.Index(name, ":")]) }) // the first one
		build("one")
		s.mustDocker("multiarch", "load", "app.tar")
		host, sent := s.countingEngine()
		again := func() {
			s.mustRun(call{args: []string{"multiarch", "load", "app.tar"}, env: []string{"DOCKER_HOST=" + host}})
		}
		again()
		if n := sent(); n > 64<<10 {
			s.Errorf("%d bytes were sent of an image that was there", n)
		}
		before := sent()
		build("two")
		again()
		if n := sent() - before; n > size/4 {
			s.Errorf("%d bytes were sent for a small new layer", n)
		}
		s.mustDocker("multiarch", "load", "app.tar")
	})
}

func TestPlatformsOfAnArchiveAreLoadedOneByOne(t *testing.T) {
	onEachEngine(t, func(s *story) {
		name := s.engineName()
		digest := s.ociArchive(name)
		run := func(platform string) result {
			return s.docker("run", "--rm", "--pull", "never", "--platform", platform, name, "cat", "/machine")
		}
		ids := s.mustDocker("multiarch", "load", "-q", "--platform", "linux/arm64", "app.tar")
		s.equal("what runs", strings.TrimSpace(run("linux/arm64").out), "aarch64")
		if s.containerdStore() {
			s.equal("the ID", ids, digest)
			if run("linux/arm/v7").code == 0 {
				s.Error("another platform runs, too")
			}
		}
		s.equal("the ID of the second", s.mustDocker("multiarch", "load", "-q", "--platform", "native", "app.tar") == ids, s.containerdStore())
		s.equal("what runs natively", strings.TrimSpace(run("linux/amd64").out), "x86_64")
	})
}

func TestArchivesOfOthersAreLoadedAndPushed(t *testing.T) {
	onEachEngine(t, func(s *story) {
		name, repo := s.engineName(), s.repo()
		s.skopeo("copy", "--all", "--src-tls-verify=false", "docker://"+s.base, "oci-archive:skopeo.tar:"+name)
		s.skopeo("copy", "--all", "--src-tls-verify=false", "docker://"+s.base, "oci:folder:1")
		repoOfBase, tag, _ := cutTag(s.base)
		digest := s.remote(repoOfBase, tag).digest
		s.mustDocker("multiarch", "load", "--platform", "native", "skopeo.tar")
		s.equal("what runs", s.mustDocker("run", "--rm", name, "echo", "it runs"), "it runs")
		s.mustDocker("multiarch", "push", "skopeo.tar", repo+":1")
		s.mustDocker("multiarch", "push", "folder", repo+":2")
		if s.containerdStore() {
			s.mustDocker("multiarch", "load", "-t", name, "folder")
			s.mustDocker("save", "-o", filepath.Join(s.dir, "saved.tar"), name)
			s.mustDocker("multiarch", "push", "saved.tar", repo+":3")
			s.equal("the digest of what docker saved", s.remote(repo, "3").digest, digest)
		}
		s.equal("the digest of skopeo's archive", s.remote(repo, "1").digest, digest)
		s.equal("the digest of skopeo's folder", s.remote(repo, "2").digest, digest)
	})
}

func TestABrokenArchiveAndADeadRegistryMoveNoTag(t *testing.T) {
	onEachEngine(t, func(s *story) {
		name, repo := s.engineName(), s.repo()
		s.ociArchive(name)
		whole := s.read("app.tar")
		s.write("short.tar", whole[:len(whole)*2/3])
		s.write("damaged.tar", strings.Replace(whole, "uname -m", "uname -a", 1)) // in a configuration
		for _, command := range [][]string{{"load", "short.tar"}, {"push", "short.tar", repo}, {"load", "damaged.tar"}, {"push", "damaged.tar", repo}} {
			r := s.docker(append([]string{"multiarch"}, command...)...)
			if r.code == 0 || strings.Contains(command[1], "short") && r.code != 125 {
				s.Errorf("%v: status %d\n%s", command, r.code, r.err)
			}
		}
		faults, host := s.front()
		faults.Add(faultregistry.Fault{Match: faultregistry.On(http.MethodPut, "/blobs/uploads/"), Skip: 1, Do: faultregistry.Answer(403, "DENIED", "no more")})
		r := s.docker("multiarch", "push", "app.tar", host+"/e2e/"+random()+":1")
		s.equal("the status of a push that is refused half way", r.code, 4)
		s.contains("the error", r.err, "no more")
		s.equal("tags written", len(faults.Matching(faultregistry.TagPut)), 0)
		if s.exists(repo, "latest") || s.docker("image", "inspect", name).code == 0 {
			s.Error("a tag was moved")
		}
	})
}
