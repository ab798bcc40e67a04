package solve

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

// record makes the builder call fn while it writes the record of a solve, and returns the platforms whose solves it has recorded.
func (w *harness) record(fn func(context.Context) error) func() []string {
	var recorded []string
	w.Record = func(ctx context.Context, p platform.Platform) error {
		err := fn(ctx)
		w.mu.Lock()
		defer w.mu.Unlock()
		recorded = append(recorded, platform.Format(p))
		return err
	}
	return func() []string {
		w.mu.Lock()
		defer w.mu.Unlock()
		return recorded
	}
}

// untilTagged waits for the tag that is moved last.
func (w *harness) untilTagged(ctx context.Context) error {
	for w.tagged("app:v1") == "" {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(time.Millisecond):
		}
	}
	return nil
}

func TestABuildDoesNotWaitForItsRecord(t *testing.T) {
	for name, change := range map[string]func(*harness){
		"a near node":                func(*harness) {},
		"one behind a quick network": func(w *harness) { w.env.Nodes[0].Near, w.env.Nodes[0].RoundTrip = false, shortTrip-1 },
	} {
		w := newHarness(t, copiesOnly)
		change(w)
		w.record(func(ctx context.Context) error {
			<-ctx.Done() // the client has left
			return context.Cause(ctx)
		})
		w.mustRun()
		if len(w.progress.notes) > 0 {
			t.Errorf("%s: noted: %q", name, w.progress.notes)
		}
		leftNothing(t)
	}
}

func TestTheAnswerOfABuildKitThatDoesNotTellOfExportsIsAwaited(t *testing.T) {
	for name, change := range map[string]func(*harness){
		"an older one":     func(w *harness) { w.Untold = true },
		"a far one":        func(w *harness) { w.env.Nodes[0].Near, w.env.Nodes[0].RoundTrip = false, shortTrip },
		"one not measured": func(w *harness) { w.env.Nodes[0].Near = false },
	} {
		w := newHarness(t, copiesOnly)
		change(w)
		w.record(func(context.Context) error {
			if w.tagged("app:v1") != "" {
				t.Errorf("%s: there is a tag already", name)
			}
			return errors.New("no space left on device")
		})
		if _, err := w.run(); err == nil || !strings.Contains(err.Error(), "no space left") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestACancelledBuildDoesNotWaitForItsRecord(t *testing.T) {
	w := newHarness(t, copiesOnly)
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("the user has stopped it")
	w.record(func(ctx context.Context) error {
		if err := w.untilTagged(ctx); err != nil {
			return err
		}
		cancel(stopped)
		<-ctx.Done()
		return context.Cause(ctx)
	})
	_, _ = Run(ctx, w.req, w.env, w.preflight) // it has published, or was stopped while it read the tag back
	if len(w.progress.notes) > 0 {
		t.Errorf("noted: %q", w.progress.notes)
	}
	leftNothing(t)
}

func TestTheNextBuildOfAContextWaitsForTheRecordOfTheLastOne(t *testing.T) {
	w := newHarness(t, copiesOnly)
	w.env.Placements = t.TempDir()
	var asked []string
	w.env.Nodes[0].Recording = func(_ context.Context, ref string) (bool, error) {
		asked = append(asked, ref)
		if sent := sentContexts(w.Builder); len(asked) > 1 && sent != 1 {
			t.Errorf("the context was sent %d times before the record was written", sent)
		}
		return len(asked) < 3, nil
	}
	w.mustRun()
	if len(asked) > 0 {
		t.Fatalf("the first build has asked for %q", asked)
	}
	w.mustRun()
	if len(asked) != 3 || asked[0] == "" || asked[0] != asked[2] {
		t.Errorf("the second build has asked for %q", asked)
	}
	asked = make([]string, 5)
	w.env.Nodes[0].Near = false // the record of its last build was awaited
	w.env.Placements = t.TempDir()
	w.mustRun()
	if w.mustRun(); len(asked) != 5 {
		t.Errorf("a build that waits for its own record has asked for %q", asked)
	}
}
