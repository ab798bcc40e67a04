package solve

import (
	"context"
	"errors"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/buildcache"
	"github.com/docker-multiarch/docker-multiarch/internal/engine/enginetest"
	"github.com/docker-multiarch/docker-multiarch/internal/failure"
	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
	"github.com/docker-multiarch/docker-multiarch/internal/gate"
	"github.com/docker-multiarch/docker-multiarch/internal/index"
	"github.com/docker-multiarch/docker-multiarch/internal/layout"
	"github.com/docker-multiarch/docker-multiarch/internal/smoke"
	"github.com/docker-multiarch/docker-multiarch/internal/testkit"
	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// pauses is a clock that advances by sleeping only, and records the pauses.
type pauses struct {
	mu    sync.Mutex
	now   time.Time
	slept []time.Duration
	nap   func(context.Context) error // called in each pause, if not nil
}

func (p *pauses) Now() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now
}

func (p *pauses) Sleep(ctx context.Context, d time.Duration) error {
	p.mu.Lock()
	p.now, p.slept = p.now.Add(d), append(p.slept, d)
	p.mu.Unlock()
	if p.nap != nil {
		return p.nap(ctx)
	}
	return context.Cause(ctx)
}

// waits gives the harness a client that waits by a clock of its own, without chance in it.
func (w *harness) waits() *pauses {
	w.Sleep = func(ctx context.Context, _ time.Duration) error { return context.Cause(ctx) } // BuildKit's own
	p := &pauses{now: time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)}
	w.env.Registry = manifest.New(manifest.Options{
		Settle: time.Millisecond, Retry: manifest.Retry{Random: func() float64 { return 0 }}, Clock: manifest.Clock{Now: p.Now, Sleep: p.Sleep},
	})
	return p
}

var (
	childPut = faultregistry.On(http.MethodPut, "/manifests/sha256:")
	question = faultregistry.On(http.MethodHead, digest.FromString("docker multiarch asks whether a registry is busy").String())
)

// ranOnce fails the test if a step ran more often than in a build without faults.
func (w *harness) ranOnce(dockerfile string) {
	w.t.Helper()
	undisturbed := newHarness(w.t, dockerfile)
	undisturbed.req.Platforms = w.req.Platforms
	undisturbed.req.NoCache, undisturbed.req.Steps, undisturbed.req.Attests = w.req.NoCache, w.req.Steps, w.req.Attests
	undisturbed.mustRun()
	if diff := cmp.Diff(undisturbed.allRan(), w.allRan()); diff != "" {
		w.t.Errorf("the steps that ran (-undisturbed +got):\n%s", diff)
	}
}

// allRan returns the names of the steps that ran, with repetitions.
func (w *harness) allRan() (all []string) {
	for _, s := range w.Solves() {
		all = append(all, s.Ran...)
	}
	slices.Sort(all)
	return all
}

