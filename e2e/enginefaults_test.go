//go:build e2e

package e2e

import (
	"errors"
	"net/http"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/e2e/testenv"
	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
)

// onOwnEngines runs a story on an engine of its own of each kind.
func onOwnEngines(t *testing.T, size int64, tell func(*pushing, *testenv.Engine)) {
	t.Helper()
	t.Parallel()
	for _, kind := range engineKinds {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			s := newStory(t, kind.variable)
			s.besideUs()
			engine, err := testenv.NewEngine(kind.name, size)
			if errors.Is(err, testenv.ErrNoEngine) {
				s.Skip(err)
			}
			s.check(err)
			s.Cleanup(func() {
				if s.Failed() {
					s.Logf("the engine said:\n%s", engine.Log())
				}
				engine.Stop()
			})
			s.copyBuilderImage(engine.Host())
			s.host, s.builder = engine.Host(), "e2e-"+random() // it goes with the engine
			p := s.pushing(t, "", s.backend())
			p.mustDocker("multiarch", "builder", "create", "--name", p.builder, "--driver-opt", "network=host", "--bootstrap")
			s.Cleanup(func() { p.docker("multiarch", "builder", "rm", "-f", p.builder) }) // with its bridge
			tell(p, engine)
		})
	}
}

// builderImage is what e2e/env calls it.
const builderImage = "moby/buildkit:buildx-stable-1"

// copyBuilderImage copies the builder's image from the story's engine to another.
func (s *story) copyBuilderImage(to string) {
	s.Helper()
	save, load := exec.Command("docker", "-H", s.host, "save", builderImage), exec.Command("docker", "-H", to, "load")
	var err error
	load.Stdin, err = save.StdoutPipe()
	s.check(err)
	s.check(save.Start())
	out, err := load.CombinedOutput()
	if err != nil {
		s.Fatalf("load the builder's image: %v\n%s", err, out)
	}
	s.check(save.Wait())
}

// point is a build that waits at some moment.
type point struct {
	words []string    // of the build, besides its tag
	env   []string    // of the build
	there func() bool // whether it waits
	goOn  func()      // ends the wait; nil: the build would wait for an hour
}

// paused answers requests as the registry behind does, after the wait has ended.
func paused(came *atomic.Bool, until <-chan struct{}) faultregistry.Action {
	return func(w http.ResponseWriter, req *http.Request, next http.Handler) {
		came.Store(true)
		select {
		case <-until:
			next.ServeHTTP(w, req)
		case <-req.Context().Done():
		}
	}
}

// atRequest is the point at which a request is sent. The registry has answered it when the wait has ended: it answers a client that is dead too.
func (p *pushing) atRequest(at faultregistry.Matcher, words ...string) point {
	var came atomic.Bool
	var asked atomic.Int32
	until := make(chan struct{})
	wait := paused(&came, until)
	p.faults.Add(faultregistry.Fault{Match: at, Do: func(w http.ResponseWriter, req *http.Request, next http.Handler) {
		asked.Add(1)
		defer asked.Add(-1)
		wait(w, req, next)
	}})
	return point{words: words, there: came.Load, goOn: func() {
		close(until)
		p.eventually("the registry has answered", func() bool { return asked.Load() == 0 })
	}}
}

// atStep is the point at which a step runs.
func (p *pushing) atStep(words ...string) point {
	step := "RUN sleep 3600; true " + random()
	return point{words: append(words, p.dockerfile("FROM $BASE", step)), there: func() bool { return p.runs(strings.TrimPrefix(step, "RUN ")) }}
}

// atLoad is the point at which a part of the image has been sent to the engine. It is too small for the engine to fetch it.
func (p *pushing) atLoad(words ...string) point {
	p.Helper()
	sent := &pause{after: 1 << 20, until: make(chan struct{})}
	host, _ := p.proxiedEngine(sent)
	return point{
		words: append(words, "--load", p.dockerfile("FROM $BASE", "RUN head -c 4194304 /dev/urandom >/"+random())), env: []string{"DOCKER_HOST=" + host},
		there: sent.waits, goOn: func() { close(sent.until) },
	}
}

// atTest is the point at which a test of the image runs.
func (p *pushing) atTest(words ...string) point {
	mark := random()
	container := func() (id string) {
		for line := range strings.Lines(p.docker("ps", "--no-trunc", "--format", "{{.ID}} {{.Command}}").out) {
			if strings.Contains(line, mark) {
				id, _, _ = strings.Cut(line, " ")
			}
		}
		return id
	}
	return point{
		words: append(words, "--push", "--test", "sh -c 'until [ -e /end ]; do sleep 0.1; done' "+mark, p.machines()),
		there: func() bool { return container() != "" },
		goOn:  func() { p.docker("exec", container(), "touch", "/end") }, // it may have ended
	}
}

