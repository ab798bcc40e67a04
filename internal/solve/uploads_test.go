package solve

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/failure"
	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/index"
	"github.com/docker-multiarch/docker-multiarch/internal/sink"
	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// sharedLayer makes all platforms' images of one layer, and returns how often it was uploaded.
func (w *harness) sharedLayer() (uploads func() int64) {
	layer := []byte("the layer of all platforms")
	w.Layer = func(platform.Platform) []byte { return layer }
	var n atomic.Int64
	w.faults.Add(faultregistry.Fault{
		Match: faultregistry.On(http.MethodPut, "/blobs/uploads/"),
		Do: func(rw http.ResponseWriter, req *http.Request, next http.Handler) {
			if req.URL.Query().Get("digest") == digest.FromBytes(layer).String() {
				n.Add(1)
			}
			next.ServeHTTP(rw, req)
		},
	})
	return n.Load
}

func TestALayerThatPlatformsShareIsUploadedOnce(t *testing.T) {
	for name, change := range map[string]func(*harness){
		"from a cold start":      func(*harness) {},
		"one after another":      func(w *harness) { w.req.Jobs = 1 },
		"without the cache":      func(w *harness) { w.req.NoCache = true },
		"both":                   func(w *harness) { w.req.Jobs, w.req.NoCache = 1, true },
		"with attestations":      func(w *harness) { w.req.Attests = map[string]string{"provenance": "type=provenance"} },
		"the first to fail ends": func(w *harness) { w.req.FailFast = true },
		"with a second archive": func(w *harness) {
			w.req.Outputs = sink.Outputs{List: []sink.Output{sink.Archive{Dest: t.TempDir() + "/a"}}}
		},
		"to two repositories": func(w *harness) { w.req.Tags = w.tags("app:v1", "other:v1") },
	} {
		t.Run(name, func(t *testing.T) {
			w := newHarness(t, copiesOnly)
			change(w)
			uploads := w.sharedLayer()
			w.mustRun()
			if n := uploads(); n != 1 { // the registry keeps the blobs of all repositories together
				t.Errorf("it was uploaded %d times", n)
			}
			leftNothing(t)
		})
	}
}

var errBusy = errors.New("failed to push app: unexpected status from PUT request to http://r.example/x: 503 Service Unavailable")

func TestAnotherPlatformUploadsWhatTheFirstOneDidNot(t *testing.T) {
	cancelled := errors.New("cancelled")
	fails := func(context.Context) error { return errors.New("failed to push app: 403") }
	passes := func(context.Context) error { return errors.New("failed to push app: 503 Service Unavailable") }
	busy := func(context.Context) error { return errBusy }
	attested := func(w *harness) { w.req.Attests = map[string]string{"provenance": "type=provenance"} }
	for name, tt := range map[string]struct {
		change func(*harness)
		broken func(ctx context.Context) error // of the platform that pushes first
		made   int
	}{
		"its push fails":                        {func(*harness) {}, fails, 2},
		"its push fails, and is tried again":    {func(w *harness) { w.req.Retry = 1 }, passes, 3},
		"its push is not taken for the moment":  {func(*harness) {}, busy, 3},
		"its push fails, one after another":     {func(w *harness) { w.req.Jobs = 1 }, fails, 2},
		"its push fails, without the cache":     {func(w *harness) { w.req.NoCache = true }, fails, 2},
		"its attested image's push fails":       {attested, fails, 2},
		"its push fails, which ends the others": {func(w *harness) { w.req.FailFast = true }, fails, 0},
		"the user ends the build while it pushes": {func(*harness) {}, func(ctx context.Context) error {
			<-ctx.Done()
			return context.Cause(ctx)
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newHarness(t, copiesOnly)
			w.waits()
			tt.change(w)
			w.sharedLayer()
			ctx, cancel := context.WithCancelCause(t.Context())
			var first sync.Once
			w.Push = func(ctx context.Context, _ platform.Platform) (err error) {
				leads := false
				first.Do(func() {
					leads = true
					if strings.HasPrefix(name, "the user") {
						time.AfterFunc(10*time.Millisecond, func() { cancel(cancelled) })
					}
					err = tt.broken(ctx)
				})
				if !leads && w.req.FailFast { // it may have begun before the failure ends it
					<-ctx.Done()
					err = context.Cause(ctx)
				}
				return err
			}
			rep, _ := Run(ctx, w.req, w.env, w.preflight)
			made := 0
			for _, p := range rep.Platforms {
				if p.Err == nil {
					made++
				}
			}
			if made != tt.made {
				t.Errorf("%d platforms were pushed, want %d", made, tt.made)
			}
			leftNothing(t)
		})
	}
}

