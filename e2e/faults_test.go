//go:build e2e

package e2e

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
)

// place is a request of a push.
type place struct {
	name  string
	match faultregistry.Matcher
}

var (
	question   = place{"the question before the build", faultregistry.On(http.MethodPost, "/blobs/uploads/")}
	blobPut    = place{"the upload of a layer", faultregistry.On(http.MethodPut, "/blobs/uploads/")}
	digestPut  = place{"the manifest of a platform", faultregistry.On(http.MethodPut, "/manifests/sha256:")}
	tagLook    = place{"the look at the tag", faultregistry.TagRead}
	tagPut     = place{"the tag", faultregistry.TagPut}
	everyPlace = []place{blobPut, digestPut, tagPut}
)

// fault is a fault of a registry and its outcome for a build that pushes to it.
type fault struct {
	kind string // in the documents
	do   faultregistry.Action
	at   []place
	// sees are words of the message; "" if the build succeeds. did is for the documents.
	sees, did string
	lasting   bool // else it comes once
}

const (
	again    = "sends the request again"
	refusing = "fails with status 4 at once; no tag moves"
)

// faults are all faults of registries that are tried on real builders.
func faults() (all []fault) {
	for _, status := range []int{408, 429, 500, 502, 503, 504} {
		text := fmt.Sprintf("%d %s", status, http.StatusText(status))
		all = append(all, fault{text + ", once", faultregistry.Answer(status, "", ""), everyPlace, "", again, false})
	}
	return append(all,
		fault{"429 with Retry-After, once", faultregistry.RetryAfter(429, "1"), everyPlace, "", "waits as long as the registry asks, and " + again, false},
		fault{"503 with Retry-After, once", faultregistry.RetryAfter(503, "1"), everyPlace, "", "waits as long as the registry asks, and " + again, false},
		fault{"connection reset, once", faultregistry.Reset, everyPlace, "", again, false},
		fault{"answer lost after a write that was taken, once", faultregistry.ResetAfter, everyPlace, "", again, false},
		fault{"answer broken off, once", faultregistry.ResetBody(3), everyPlace, "", again, false},
		fault{"401 for the tag only", faultregistry.Answer(401, "UNAUTHORIZED", "authentication required"), []place{tagPut}, "docker login", refusing, true},
		fault{"403", faultregistry.Answer(403, "DENIED", "requested access is denied"), everyPlace, "denied", refusing, true},
		fault{"immutable tag", faultregistry.Answer(400, "TAG_INVALID", "the repository is immutable"), []place{tagPut}, "the repository is immutable", refusing, true},
		fault{"write dropped, and answered with 201", faultregistry.Drop, []place{digestPut, tagPut}, "not", "reads back what it wrote, and fails with status 4", true},
		fault{"tag read back late", faultregistry.Hide, []place{tagLook}, "", "reads it again", false},
	)
}

// pushing is a story with a registry of its own, which has no faults yet, a working directory of its own, and a build that pushes to it.
type pushing struct {
	*story
	faults *faultregistry.Registry
	repo   string
	words  []string
}

func (s *story) pushing(t *testing.T, dir string, next http.Handler) *pushing {
	p := &pushing{story: s.in(t), faults: faultregistry.New(next)}
	p.newHome()
	p.repo = p.serve(p.faults) + "/e2e/" + random()
	p.words = []string{
		"build", "--builder", s.builder, "--platform", twoPlatforms, "-o", "type=oci,dest=app.tar", "-o", "out", "--push", "-t", p.repo, "-t", p.repo + ":two", dir,
	}
	return p
}

// complete checks that each tag is missing, or names an index with all that belongs to it, and returns how many are there.
func (p *pushing) complete() (there int) {
	p.Helper()
	repo := p.behind(p.repo)
	for _, tag := range []string{"latest", "two"} {
		if !p.exists(repo, tag) {
			continue
		}
		there++
		index := p.remote(repo, tag)
		p.equal("the platforms", index.platforms(), []string{"linux/amd64", "linux/arm64"})
		for _, m := range index.Manifests {
			image := p.remote(repo, m.Digest)
			for _, blob := range append(image.Layers, image.Config) {
				resp, _ := p.get(repo, "blobs/"+blob.Digest)
				p.equal("the status of "+blob.Digest, resp.StatusCode, http.StatusOK)
			}
		}
	}
	return there
}