func TestAPushThatTheRegistryDoesNotTakeForTheMomentIsMadeAgain(t *testing.T) {
	for name, tt := range map[string]struct {
		do       faultregistry.Action
		failures int // BuildKit tries four times by itself where it knows that to help
		again    bool
	}{
		"400":                   {faultregistry.Answer(400, "", ""), 1, false},
		"401":                   {faultregistry.Answer(401, "", ""), 1, false},
		"403":                   {faultregistry.Answer(403, "DENIED", "no"), 1, false},
		"404":                   {faultregistry.Answer(404, "", ""), 1, false},
		"405":                   {faultregistry.Answer(405, "", ""), 1, false},
		"413":                   {faultregistry.Answer(413, "", ""), 1, false},
		"415":                   {faultregistry.Answer(415, "UNSUPPORTED", "the type"), 1, false},
		"501":                   {faultregistry.Answer(501, "", ""), 4, false},
		"505":                   {faultregistry.Answer(505, "", ""), 4, false},
		"408":                   {faultregistry.Answer(408, "", ""), 1, true},
		"429":                   {faultregistry.Answer(429, "", ""), 1, true},
		"429 in a JSON body":    {faultregistry.Answer(429, "TOOMANYREQUESTS", "slow down"), 1, true},
		"500":                   {faultregistry.Answer(500, "", ""), 4, true},
		"502":                   {faultregistry.Answer(502, "", ""), 4, true},
		"503":                   {faultregistry.Answer(503, "", ""), 4, true},
		"503 in a JSON body":    {faultregistry.Answer(503, "UNAVAILABLE", "later"), 4, true},
		"504":                   {faultregistry.Answer(504, "", ""), 4, true},
		"another upload of it":  {faultregistry.Answer(400, "BLOB_UPLOAD_INVALID", "blob upload invalid: it cannot be updated"), 1, true},
		"a reset":               {faultregistry.Reset, 4, true},
		"a connection that end": {func(http.ResponseWriter, *http.Request, http.Handler) { panic(http.ErrAbortHandler) }, 4, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newHarness(t, crossCompiles)
			w.platforms("linux/arm64")
			clock := w.waits()
			w.faults.Add(faultregistry.Fault{Match: childPut, Times: tt.failures, Do: tt.do})
			rep, err := w.run()
			want := map[bool]int{true: 1, false: 0}[tt.again]
			if (err == nil) != tt.again || len(clock.slept) != want || len(w.progress.notes) != want || (w.tagged("app:v1") != "") != tt.again {
				t.Fatalf("waited %v, noted %q: %v", clock.slept, w.progress.notes, err)
			}
			for _, p := range rep.Platforms {
				if p.Retries != 0 {
					t.Errorf("%s was tried again", platform.Format(p.Platform))
				}
			}
			w.ranOnce(crossCompiles)
			leftNothing(t)
		})
	}
}

func TestAnErrorOfBuildKitsConnectionIsWaitedFor(t *testing.T) {
	const request = `failed to push docker.io/library/app: failed to do request: Head "https://r.example/v2/app/blobs/x": `
	for text, cause := range map[string]string{
		"dial tcp: lookup r.example on 10.0.0.1:53: no such host":     "could not be found by its name",
		"dial tcp 10.0.0.2:443: connect: connection refused":          "refused the connection",
		"read tcp 10.0.0.1:1->10.0.0.2:443: connection reset by peer": "reset the connection",
		"remote error: tls: internal error":                           "broke off TLS",
		"unexpected EOF":                                              "closed the connection",
		"x509: certificate has expired or is not yet valid":           "",
	} {
		w := newHarness(t, copiesOnly)
		clock := w.waits()
		w.Push = flaky("linux/arm64", 2, request+text)
		_, err := w.run()
		if cause == "" {
			if err == nil || len(clock.slept) > 0 {
				t.Errorf("%s: waited %v, %v", text, clock.slept, err)
			}
			continue
		}
		want := []string{
			`registry "` + w.host + `" ` + cause + "; pushing linux/arm64 again in 500ms",
			`registry "` + w.host + `" ` + cause + "; pushing linux/arm64 again in 1s",
		}
		if diff := cmp.Diff(want, w.progress.notes); diff != "" || err != nil {
			t.Errorf("%s: %v, notes (-want +got):\n%s", text, err, diff)
		}
	}
}

