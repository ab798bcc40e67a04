//go:build e2e

package e2e

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// chances is a context whose steps have another result each time that they run: one for all platforms, from the context's files,
// and one for each platform, made from it.
func (s *story) chances() string {
	s.Helper()
	return s.folder(files{"own": random(), "Dockerfile": s.onBase(
		"FROM --platform=$BUILDPLATFORM $BASE AS common", "COPY own /own", "RUN (cat /own; head -c 16 /dev/urandom | base64) >/common",
		"FROM $BASE", "COPY --from=common /common /common", "RUN (uname -m; head -c 16 /dev/urandom | base64) >/chance")})
}

// made returns the results of the steps of each of the three platforms.
func (s *story) made(repo string) string {
	s.Helper()
	var all []string
	for _, platform := range strings.Split(three, ",") {
		for _, name := range []string{"common", "chance"} {
			all = append(all, s.fileOf(repo, "latest", platform, name))
		}
	}
	return strings.Join(all, "")
}

// madeAfresh returns the results of the context in a builder that has nothing but these caches.
func (s *story) madeAfresh(dir string, flags ...string) string {
	s.Helper()
	s.ownBuilder()
	repo := s.repo()
	s.mustRun(call{args: s.buildArgs(append(flags, "--platform", three, "--push", "-t", repo, dir)...), env: awsKeys})
	return s.made(repo)
}

// madeByThePeer is the same with docker buildx.
func (s *story) madeByThePeer(dir string, flags ...string) string {
	s.Helper()
	name, repo := "e2e-"+random(), s.repo()
	s.peer("create", "--name", name, "--driver", "docker-container", "--driver-opt", "network=host")
	s.Cleanup(func() { s.peer("rm", "-f", name) })
	words := append([]string{"build", "--builder", name, "--platform", three, "--push", "-t", repo}, flags...)
	s.peer(append(words, dir)...)
	return s.made(repo)
}

// awsKeys are arbitrary: the server requires some, and does not check them.
var awsKeys = []string{"AWS_ACCESS_KEY_ID=key", "AWS_SECRET_ACCESS_KEY=secret"}

func TestACacheServesEveryPlatformInAFreshBuilderAndInThePeer(t *testing.T) {
	onEachEngine(t, func(s *story) {
		s.ownBuilder()
		caches, repo, local, dir := s.repo(), s.repo(), filepath.Join(s.dir, "cache"), s.chances()
		s.mustBuild("--platform", three, "--push", "-t", repo, "--cache-to", caches+":min", "--cache-to", "type=registry,ref="+caches+":max,mode=max",
			"--cache-to", "type=local,mode=max,dest="+local, "--cache-to", "type=registry,mode=max,ref="+caches+":{{platform}}", dir)
		made := s.made(repo)
		for _, from := range []string{caches + ":min", caches + ":max", "type=local,src=" + local, caches + ":{{platform}}"} {
			s.equal("what was made with "+from, s.madeAfresh(dir, "--cache-from", from), made)
		}
		for _, from := range []string{caches + ":min", "type=local,src=" + local} {
			s.equal("what buildx made with "+from, s.madeByThePeer(dir, "--cache-from", from), made)
		}
	})
}

func TestTheSameCacheGoesOnWhenNothingWasBuiltAndWhenNothingMayBeCached(t *testing.T) {
	onEachEngine(t, func(s *story) {
		s.ownBuilder()
		first, second, third, dir := s.repo(), s.repo(), s.repo(), s.chances()
		build := func(flags ...string) string {
			repo := s.repo()
			s.mustBuild(append(flags, "--platform", three, "--push", "-t", repo, dir)...)
			return s.made(repo)
		}
		made := build("--cache-to", first)
		s.ownBuilder() // it has no layer of it: the layers go from one cache to the other
		s.equal("what was made", build("--cache-from", first, "--cache-to", second), made)
		s.equal("what was made from the second cache", s.madeAfresh(dir, "--cache-from", second), made)
		again := build("--no-cache", "--cache-to", third)
		if again == made {
			s.Fatal("--no-cache took the result from the cache")
		}
		s.equal("what was made from the cache of --no-cache", s.madeAfresh(dir, "--cache-from", third), again)
	})
}

func TestThePeersCacheIsImported(t *testing.T) {
	onEachEngine(t, func(s *story) {
		cache, dir := s.repo(), s.chances()
		made := s.madeByThePeer(dir, "--cache-to", cache)
		s.equal("what was made", s.madeAfresh(dir, "--cache-from", cache), made)
	})
}

func TestAnInlineCacheIsInTheImageOfEachPlatform(t *testing.T) {
	onEachEngine(t, func(s *story) {
		dir := s.folder(files{"own": random(), "Dockerfile": s.onBase("FROM $BASE", "COPY own /common", "RUN (uname -m; head -c 16 /dev/urandom | base64) >/chance")})
		for _, how := range [][]string{{"--cache-to", "type=inline"}, {"--build-arg", "BUILDKIT_INLINE_CACHE=1", "--provenance=true"}} {
			s.ownBuilder()
			repo := s.repo()
			s.mustBuild(append(how, "--platform", three, "--push", "-t", repo, dir)...)
			s.equal("what was made", s.madeAfresh(dir, "--cache-from", repo), s.made(repo))
			s.equal("what buildx made", s.madeByThePeer(dir, "--cache-from", repo), s.made(repo))
		}
	})
}

