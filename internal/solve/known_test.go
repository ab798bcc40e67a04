package solve

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/distribution/reference"
	"github.com/google/go-cmp/cmp"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
	"github.com/docker-multiarch/docker-multiarch/internal/pushed"
	"github.com/docker-multiarch/docker-multiarch/internal/source"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// steady has no files of the context: the harness's builder takes all of its steps from the cache when it is built again.
const steady = "FROM base\nRUN make\n"

// builtBefore returns a harness whose build has succeeded once, with a memory, and forgets the requests of that.
func builtBefore(t *testing.T, dockerfile string, change func(*harness)) *harness {
	t.Helper()
	w := newHarness(t, dockerfile)
	w.env.Pushed = pushed.Memory{Dir: t.TempDir()}
	w.env.Nodes[0].ID = "a builder with its cache"
	change(w)
	w.sharedLayer()
	w.mustRun()
	w.faults.Forget()
	return w
}

func TestABuildThatChangesNothingAsksForEachPartOfTheResultOnce(t *testing.T) {
	attested := map[string]string{"provenance": "type=provenance"}
	for name, tt := range map[string]struct {
		change func(*harness)
		want   map[string]int
	}{
		// For each repository the manifests and configurations of three platforms, and their common layer; and each tag.
		"one tag":          {func(*harness) {}, map[string]int{"GET": 3, "HEAD": 3 + 1 + 1}},
		"two tags":         {func(w *harness) { w.req.Tags = w.tags("app:v1", "app:v2") }, map[string]int{"GET": 3, "HEAD": 3 + 1 + 2}},
		"two repositories": {func(w *harness) { w.req.Tags = w.tags("app:v1", "other:v1") }, map[string]int{"GET": 3, "HEAD": 3 + 1 + 1 + 3 + 3 + 1 + 1}},
	} {
		t.Run(name, func(t *testing.T) {
			w := builtBefore(t, steady, tt.change)
			w.mustRun()
			if diff := cmp.Diff(tt.want, w.faults.Methods()); diff != "" {
				t.Errorf("the requests (-want +got):\n%s%v", diff, w.faults.Requests())
			}
			asked := slices.DeleteFunc(w.Asked(), func(ref string) bool { return !strings.HasPrefix(ref, w.host) || !strings.Contains(ref, "@") })
			if len(asked) > 1 { // by the first build
				t.Errorf("the builder is asked whether it reaches %s", asked[1:])
			}
			leftNothing(t)
		})
	}
	t.Run("attested", func(t *testing.T) {
		w := builtBefore(t, steady, func(w *harness) { w.req.Attests = attested })
		before := len(w.Solves())
		w.mustRun()
		if more := len(w.Solves()) - before; before != 6 || more != 3 {
			t.Errorf("%d solves, then %d more", before, more)
		}
	})
}

func TestWhatARegistryHasLostIsPushedAgain(t *testing.T) {
	for name, lost := range map[string]faultregistry.Fault{
		"a manifest":                   {Match: faultregistry.ChildRead, Times: 1, Do: faultregistry.Hide},
		"a blob":                       {Match: faultregistry.On(http.MethodHead, "/app/blobs/"), Times: 1, Do: faultregistry.Answer(404, "", "")},
		"a blob of another repository": {Match: faultregistry.On(http.MethodHead, "/other/blobs/"), Times: 1, Do: faultregistry.Answer(404, "", "")},
		"a manifest there":             {Match: faultregistry.On(http.MethodHead, "/other/manifests/sha256:"), Times: 1, Do: faultregistry.Hide},
		"the certainty that it has it": {Match: faultregistry.On("", "/app/blobs/sha256:"), Do: faultregistry.Answer(403, "", "")},
	} {
		for _, attests := range []map[string]string{nil, {"provenance": "type=provenance"}} {
			t.Run(name, func(t *testing.T) {
				w := builtBefore(t, steady, func(w *harness) {
					w.req.Tags, w.req.Attests = w.tags("app:v1", "other:v1"), attests
				})
				before, fault := len(w.pushes()), lost
				if fault.Times == 0 { // until a push: how many blobs are asked for before the first answer ends the questions is chance
					var pushing atomic.Bool
					w.Push = func(context.Context, platform.Platform) error {
						pushing.Store(true)
						return nil
					}
					fault.Match = func(method, path string) bool { return !pushing.Load() && lost.Match(method, path) }
				}
				w.faults.Add(fault)
				w.mustRun()
				if len(w.pushes()) == before && !slices.ContainsFunc(w.faults.Requests(), isPushOfImage) {
					t.Errorf("nothing was pushed again: %v", w.faults.Requests())
				}
				leftNothing(t)
			})
		}
	}
}