func TestTheOthersPushWhileThePlatformThatLedWaitsForTheRegistry(t *testing.T) {
	for name, attests := range map[string]map[string]string{"": nil, "with attestations": {"provenance": "type=provenance"}} {
		t.Run(name, func(t *testing.T) {
			w := newHarness(t, copiesOnly)
			w.req.Attests = attests
			uploads, clock := w.sharedLayer(), w.waits()
			var pushes atomic.Int32
			pushed := make(chan struct{})
			w.Push = func(context.Context, platform.Platform) error {
				switch pushes.Add(1) {
				case 1:
					return errBusy
				case 3:
					close(pushed)
				}
				return nil
			}
			clock.nap = func(ctx context.Context) error {
				select {
				case <-pushed:
					return nil
				case <-ctx.Done():
					return context.Cause(ctx)
				}
			}
			w.mustRun()
			if pushes.Load() != 4 || uploads() != 1 || len(clock.slept) != 1 {
				t.Errorf("pushed %d times, waited %v, uploaded the layer %d times", pushes.Load(), clock.slept, uploads())
			}
			leftNothing(t)
		})
	}
}

func TestPlatformsThatShareNoLayerPushAtTheSameTime(t *testing.T) {
	for name, tt := range map[string]struct {
		dockerfile string
		change     func(*harness)
	}{
		"programs of each platform": {"FROM base\nRUN make\n", func(*harness) {}},
		"files of each platform":    {"FROM base\nARG TARGETARCH\nCOPY hello /$TARGETARCH\n", func(*harness) {}},
		"archives that are joined, which must all be made before a push": {copiesOnly, func(w *harness) {
			w.req.Outputs = sink.Outputs{List: []sink.Output{sink.Files{Tar: true, Dest: t.TempDir() + "/t"}}}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newHarness(t, tt.dockerfile)
			tt.change(w)
			c := &crowd{wait: 3, full: make(chan struct{})}
			w.Push = c.work
			w.mustRun()
			if c.most != 3 {
				t.Errorf("%d pushed at the same time", c.most)
			}
		})
	}
}

func TestTheOthersPushAtTheSameTimeOnceTheSharedLayerIsThere(t *testing.T) {
	w := newHarness(t, copiesOnly)
	w.sharedLayer()
	c := &crowd{wait: 2, full: make(chan struct{})}
	var first sync.Once
	w.Push = func(ctx context.Context, p platform.Platform) error {
		leads := false
		first.Do(func() { leads = true })
		if leads {
			return nil
		}
		return c.work(ctx, p)
	}
	w.mustRun()
	if c.most != 2 {
		t.Errorf("%d of the others pushed at the same time", c.most)
	}
}