func TestACacheInAnS3BucketServesEveryPlatform(t *testing.T) {
	onEachEngine(t, func(s *story) {
		cache := "type=s3,region=us-east-1,bucket=cache,name=app,use_path_style=true,endpoint_url=http://" + s.bucket()
		s.ownBuilder()
		repo, dir := s.repo(), s.chances()
		s.mustRun(call{args: s.buildArgs("--platform", three, "--push", "-t", repo, "--cache-to", cache, dir), env: awsKeys})
		s.equal("what was made", s.madeAfresh(dir, "--cache-from", cache), s.made(repo))
	})
}

// bucket starts a server of S3's protocol that has a bucket "cache", and returns host:port.
func (s *story) bucket() string {
	s.Helper()
	s.besideUs()
	program := need(s.T, "MULTIARCH_E2E_S3_BIN")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	s.check(err)
	host := listener.Addr().String()
	s.check(listener.Close())
	s.startProgram(program, call{args: []string{"-backend", "memory", "-initialbucket", "cache", "-host", host}})
	s.eventually("the server listens", func() bool {
		conn, err := net.Dial("tcp", host)
		if err == nil {
			err = conn.Close()
		}
		return err == nil
	})
	return host
}

// tagsOf returns the tags of a repository, which need not exist.
func (s *story) tagsOf(repo string) []string {
	s.Helper()
	var list struct{ Tags []string }
	_, body := s.get(repo, "tags/list")
	s.check(json.Unmarshal(body, &list))
	return list.Tags
}

func TestACacheRegistryThatIsNotThereEndsTheBuildAtOnceUnlessItMay(t *testing.T) {
	onEachEngine(t, func(s *story) {
		repo, dir := s.repo(), s.chances()
		dead := "127.0.0.1:1/cache"
		s.refused(s.build("--platform", twoPlatforms, "--push", "-t", repo, "--cache-to", dead, dir), 1, "127.0.0.1:1")
		s.equal("the tags", len(s.tagsOf(repo)), 0)
		r := s.mustBuild("--platform", twoPlatforms, "--push", "-t", repo, "--cache-to", "type=registry,ignore-error=true,ref="+dead, "--cache-from", dead, dir)
		s.contains("the warnings", r.err, "warning: the build cache could not be exported to "+dead, "warning: no cache was imported from "+dead)
	})
}

func TestACacheThatIsRefusedLaterMovesNoTag(t *testing.T) {
	onEachEngine(t, func(s *story) {
		s.ownBuilder()
		repo, local, dir := s.repo(), filepath.Join(s.dir, "cache"), s.chances()
		s.mustBuild("--platform", twoPlatforms, "--push", "-t", repo+":before", "--cache-to", "type=local,dest="+local, dir)
		before := s.read(filepath.Join(local, "index.json"))
		s.check(os.RemoveAll(filepath.Join(local, "ingest")))
		s.write(filepath.Join(local, "ingest"), "in the way")
		r := s.build("--platform", twoPlatforms, "--push", "-t", repo, "--cache-to", "type=local,dest="+local, s.chances())
		s.equal("the status", r.code, 1)
		s.contains("the error", r.err, "the build cache could not be exported to "+local, "ignore-error=true", "No tag was moved")
		s.equal("the tags", s.tagsOf(repo), "[before]")
		s.equal("the index of the cache", s.read(filepath.Join(local, "index.json")), before)
	})
}

func TestPlatformsSeeOneAnothersCacheMountsOnlyIfTheyAreToldTo(t *testing.T) {
	for _, sharing := range []string{"shared", "locked", "private"} {
		t.Run(sharing, func(t *testing.T) {
			onEachEngine(t, func(s *story) {
				id := random()
				dir := func() string {
					return s.dockerfile("FROM $BASE", "RUN --mount=type=cache,id="+id+",target=/c,sharing="+sharing+
						" (cat /c/* 2>/dev/null; true) >/seen; uname -m >/c/$(uname -m); : "+random())
				}
				repo := s.repo()
				for _, mounts := range []string{"auto", "isolated", "auto"} {
					s.mustBuild("--platform", three, "--cache-mounts", mounts, "--push", "-t", repo, dir())
				}
				for _, platform := range strings.Split(three, ",") {
					s.equal("what "+platform+" saw", s.fileOf(repo, "latest", platform, "seen"), unameOf[platform])
				}
				for range 2 { // the second finds the cache of the first, in either order
					s.mustBuild("--platform", three, "--cache-mounts=shared", "--jobs", "1", "--push", "-t", repo, dir())
				}
				seen := s.fileOf(repo, "latest", "linux/arm/v7", "seen")
				s.contains("the shared mount", seen, "aarch64", "armv7l", "x86_64")
			})
		})
	}
}

func TestAStepForAllPlatformsKeepsItsCacheMountAndRunsOnce(t *testing.T) {
	onEachEngine(t, func(s *story) {
		repo := s.repo()
		r := s.mustBuild("--platform", three, "--push", "-t", repo, s.dockerfile("FROM --platform=$BUILDPLATFORM $BASE AS common",
			"RUN --mount=type=cache,target=/c head -c 16 /dev/urandom | base64 >/common; : "+random(), "FROM scratch", "COPY --from=common /common /common"))
		common := s.fileOf(repo, "latest", "linux/amd64", "common")
		s.equal("what was made for linux/arm64", s.fileOf(repo, "latest", "linux/arm64", "common"), common)
		s.contains("the hint", r.err, "--cache-mounts=isolated")
	})
}