// succeeds checks that a build without faults succeeds, and that nothing is left but its results.
func (p *pushing) succeeds() {
	p.Helper()
	p.faults.Clear()
	p.mustPlugin(p.words...)
	p.equal("the tags", p.complete(), 2)
	p.nothingLeft("app.tar out")
}

// nothingLeft checks that these files are in the working directory, and that there is no temporary file and no process.
func (p *pushing) nothingLeft(names string) {
	p.Helper()
	p.equal("the files", strings.Join(namesIn(p.dir), " "), names)
	p.equal("the temporary files", namesIn(p.tmp), "[]")
	p.equal("the process", inArguments(p.repo), "")
}

func namesIn(dir string) (names []string) {
	entries, _ := os.ReadDir(dir) // a missing folder has none
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

func TestFaultsOfARegistryAreMendedOrNamedAndNoTagIsIncomplete(t *testing.T) {
	t.Parallel()
	s := newStory(t, "MULTIARCH_E2E_CONTAINERD")
	dir := s.dockerfile("FROM scratch", "ARG TARGETARCH", "COPY Dockerfile /$TARGETARCH")
	rows := map[string]func(p *pushing){}
	for _, f := range faults() {
		for _, at := range f.at {
			rows[f.kind+", "+at.name] = func(p *pushing) { p.meets(f, at) }
		}
	}
	s.sideBySide(10, sortedKeys(rows), func(part *story, name string) {
		rows[name](s.pushing(part.T, dir, s.backend()))
	})
}

// meets runs a build with a fault, and then without.
func (p *pushing) meets(f fault, at place) {
	p.Helper()
	times := 1
	if f.lasting {
		times = 0
	}
	p.faults.Add(faultregistry.Fault{Match: at.match, Times: times, Do: f.do})
	r := p.plugin(p.words...)
	if f.sees == "" {
		if r.code != 0 {
			p.Errorf("status %d\n%s", r.code, r.err)
		}
		p.equal("the tags", p.complete(), 2)
	} else {
		p.equal("the status", r.code, 4)
		p.contains("the error", r.err, "ERROR: ", p.repo, f.sees)
		p.equal("the tags", p.complete(), 0)
		p.nothingLeft("")
	}
	p.succeeds()
}

func TestTokensThatExpireAreRenewedAndARevokedLoginMovesNoTag(t *testing.T) {
	t.Parallel()
	s := newStory(t, "MULTIARCH_E2E_CONTAINERD")
	s.ownBuilder() // what other stories do on a builder counts as a sign that an upload moves, and some of BuildKit's hang without a login
	s.mustDocker("multiarch", "builder", "create", "--name", s.builder, "--driver-opt", "network=host")
	dir := s.dockerfile("FROM scratch", "ARG TARGETARCH", "COPY Dockerfile /$TARGETARCH")
	rows := map[string]func(p *pushing, site *loginSite){}
	for _, at := range everyPlace {
		rows[at.name+", expired"] = func(p *pushing, site *loginSite) {
			p.faults.Add(faultregistry.Fault{Match: at.match, Times: 1, Do: site.revoke(true)})
			p.equal("the status", p.plugin(p.words...).code, 0)
			p.succeeds()
		}
		rows[at.name+", revoked"] = func(p *pushing, site *loginSite) {
			p.faults.Add(faultregistry.Fault{Match: at.match, Times: 1, Do: site.revoke(false)})
			r := p.plugin(p.words...)
			host, _, _ := strings.Cut(p.repo, "/")
			p.equal("the status", r.code, 4)
			p.contains("the error", r.err, loginRevoked.sees+" "+host, p.repo)
			p.equal("the tags", p.complete(), 0)
			site.allowed.Store(true)
			p.succeeds()
		}
	}
	s.sideBySide(6, sortedKeys(rows), func(part *story, name string) {
		site := &loginSite{}
		site.allowed.Store(true)
		site.tokens = &faultregistry.Tokens{Next: s.backend(), Login: site.enter}
		p := s.pushing(part.T, dir, site.tokens)
		host, _, _ := strings.Cut(p.repo, "/")
		p.logIn(host)
		rows[name](p, site)
	})
}

// loginSite is a token server whose login can be revoked.
type loginSite struct {
	allowed, refused atomic.Bool
	tokens           *faultregistry.Tokens
}

func (l *loginSite) enter(user, secret string) bool {
	if !l.allowed.Load() {
		l.refused.Store(true)
		return false
	}
	return mayEnter(user, secret)
}

// revoke invalidates all tokens before a request, and unless renewable the login, too.
func (l *loginSite) revoke(renewable bool) faultregistry.Action {
	return func(w http.ResponseWriter, req *http.Request, next http.Handler) {
		l.allowed.Store(renewable)
		l.tokens.Revoke()
		next.ServeHTTP(w, req)
	}
}

func TestASignalAtAnyRequestOfAPushLeavesNothingAfterTheNextCommand(t *testing.T) {
	t.Parallel()
	s := newStory(t, "MULTIARCH_E2E_CONTAINERD")
	s.ownBuilder()
	s.mustDocker("multiarch", "builder", "create", "--name", s.builder, "--driver-opt", "network=host")
	dir := s.dockerfile("FROM scratch", "ARG TARGETARCH", "COPY Dockerfile /$TARGETARCH")
	rows := map[string]func(*pushing){}
	for _, at := range []place{question, blobPut, digestPut, tagLook, tagPut} {
		for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGKILL} {
			rows[at.name+", "+sig.String()] = func(p *pushing) { p.signalled(at, sig) }
		}
	}
	s.sideBySide(8, sortedKeys(rows), func(part *story, name string) {
		rows[name](s.pushing(part.T, dir, s.backend()))
	})
	s.eventually("no process is left in the builder", func() bool { return !s.runs("dial-stdio") })
	s.equal("the number of containers", len(s.containers()), 1)
}