func TestTheRegistryIsAskedHowLongItWantsToBeLeftAlone(t *testing.T) {
	for asked, tt := range map[string]struct {
		pause time.Duration
		err   string
	}{
		"8":                             {8 * time.Second, ""},
		"Mon, 30 Nov 2026 12:01:00 GMT": {time.Minute, ""},
		"3600":                          {0, "</html> (attempt 1; the registry asks for a wait of 1h0m0s, longer than the 2m0s allowed)"},
	} {
		t.Run(asked, func(t *testing.T) {
			w := newHarness(t, copiesOnly)
			w.platforms("linux/arm64")
			w.req.Retry = 3 // is for steps
			clock := w.waits()
			slow := faultregistry.AnswerWith(429, "", "", http.Header{"Retry-After": {asked}})
			w.faults.Add(faultregistry.Fault{Match: childPut, Times: 1, Do: slow})
			w.faults.Add(faultregistry.Fault{Match: question, Times: 1, Do: slow})
			rep, err := w.run()
			if tt.err != "" {
				if !errors.As(err, new(*index.PushError)) || !strings.HasSuffix(err.Error(), tt.err) || len(clock.slept) > 0 || rep.Platforms[0].Retries > 0 {
					t.Errorf("waited %v, tried again %d times: %v", clock.slept, rep.Platforms[0].Retries, err)
				}
				return
			}
			note := `registry "` + w.host + `" answered 429 Too Many Requests; pushing linux/arm64 again in ` + tt.pause.String()
			if err != nil || !cmp.Equal([]time.Duration{tt.pause}, clock.slept) || !cmp.Equal([]string{note}, w.progress.notes) {
				t.Errorf("waited %v, noted %q: %v", clock.slept, w.progress.notes, err)
			}
		})
	}
}

func TestThePausesOfAPushGrowUntilTwoMinutesAreOver(t *testing.T) {
	w := newHarness(t, copiesOnly)
	w.platforms("linux/arm64")
	clock := w.waits()
	w.faults.Add(faultregistry.Fault{Match: childPut, Do: faultregistry.Answer(503, "", "")})
	rep, err := w.run()
	var want []time.Duration
	for _, seconds := range []float64{0.5, 1, 2, 4, 8, 15, 15, 15, 15, 15, 15} {
		want = append(want, time.Duration(seconds*float64(time.Second)))
	}
	if diff := cmp.Diff(want, clock.slept); diff != "" {
		t.Errorf("pauses (-want +got):\n%s", diff)
	}
	if !errors.As(err, new(*index.PushError)) || !strings.HasSuffix(err.Error(), "503 Service Unavailable</body></html> (attempt 12)") || len(w.progress.notes) != len(want) {
		t.Errorf("noted %q: %v", w.progress.notes, err)
	}
	if n := len(w.faults.Matching(childPut)); n != 4*(len(want)+1) || rep.Platforms[0].Err == nil {
		t.Errorf("pushed %d times, %v", n, rep.Platforms[0].Err)
	}
}

func TestAPushIsMadeAgainInEveryOrderOfWork(t *testing.T) {
	const dockerfile = crossCompiles + "RUN strip\n"
	for name, change := range map[string]func(*harness){
		"from cache":              func(*harness) {},
		"without the cache":       func(w *harness) { w.req.NoCache = true },
		"without a stage's cache": func(w *harness) { w.req.Steps.NoCache = []string{"gen"} },
		"one after another":       func(w *harness) { w.req.NoCache, w.req.Jobs = true, 1 },
		"with attestations":       func(w *harness) { w.req.Attests = map[string]string{"provenance": "type=provenance"} },
		"attested, without the cache": func(w *harness) {
			w.req.Attests, w.req.NoCache = map[string]string{"provenance": "type=provenance"}, true
		},
		"with a cache to export":    func(w *harness) { w.req.Cache.To = []buildcache.Entry{entry("type=local", "dest=d")} },
		"where a failure stops all": func(w *harness) { w.req.FailFast = true },
		"where one may be missing":  func(w *harness) { w.partial("linux/arm64") },
	} {
		t.Run(name, func(t *testing.T) {
			w := newHarness(t, dockerfile)
			change(w)
			w.waits()
			w.Push = flaky("linux/arm64", 2, "failed to push app: unexpected status from PUT request to http://r.example/x: 429 Too Many Requests")
			rep := w.mustRun()
			if names, missing := w.indexed("app:v1"); len(names) != 3 || missing != "" || len(rep.Missing()) > 0 || len(w.progress.notes) != 2 {
				t.Errorf("the index has %q, noted %q", names, w.progress.notes)
			}
			for _, solves := range w.byPlatform() {
				for _, s := range solves[1:] {
					if _, ok := s.Opt.FrontendAttrs["no-cache"]; ok {
						t.Error("the second solve would run the steps again")
					}
				}
			}
			w.ranOnce(dockerfile)
			leftNothing(t)
		})
	}
}