// isPushOfImage reports whether a request pushes a platform's image.
func isPushOfImage(r faultregistry.Request) bool {
	return r.Method == http.MethodPut && strings.Contains(r.Path, "/manifests/sha256:")
}

// pushes returns the repositories that took an image, with repetitions.
func (w *harness) pushes() (all []string) {
	for _, s := range w.Solves() {
		all = append(all, s.Pushed...)
	}
	return all
}

// Where the repositories took a push of the node lately, the client pushes what is little.
func TestAChangedImageTakesOneSolveAPlatform(t *testing.T) {
	for name, tt := range map[string]struct {
		dockerfile string
		change     func(*harness)
		byClient   bool
	}{
		"a step is another one":                {steady, (*harness).oneStepMore, true},
		"a file of the context is another one": {copiesOnly, func(w *harness) { w.newLayers() }, true},
		"the cache is not used":                {steady, func(w *harness) { w.req.NoCache = true }, true},
		"the memory is old": {
			steady, func(w *harness) { w.env.Pushed.Now = func() time.Time { return time.Now().Add(61 * time.Minute) } }, false,
		},
		"the builder is another one":    {steady, func(w *harness) { w.env.Nodes[0].ID = "new" }, false},
		"the login is another one":      {steady, func(w *harness) { w.env.Pushed.Login = func(string) string { return "bob" } }, false},
		"the repository is another one": {steady, func(w *harness) { w.req.Tags = w.tags("app:v1", "new:v1") }, false},
		"the node's layers are not read": {steady, func(w *harness) {
			w.oneStepMore()
			w.env.Nodes[0].Layers = nil
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := builtBefore(t, tt.dockerfile, func(*harness) {})
			before, had := len(w.Solves()), len(w.pushes())
			tt.change(w)
			w.mustRun()
			repos := len(w.req.Repositories())
			solves, pushes := len(w.Solves())-before, len(w.pushes())-had
			want := 3 * repos
			if tt.byClient {
				want = 0
			}
			if solves != 3 || pushes != want {
				t.Errorf("%d solves, %d pushes", solves, pushes)
			}
		})
	}
}

func TestAFarNodePushesByItself(t *testing.T) {
	w := builtBefore(t, steady, func(*harness) {})
	had := len(w.pushes())
	w.oneStepMore()
	w.env.Nodes[0].Near = false
	w.mustRun()
	if n := len(w.pushes()) - had; n != 3 {
		t.Errorf("%d pushes", n)
	}
}

// oneStepMore adds a step to the Dockerfile.
func (w *harness) oneStepMore() {
	w.t.Helper()
	dir := w.t.TempDir()
	write(w.t, dir, "Dockerfile", steady+"RUN make more\n")
	w.source(source.Options{Context: dir})
}

// newLayers makes the builder's layers others than before.
func (w *harness) newLayers() {
	w.Layer = func(p platform.Platform) []byte { return []byte("new for " + platform.Format(p)) }
}

func TestAnImageThatIsNotTheOneThatWasPushedIsPushed(t *testing.T) {
	w := builtBefore(t, steady, func(*harness) {})
	w.Layer = func(p platform.Platform) []byte { return []byte("another cache has this for " + platform.Format(p)) }
	before := len(w.Solves())
	rep := w.mustRun()
	if n := len(w.Solves()) - before; n != 3 || w.tagged("app:v1") != rep.Target.Digest.String() {
		t.Errorf("%d solves", n)
	}
}