// holding does not answer, and reports that the request came.
func holding(came *atomic.Bool) faultregistry.Action {
	return func(w http.ResponseWriter, req *http.Request, next http.Handler) {
		came.Store(true)
		faultregistry.Hang(w, req, next)
	}
}

// signalled sends a signal while a request waits for its answer.
func (p *pushing) signalled(at place, sig syscall.Signal) {
	p.Helper()
	var came atomic.Bool
	p.faults.Add(faultregistry.Fault{Match: at.match, Do: holding(&came)})
	build := p.startProgram(pluginFile, call{args: p.words})
	p.eventually("the request is there", func() bool { return came.Load() || !build.left() })
	build.signal(sig)
	r := build.wait()
	p.equal("the status", r.code, 128+int(sig))
	p.equal("the tags", p.complete(), 0)
	if sig != syscall.SIGKILL {
		p.contains("the end", r.err, interrupted.sees)
		p.nothingLeft("")
	}
	p.succeeds()
}

func TestAFullDiskOfTheClientIsNamedAndMovesNoTag(t *testing.T) {
	t.Parallel()
	s := newStory(t, "MULTIARCH_E2E_CONTAINERD")
	dir := s.folder(files{"Dockerfile": "FROM scratch\nCOPY big /\n", "big": noise(1 << 20)})
	for _, output := range []string{"type=oci,dest=small/app.tar", "type=local,dest=small/files", "type=tar,dest=small/files.tar"} {
		small := filepath.Join(s.dir, "small")
		s.check(os.MkdirAll(small, 0o755))
		if err := syscall.Mount("tmpfs", small, "tmpfs", 0, "size=256k"); err != nil {
			s.Skip("only a user who may mount a small file system can tell this: " + err.Error())
		}
		s.Cleanup(func() { _ = syscall.Unmount(small, 0) }) // it may have been unmounted
		repo := s.repo()
		r := s.build("--platform", twoPlatforms, "-o", output, "--push", "-t", repo, dir)
		s.equal("the status", r.code, 1)
		s.contains("the error for "+output, r.err, "ERROR: ", clientDiskFull.sees, "small/")
		s.equal("whether the tag is there", s.exists(repo, "latest"), false)
		s.equal("the files", namesIn(small), "[]")
		s.check(syscall.Mount("tmpfs", small, "tmpfs", syscall.MS_REMOUNT, "size=16m"))
		s.mustBuild("--platform", twoPlatforms, "-o", output, "--push", "-t", repo, dir)
		s.equal("the number of files", len(namesIn(small)), 1)
		s.check(syscall.Unmount(small, 0))
	}
}