// strike runs a build up to a point, does something there, and returns the build's tag and its end.
func (p *pushing) strike(at point, do func(build *process)) (name string, r result) {
	p.Helper()
	host, _, _ := strings.Cut(p.repo, "/")
	name = host + "/e2e/" + random()
	build := p.start(call{args: p.buildArgs(append([]string{"-t", name}, at.words...)...), env: at.env})
	p.eventually("the build is there", func() bool { return at.there() || !build.left() })
	there := at.there()
	do(build)
	if at.goOn != nil {
		at.goOn()
	}
	if r = build.wait(); !there {
		p.Fatalf("the build ended before: status %d\n%s", r.code, r.err)
	}
	return name, r
}

// absent checks that the registry and the engine do not have a name.
func (p *pushing) absent(name string) {
	p.Helper()
	p.equal("whether the tag is there", p.exists(p.behind(name), "latest"), false)
	p.equal("the status of docker image inspect", p.docker("image", "inspect", name).code, 1)
}

// recovers checks that the next build succeeds, and that there is nothing then on the engine, in the builder and on this machine that is not of
// that build. nameless are the engine's images without a name that were there before.
func (p *pushing) recovers(name, nameless string) {
	p.Helper()
	p.faults.Clear()
	next := p.behind(p.repo) + ":" + random()
	p.mustBuild("--push", "--load", "-t", next, p.machines())
	p.equal("the image's machine", p.mustDocker("run", "--rm", next, "cat", "/machine"), "x86_64")
	p.equal("the number of containers", len(strings.Fields(p.mustDocker("ps", "--all", "--quiet"))), 1)
	p.equal("the images without a name", p.nameless(), nameless)
	p.lacks("the names of images", p.mustDocker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}"), "docker-multiarch-test")
	p.eventually("the builder ends the steps", func() bool { return !p.runs("sleep") && !p.runs("dial-stdio") })
	p.equal("the temporary files", namesIn(p.tmp), "[]")
	p.equal("the process", inArguments(name), "")
}

// nameless returns the engine's images without a name.
func (p *pushing) nameless() string {
	p.Helper()
	return p.mustDocker("image", "ls", "--all", "--quiet", "--filter", "dangling=true")
}

// moments are the points of a build at which an engine, a client or a builder is killed.
var moments = map[string]func(*pushing) point{
	"the definition": func(p *pushing) point {
		return p.atRequest(faultregistry.TagRead, "--push", p.folder(files{"Dockerfile": "FROM " + p.onRegistry(p.base) + "\nCOPY Dockerfile /\n"}))
	},
	"a step":   func(p *pushing) point { return p.atStep("--push") },
	"the push": func(p *pushing) point { return p.atRequest(blobPut.match, "--push", p.machines()) },
	"the read": func(p *pushing) point { return p.atRequest(faultregistry.ChildRead, "--push", p.machines()) },
	"the test": func(p *pushing) point { return p.atTest() },
	"the tags": func(p *pushing) point { return p.atRequest(faultregistry.TagPut, "--push", "--load", p.machines()) },
	"the load": func(p *pushing) point { return p.atLoad() },
}

// onRegistry returns a name in the environment's registry as one in the story's registry, which has the same content.
func (p *pushing) onRegistry(name string) string {
	host, _, _ := strings.Cut(p.repo, "/")
	return host + strings.TrimPrefix(name, p.registry)
}

// blows are what ends a client, a builder or an engine while a build runs.
var blows = map[string]func(*pushing, *testenv.Engine, *process){
	"the client is killed": func(_ *pushing, _ *testenv.Engine, build *process) { build.signal(syscall.SIGKILL) },
	"buildkitd is killed":  func(p *pushing, _ *testenv.Engine, _ *process) { p.mustDocker("kill", "-s", "KILL", p.containerName()) },
	"the engine is killed": func(p *pushing, engine *testenv.Engine, _ *process) { p.check(engine.Crash()) },
	"the engine starts again": func(p *pushing, engine *testenv.Engine, _ *process) {
		p.check(errors.Join(engine.Crash(), engine.Start()))
	},
	"dockerd starts again": func(p *pushing, engine *testenv.Engine, _ *process) {
		p.check(errors.Join(engine.Kill(), engine.Start()))
	},
}