// Whatever keeps the client from pushing an image, BuildKit pushes it then.
func TestWhatTheClientCannotPushBuildKitPushes(t *testing.T) {
	for name, hinder := range map[string]func(*harness){
		"much is lacking": func(w *harness) {
			w.Layer = func(p platform.Platform) []byte { return append(make([]byte, 9<<20), platform.Format(p)...) }
		},
		"the node has lost the layers": func(w *harness) { w.env.Nodes[0].Layers = nothing{} },
		"an upload is not begun": func(w *harness) {
			w.faults.Add(faultregistry.Fault{Match: faultregistry.On(http.MethodPost, "/blobs/uploads/"), Times: 1, Do: faultregistry.Answer(503, "", "")})
		},
		"a manifest is refused": func(w *harness) {
			w.faults.Add(faultregistry.Fault{Match: faultregistry.On(http.MethodPut, "/manifests/sha256:"), Times: 1, Do: faultregistry.Answer(429, "", "")})
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := builtBefore(t, steady, func(*harness) {})
			w.newLayers()
			hinder(w)
			before := len(w.pushes())
			rep := w.mustRun()
			if n := len(w.pushes()) - before; n == 0 || w.tagged("app:v1") != rep.Target.Digest.String() {
				t.Errorf("%d pushes", n)
			}
			leftNothing(t)
		})
	}
}

// nothing is a store that has lost everything.
type nothing struct{}

func (nothing) Fetch(context.Context, ocispecs.Descriptor) (io.ReadCloser, error) {
	return nil, errors.New("lost")
}

func TestALayerThatPlatformsShareIsSentOnceByTheClient(t *testing.T) {
	w := builtBefore(t, steady, func(*harness) {})
	w.Layer = func(platform.Platform) []byte { return []byte("another one for all") }
	w.mustRun()
	uploads := 0
	for _, r := range w.faults.Requests() {
		if r.Method == http.MethodPut && strings.Contains(r.Path, "/blobs/uploads/") {
			uploads++
		}
	}
	if uploads != 1+3 { // and the configurations
		t.Errorf("%d uploads: %v", uploads, w.faults.Requests())
	}
}

func TestATagIsNotMovedWhereTheRegistryHasLostWhatTheClientPushed(t *testing.T) {
	w := builtBefore(t, steady, func(*harness) {})
	was := w.tagged("app:v1")
	w.newLayers()
	w.faults.Add(faultregistry.Fault{Match: faultregistry.On(http.MethodPut, "/manifests/sha256:"), Times: 1, Do: faultregistry.Drop})
	if _, err := w.run(); err == nil || w.tagged("app:v1") != was {
		t.Errorf("%v: the tag is at %s, and was at %s", err, w.tagged("app:v1"), was)
	}
}

func TestAFailedBuildForgetsThatTheRegistryTookAPush(t *testing.T) {
	for name, fail := range map[string]func(*harness){
		"a step": func(w *harness) { w.Run = failing("no", "linux/arm64") },
		"the push": func(w *harness) {
			w.newLayers()
			w.faults.Add(faultregistry.Fault{Match: faultregistry.On(http.MethodPut, "/manifests/"), Do: faultregistry.Answer(403, "DENIED", "no")})
			w.Push = func(context.Context, platform.Platform) error { return errors.New("failed to push: 403") }
		},
		"the tag": func(w *harness) {
			w.req.Tags = append(w.req.Tags, w.tags("app:v2")...)
			w.faults.Add(faultregistry.Fault{Match: faultregistry.TagPut, Do: faultregistry.Answer(403, "DENIED", "no")})
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := builtBefore(t, steady, func(*harness) {})
			fail(w)
			w.req.NoCache = name != "the tag"
			if _, err := w.run(); err == nil {
				t.Fatal("no error")
			}
			for _, who := range []string{pushed.Client, w.env.Nodes[0].ID} {
				if slices.ContainsFunc(w.req.Repositories(), func(repo reference.Named) bool { return w.env.Pushed.Took(repo, who) }) {
					t.Errorf("%q is still said to have pushed", who)
				}
			}
		})
	}
}