func TestAFullDiskOfTheBuilderIsNamedAndASmallerBuildSucceeds(t *testing.T) {
	t.Parallel()
	s := newStory(t, "MULTIARCH_E2E_CONTAINERD")
	s.ownBuilder()
	s.mustDocker("volume", "create", "--opt", "type=tmpfs", "--opt", "device=tmpfs", "--opt", "o=size=24m", volumeOf(containerOf(s.builder)))
	s.mustDocker("multiarch", "builder", "create", "--name", s.builder, "--driver-opt", "network=host")
	repo := s.repo()
	r := s.build("--platform", twoPlatforms, "--push", "-t", repo, s.folder(files{"Dockerfile": "FROM scratch\nCOPY big /\n", "big": noise(32 << 20)}))
	s.equal("the status", r.code, 1)
	s.contains("the error", r.err, "ERROR: ", builderDiskFull.sees, "builder prune")
	s.equal("whether the tag is there", s.exists(repo, "latest"), false)
	s.mustDocker("multiarch", "builder", "rm", "-f", s.builder) // BuildKit cannot even prune a cache without any room
	s.mustBuild("--platform", twoPlatforms, "--push", "-t", repo, s.dockerfile("FROM scratch", "COPY Dockerfile /"))
}

func TestAStepThatUsesTooMuchMemoryIsNamed(t *testing.T) {
	t.Parallel()
	s := newStory(t, "MULTIARCH_E2E_CONTAINERD")
	repo := s.repo()
	r := s.build("--resource", "memory=32m", "--push", "-t", repo, s.dockerfile("FROM $BASE", `RUN x=$(head -c 200000000 /dev/zero | tr "\0" x); echo ${#x}`))
	s.equal("the status", r.code, 1)
	s.contains("the error", r.err, "ERROR: ", stepOutOfMemory.sees)
	s.equal("whether the tag is there", s.exists(repo, "latest"), false)
	s.mustBuild("--push", "-t", repo, s.dockerfile("FROM $BASE", "RUN true"))
}

func TestAnEngineThatGoesAwayInAStepOrInTheExportIsNamedAndLeavesNothing(t *testing.T) {
	t.Parallel()
	s := newStory(t, "MULTIARCH_E2E_CONTAINERD")
	s.ownBuilder()
	s.mustDocker("multiarch", "builder", "create", "--name", s.builder, "--driver-opt", "network=host")
	p := s.pushing(t, s.dockerfile("FROM scratch", "ARG TARGETARCH", "COPY Dockerfile /$TARGETARCH"), s.backend())
	var came atomic.Bool
	host, _, _ := strings.Cut(p.repo, "/")
	for where, build := range map[string]struct {
		args  []string
		there func() bool
	}{
		"the step":   {[]string{"-t", s.repo(), s.dockerfile("FROM $BASE", "RUN sleep 3613")}, func() bool { return s.runs("sleep 3613") }},
		"the export": {[]string{"-t", host + "/e2e/" + random(), s.machines()}, came.Load},
	} {
		p.faults.Add(faultregistry.Fault{Match: blobPut.match, Do: holding(&came)})
		engine, kill := s.proxiedEngine(io.Discard)
		running := s.start(call{args: s.buildArgs(append(build.args, "--push")...), env: []string{"DOCKER_HOST=" + engine}})
		s.eventually(where, func() bool { return build.there() || !running.left() })
		kill()
		r := running.wait()
		s.equal("the status, in "+where, r.code, 1)
		s.contains("the error", r.err, engineGone.sees, s.builder)
		s.equal("whether the tag is there", s.exists(s.behind(build.args[1]), "latest"), false)
		p.succeeds()
		s.eventually("no process is left in the builder", func() bool { return !s.runs("sleep 3613") && !s.runs("dial-stdio") })
	}
}