func TestTheStepsAreHeldInThePauseBeforeAPush(t *testing.T) {
	for name, change := range map[string]func(*harness){
		"from cache":        func(*harness) {},
		"without the cache": func(w *harness) { w.req.NoCache = true },
		"with attestations": func(w *harness) { w.req.Attests = map[string]string{"provenance": "type=provenance"} },
	} {
		t.Run(name, func(t *testing.T) {
			w := newHarness(t, crossCompiles)
			w.platforms("linux/arm64")
			change(w)
			clock := w.waits()
			clock.nap = func(context.Context) error {
				w.Collect()
				return nil
			}
			w.Push = flaky("linux/arm64", 2, "failed to push app: toomanyrequests")
			w.mustRun()
			if len(clock.slept) != 2 {
				t.Errorf("waited %v", clock.slept)
			}
			w.ranOnce(crossCompiles)
			leftNothing(t)
		})
	}
}

func TestAPushThatIsMadeAgainHasTheSameBases(t *testing.T) {
	w := newHarness(t, runsForTheTarget)
	w.waits()
	var mu sync.Mutex
	moved := false
	w.Digest = func(name string, _ platform.Platform) digest.Digest {
		mu.Lock()
		defer mu.Unlock()
		if moved {
			name += " moved"
		}
		return digest.FromString(name)
	}
	busy := flaky("linux/arm64", 1, "failed to push app: toomanyrequests")
	w.Push = func(ctx context.Context, p platform.Platform) error {
		err := busy(ctx, p)
		mu.Lock()
		defer mu.Unlock()
		moved = moved || err != nil
		return err
	}
	w.mustRun()
	for _, sources := range w.sources() {
		if bases := slices.Compact(sources); len(bases) != 1 {
			t.Errorf("bases %q", bases)
		}
	}
}

func TestAllElseIsDoneOnceWhenAPushIsMadeAgain(t *testing.T) {
	type work struct{ Tests, Layers int }
	var done []work
	for _, failures := range []int{0, 1} {
		w := newHarness(t, copiesOnly)
		var tests atomic.Int32
		w.testing(func(*enginetest.Container, []string, io.Reader, io.Writer, io.Writer) int {
			tests.Add(1)
			return 0
		}, smoke.Test{Name: "all", Command: []string{"app"}})
		w.waits()
		w.req.Verify = &gate.Options{}
		dir := t.TempDir()
		stdout := w.everyOutput(dir)
		w.Push = flaky("linux/arm64", failures, "failed to push app: EOF")
		rep := w.mustRun()
		a, err := layout.Open(t.Context(), filepath.Join(dir, "image.tar"))
		if err != nil || a.Images[0].Root.Digest != rep.Target.Digest || w.tagged("app:v1") != rep.Target.Digest.String() {
			t.Errorf("%v, %v", a, err)
		}
		want := []string{
			"linux_amd64/=", "linux_amd64/hello=linux/amd64", "linux_arm_v7/=", "linux_arm_v7/hello=linux/arm/v7", "linux_arm64/=", "linux_arm64/hello=linux/arm64",
		}
		if diff := cmp.Diff(want, unpacked(t, stdout)); diff != "" {
			t.Errorf("stdout (-want +got):\n%s", diff)
		}
		if got := testkit.Tree(t, filepath.Join(dir, "files")); len(got) != 4 || len(w.progress.notes) != 1+failures { // the engine has a warning of its own
			t.Errorf("files %v, notes %q", got, w.progress.notes)
		}
		done = append(done, work{int(tests.Load()), w.Fetched()})
	}
	if done[0] != done[1] {
		t.Errorf("with a push that was made again %+v, without %+v", done[1], done[0])
	}
}

