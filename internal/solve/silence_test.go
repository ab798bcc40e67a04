package solve

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/moby/buildkit/client"

	"github.com/docker-multiarch/docker-multiarch/internal/buildcache"
	"github.com/docker-multiarch/docker-multiarch/internal/failure"
	"github.com/docker-multiarch/docker-multiarch/internal/index"
	"github.com/docker-multiarch/docker-multiarch/internal/silence"
	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// watches gives the harness a client with which BuildKit's uploads are given up after a tenth of a second, and a node that has sent
// what sent returns.
func (w *harness) watches(sent func(context.Context) (int64, error)) {
	clock := w.waits()
	w.env.Registry = manifest.New(manifest.Options{
		Settle: time.Millisecond, Clock: manifest.Clock{Now: clock.Now, Sleep: clock.Sleep},
		Retry: manifest.Retry{Random: func() float64 { return 0 }, Silence: 50 * time.Millisecond},
	})
	w.env.Nodes[0].Sent = sent
}

// hanging is an upload that waits for its end, a number of times. Only then nothing is sent.
type hanging struct {
	times       int32
	count, sent atomic.Int64
	now         atomic.Bool
}

func (h *hanging) wait(ctx context.Context) error {
	if h.count.Add(1) > int64(h.times) {
		return nil
	}
	h.now.Store(true)
	defer h.now.Store(false)
	<-ctx.Done()
	return context.Cause(ctx)
}

func (h *hanging) push(ctx context.Context, _ platform.Platform) error { return h.wait(ctx) }

func (h *hanging) bytes(context.Context) (int64, error) {
	if h.now.Load() {
		return h.sent.Load(), nil
	}
	return h.sent.Add(silence.Trickle), nil
}

func TestAnUploadThatNoLongerMovesIsMadeAgain(t *testing.T) {
	for name, attests := range map[string]map[string]string{"": nil, "with attestations": {"provenance": "type=provenance"}} {
		t.Run(name, func(t *testing.T) {
			w, h := newHarness(t, copiesOnly), &hanging{times: 2}
			w.platforms("linux/arm64")
			w.req.Attests = attests
			w.watches(h.bytes)
			w.Push = h.push
			w.mustRun()
			if h.count.Load() != 3 || len(w.progress.notes) != 2 ||
				!strings.Contains(w.progress.notes[0], "neither received anything nor answered for ") || !strings.HasSuffix(w.progress.notes[0], "; pushing linux/arm64 again in 500ms") {
				t.Errorf("pushed %d times, noted %q", h.count.Load(), w.progress.notes)
			}
			w.ranOnce(copiesOnly)
			leftNothing(t)
		})
	}
}

func TestARegistryThatStaysSilentUnderAnUploadIsNamed(t *testing.T) {
	for _, limit := range []time.Duration{0, 3 * time.Second} {
		w, h := newHarness(t, copiesOnly), &hanging{times: 1000}
		w.platforms("linux/arm64")
		w.watches(h.bytes)
		w.env.Registry = w.env.Registry.WithMaxWait(limit)
		w.req.Retry = 2
		w.Push = h.push
		rep, err := w.run()
		if !errors.As(err, new(*index.PushError)) || !errors.As(err, new(*failure.SilentError)) || rep.Platforms[0].Retries > 0 || w.tagged("app:v1") != "" {
			t.Errorf("got %v", err)
		}
		contains(t, err.Error(), "failed to push "+w.host+"/app: the registry neither received anything nor answered for ")
		if pushes := map[time.Duration]int64{0: 1, 3 * time.Second: 3}[limit]; h.count.Load() != pushes || len(w.progress.notes) != int(pushes-1) {
			t.Errorf("pushed %d times, noted %q", h.count.Load(), w.progress.notes)
		}
		leftNothing(t)
	}
}

func TestAnUploadThatMovesOrMayMoveIsNotEnded(t *testing.T) {
	var bytes atomic.Int64
	for name, sent := range map[string]func(context.Context) (int64, error){
		"bytes are sent":         func(context.Context) (int64, error) { return bytes.Add(silence.Trickle), nil },
		"programs end":           func(context.Context) (int64, error) { return -bytes.Add(1), nil },
		"nobody knows":           func(context.Context) (int64, error) { return 0, errors.New("no shell") },
		"there is no way to ask": nil,
	} {
		t.Run(name, func(t *testing.T) {
			w := newHarness(t, copiesOnly)
			w.watches(sent)
			w.Push = func(ctx context.Context, _ platform.Platform) error {
				return manifest.Sleep(ctx, 300*time.Millisecond) // three times as long as nothing may move
			}
			w.mustRun()
			if len(w.progress.notes) > 0 {
				t.Errorf("noted %q", w.progress.notes)
			}
		})
	}
}

func TestAnExportOfACacheThatNoLongerMovesIsMadeAgain(t *testing.T) {
	w, h := newHarness(t, copiesOnly), &hanging{times: 1}
	w.watches(h.bytes)
	w.req.Cache.To = []buildcache.Entry{entry("type=registry", "ref="+w.host+"/cache")}
	w.Export = func(ctx context.Context, _ client.CacheOptionsEntry) error { return h.wait(ctx) }
	w.mustRun()
	if h.count.Load() != 2 || len(w.progress.notes) != 1 {
		t.Errorf("exported %d times, noted %q", h.count.Load(), w.progress.notes)
	}
}