func TestATurnEndsWithTheLastRepositoryOrWithItsSolve(t *testing.T) {
	one := []digest.Digest{"a"}
	for name, tt := range map[string]struct {
		end   func(*push)
		freed bool
	}{
		"nothing has happened":              {func(*push) {}, false},
		"the layers are in one of two":      {func(p *push) { p.see(pushesManifest("x/a")) }, false},
		"one repository is mentioned twice": {func(p *push) { p.see(pushesManifest("x/a")); p.see(pushesManifest("x/a")) }, false},
		"the layers are in both":            {func(p *push) { p.see(pushesManifest("x/a")); p.see(pushesManifest("x/b")) }, true},
		"the solve has failed":              {func(p *push) { p.end(false) }, true},
		"the solve has succeeded":           {func(p *push) { p.end(true) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			u := &uploads{layers: map[digest.Digest]bool{"a": true}, pushing: map[digest.Digest]bool{}, changed: make(chan struct{})}
			g := graph.Graph{Steps: []graph.Step{{Digest: "s", Layer: "a"}}}
			p := &push{repositories: 2}
			if err := p.begin(t.Context(), u, g); err != nil {
				t.Fatal(err)
			}
			tt.end(p)
			ended, cancel := context.WithCancel(t.Context())
			cancel()
			if err := u.begin(ended, one); (err == nil) != tt.freed {
				t.Errorf("the next one: %v", err)
			}
		})
	}
}

func pushesManifest(repository string) *client.SolveStatus {
	return &client.SolveStatus{Statuses: []*client.VertexStatus{{ID: "pushing manifest for " + repository}}}
}

func TestARefusalOfWhatBuildKitSendsIsExplainedByTheRegistrysAnswerToTheClient(t *testing.T) {
	const unauthorized, look = "failed to push REPO: unauthorized", "failed to push REPO: unexpected status from HEAD request to http://r.example/v2/app/blobs/x: 405 Method Not Allowed"
	token := func(text string) func(string) error {
		return func(string) error { return errors.New("failed to fetch oauth token: " + text) }
	}
	for name, tt := range map[string]struct {
		text    string
		token   func(string) error
		refuses bool // the client as well
		want    any
		says    string
		pushes  int32
	}{
		"the login was revoked":           {unauthorized, token("unexpected status from GET request to http://r.example/token: 401 Unauthorized"), true, new(*manifest.Error), "docker login", 1},
		"the client has an older token":   {unauthorized, token("unexpected status from GET request to http://r.example/token: 401 Unauthorized"), false, new(*failure.TokenError), "fetch oauth token", 1},
		"the token server is busy":        {unauthorized, token("unexpected status from GET request to http://r.example/token: 503 Service Unavailable"), false, nil, "", 2},
		"a password was revoked":          {unauthorized, nil, true, new(*manifest.Error), "docker login", 1},
		"the registry asks in an odd way": {unauthorized, nil, false, new(*failure.BuilderPushError), "unauthorized", 1},
		"it refuses a look":               {look, nil, false, new(*failure.BuilderPushError), "405", 1},
		"it refuses a look and a push":    {look, nil, true, new(*manifest.Error), "docker login", 1},
		"it refuses the push":             {"failed to push REPO: unexpected status from PUT request to http://r.example/v2/app/x: 403 Forbidden", nil, false, new(*FailedError), "403", 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newHarness(t, copiesOnly)
			w.platforms("linux/arm64")
			w.waits()
			w.req.Retry = 1
			w.env.TokenError = tt.token
			var pushes atomic.Int32
			w.Push = func(context.Context, platform.Platform) error {
				if pushes.Add(1); tt.want == nil && pushes.Load() > 1 {
					return nil
				}
				return errors.New(strings.ReplaceAll(tt.text, "REPO", w.host+"/app"))
			}
			if tt.refuses {
				w.faults.Add(faultregistry.Fault{Match: faultregistry.On(http.MethodPost, "/blobs/uploads/"), Do: faultregistry.Answer(401, "UNAUTHORIZED", "")})
			}
			_, err := w.run()
			if (err != nil) != (tt.want != nil) || tt.want != nil && (!errors.As(err, tt.want) || !errors.As(err, new(*index.PushError)) || !strings.Contains(err.Error(), tt.says)) {
				t.Errorf("got %v", err)
			}
			if pushes.Load() != tt.pushes {
				t.Errorf("pushed %d times", pushes.Load())
			}
		})
	}
}