func TestABuildThatIsCancelledInThePauseBeforeAPushEndsAtOnce(t *testing.T) {
	w := newHarness(t, copiesOnly)
	clock := w.waits()
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("the user has pressed Ctrl-C")
	clock.nap = func(ctx context.Context) error {
		cancel(stop)
		<-ctx.Done()
		return context.Cause(ctx)
	}
	w.Push = flaky("linux/arm64", 1, "failed to push app: EOF")
	_, err := Run(ctx, w.req, w.env, w.preflight)
	if !errors.Is(err, stop) || w.tagged("app:v1") != "" {
		t.Errorf("the tag names %q: %v", w.tagged("app:v1"), err)
	}
	leftNothing(t)
}

func TestAFailureElsewhereEndsThePauseBeforeAPush(t *testing.T) {
	w := newHarness(t, runsForTheTarget)
	clock := w.waits()
	w.req.FailFast = true
	waiting := make(chan struct{})
	clock.nap = func(ctx context.Context) error {
		close(waiting)
		<-ctx.Done()
		return context.Cause(ctx)
	}
	w.Push = flaky("linux/arm64", 1, "failed to push app: EOF")
	w.Run = func(_ context.Context, p platform.Platform) error {
		if platform.Format(p) != "linux/amd64" {
			return nil
		}
		<-waiting
		return errors.New(exits)
	}
	rep, err := w.run()
	var failed *FailedError
	if !errors.As(err, &failed) || !cmp.Equal([]string{"linux/amd64"}, formattedReports(failed.Platforms)) || !errors.As(rep.Platforms[2].Err, new(*failure.StoppedError)) {
		t.Errorf("got %v; linux/arm64: %v", err, rep.Platforms[2].Err)
	}
	leftNothing(t)
}

func TestAPushIsMadeAloneOnlyIfAllElseWasExported(t *testing.T) {
	now := time.Now()
	vertex := func(name string, completed *time.Time, err string) *client.Vertex {
		return &client.Vertex{Digest: digest.FromString(name), Name: name, Completed: completed, Error: err}
	}
	got := ended{}
	got.see(&client.SolveStatus{Vertexes: []*client.Vertex{
		vertex("exporting to client directory", &now, ""), vertex("exporting to client tarball", &now, "canceled"), vertex("exporting to oci image format", nil, ""),
		vertex("[1/1] RUN make", &now, ""), vertex("exporting to image", &now, ""),
	}})
	got.see(&client.SolveStatus{Vertexes: []*client.Vertex{vertex("exporting to image", &now, "failed to push")}})
	if got.count() != 1 {
		t.Errorf("got %v", got)
	}
}

func TestACacheThatARegistryDoesNotTakeForTheMomentIsExportedAgain(t *testing.T) {
	for text, want := range map[string]string{
		"error writing manifest blob: unexpected status from PUT request to http://r.example/x: 503 Service Unavailable": "answered 503 Service Unavailable",
		"error writing layer blob: unexpected status from POST request to http://r.example/x: 403 Forbidden":             "",
	} {
		w := newHarness(t, copiesContext)
		clock := w.waits()
		w.req.NoCache = true
		w.req.Cache.To = []buildcache.Entry{entry("type=registry", "ref="+w.host+"/cache:1")}
		var exports atomic.Int32
		w.Export = func(context.Context, client.CacheOptionsEntry) error {
			if exports.Add(1) == 1 {
				return errors.New(text)
			}
			return nil
		}
		_, err := w.run()
		if want == "" {
			if err == nil || len(clock.slept) > 0 {
				t.Errorf("%s: waited %v, %v", text, clock.slept, err)
			}
			continue
		}
		note := `registry "` + w.host + `" ` + want + "; exporting the build cache to " + w.host + "/cache:1 again in 500ms"
		if err != nil || exports.Load() != 2 || !cmp.Equal([]string{note}, w.progress.notes) {
			t.Errorf("exported %d times, noted %q: %v", exports.Load(), w.progress.notes, err)
		}
		w.ranOnce(copiesContext)
	}
}