// struck are the blows, and how builds end that they meet.
var struck = []struct {
	blow, moment string
	status       int
	is           outcome
}{
	{"the client is killed", "a step", 137, clientKilledAtWork},
	{"the client is killed", "the tags", 137, clientKilledAtWork},
	{"the client is killed", "the load", 137, clientKilledAtWork},
	{"the client is killed", "the test", 137, clientKilledAtWork},
	{"buildkitd is killed", "the definition", 1, builderKilled},
	{"buildkitd is killed", "a step", 1, builderKilled},
	{"buildkitd is killed", "the push", 1, builderKilled},
	{"buildkitd is killed", "the read", 1, builderKilled},
	{"buildkitd is killed", "the load", 1, builderKilled},
	{"buildkitd is killed", "the test", 0, builderKilledLate},
	{"buildkitd is killed", "the tags", 0, builderKilledLate},
	{"dockerd starts again", "a step", 1, builderKilled},
	{"the engine is killed", "the push", 1, engineKilled},
	{"the engine is killed", "the test", 1, engineKilled},
	{"the engine is killed", "the load", 1, engineKilled},
	{"the engine starts again", "the tags", 0, engineKilledLate},
}

func TestFaultsOfAnEngineAreNamedAndNothingIsLeft(t *testing.T) {
	onOwnEngines(t, 1<<30, func(p *pushing, engine *testenv.Engine) {
		part := func(name string, tell func(p *pushing, nameless string)) {
			p.Run(name, func(t *testing.T) {
				p := &pushing{p.in(t), p.faults, p.repo, p.words}
				tell(p, p.nameless())
			})
		}
		for _, row := range struck {
			part(row.blow+", "+row.moment, func(p *pushing, nameless string) {
				tag, r := p.strike(moments[row.moment](p), func(build *process) { blows[row.blow](p, engine, build) })
				p.check(engine.Start())
				p.ended(tag, r, row.status, row.is)
				p.recovers(tag, nameless)
			})
		}
		part("the disk is full for the builder", func(p *pushing, nameless string) { p.full(engine, nameless, builderDiskFull, "builder prune") })
		part("the disk is full for the load", func(p *pushing, nameless string) {
			p.full(engine, nameless, engineDiskFull, "docker system df", "--output", "type=oci,dest=app.tar")
		})
		part("a step is over the builder's memory", func(p *pushing, nameless string) {
			p.overMemory(nameless, stepOutOfMemory, p.dockerfile("FROM $BASE", `RUN x=$(head -c 200000000 /dev/zero | tr "\0" x); echo ${#x}`))
		})
		part("buildkitd is over the builder's memory", func(p *pushing, nameless string) {
			p.overMemory(nameless, builderOutOfMemory, p.folder(files{"Dockerfile": "FROM scratch\nCOPY big /\n", "big": noise(128 << 20)}))
		})
	})
}

// ended checks the end of a build.
func (p *pushing) ended(tag string, r result, status int, is outcome) {
	p.Helper()
	p.equal("the status", r.code, status)
	p.contains("the error", r.err, is.sees)
	if status == 0 {
		p.equal("whether the tag is there", p.exists(p.behind(tag), "latest"), true)
		p.docker("image", "rm", tag) // it may be only in the registry
		return
	}
	if status == 137 && p.exists(p.behind(tag), "latest") { // the registry had the request for the tag already
		p.mustDocker("multiarch", "verify", p.behind(tag))
		return
	}
	p.absent(tag)
}

// overMemory builds and pushes an image in a builder that has not enough memory.
func (p *pushing) overMemory(nameless string, is outcome, dir string) {
	p.Helper()
	tag := p.behind(p.repo) + random()
	p.ended(tag, p.build("--driver-opt", "network=host", "--driver-opt", "memory=96m", "--push", "-t", tag, dir), 1, is)
	p.recovers(tag, nameless)
}

// full builds and loads an image while the engine's disk is nearly full. before are words of a build that succeeds before.
func (p *pushing) full(engine *testenv.Engine, nameless string, is outcome, hint string, before ...string) {
	p.Helper()
	big, tag := p.folder(files{"Dockerfile": "FROM scratch\nCOPY big /\n", "big": noise(16 << 20)}), p.behind(p.repo)+random()
	if len(before) > 0 {
		p.mustBuild(append(before, big)...)
	}
	p.check(engine.Fill(4 << 20))
	r := p.build("--load", "-t", tag, big)
	p.ended(tag, r, 1, is)
	p.contains("the hint", r.err, hint)
	p.check(engine.Empty())
	p.recovers(tag, nameless)
}
