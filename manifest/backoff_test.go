package manifest_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
	"github.com/docker-multiarch/docker-multiarch/manifest"
)

var errBusy = errors.New("busy")

func TestABackoffWaitsAsLongAsTheRegistryAsks(t *testing.T) {
	for name, tt := range map[string]struct {
		do   faultregistry.Action
		want time.Duration
		err  string
	}{
		"it serves others":              {nil, 500 * time.Millisecond, ""},
		"it is busy, and asks for time": {faultregistry.RetryAfter(429, "7"), 7 * time.Second, ""},
		"it is busy, and does not ask":  {faultregistry.Answer(503, "", ""), 500 * time.Millisecond, ""},
		"it refuses the question":       {faultregistry.Answer(401, "", ""), 500 * time.Millisecond, ""},
		"it does not answer":            {faultregistry.Reset, 500 * time.Millisecond, ""},
		"it asks for more than allowed": {faultregistry.RetryAfter(429, "121"), 0, "busy (attempt 1; the registry asks for a wait of 2m1s, longer than the 2m0s allowed)"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil, nil)
			if tt.do != nil {
				w.faults.Add(faultregistry.Fault{Match: faultregistry.On("", "/blobs/"), Do: tt.do})
			}
			var before time.Duration
			err := w.client.Backoff().Wait(t.Context(), w.tag(t, "app"), errBusy, func(d time.Duration) { before = d })
			if before != tt.want || w.clock.total() != tt.want || (err == nil) != (tt.err == "") || err != nil && (err.Error() != tt.err || !errors.Is(err, errBusy)) {
				t.Errorf("waited %v, announced %s: %v", w.clock.naps(), before, err)
			}
			if asked := len(w.faults.Matching(faultregistry.On("", "/blobs/"))); asked == 0 || asked > 2 { // net/http may repeat a HEAD by itself
				t.Errorf("it asked %d times", asked)
			}
		})
	}
}

func TestTheTimeOfTheWorkDoesNotCountInABackoff(t *testing.T) {
	w := newWorld(t, nil, nil)
	work := w.client.Backoff()
	var err error
	for n := 0; n < 100 && err == nil; n++ {
		w.clock.now = w.clock.now.Add(time.Hour)
		err = work.Wait(t.Context(), w.tag(t, "app"), errBusy, func(time.Duration) {})
	}
	if total := w.clock.total(); total > 2*time.Minute || total < 100*time.Second || err == nil || err.Error() != "busy (attempt 12)" {
		t.Errorf("waited %s: %v", total, err)
	}
}

func TestABackoffEndsWithItsContext(t *testing.T) {
	w := newWorld(t, nil, nil)
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	w.clock.onNap = func() { cancel(why) }
	if err := w.client.Backoff().Wait(ctx, w.tag(t, "app"), errBusy, func(time.Duration) {}); !errors.Is(err, why) {
		t.Errorf("got %v", err)
	}
}

func TestTheLongestWaitOfAClientCanBeReplaced(t *testing.T) {
	w := newWorld(t, nil, nil)
	for limit, want := range map[time.Duration]time.Duration{0: 0, 10 * time.Second: 7500 * time.Millisecond} {
		w.clock.slept = nil
		work := w.client.WithMaxWait(limit).Backoff()
		var err error
		for err == nil {
			err = work.Wait(t.Context(), w.tag(t, "app"), errBusy, func(time.Duration) {})
		}
		if w.clock.total() != want || work.Off() != (limit == 0) {
			t.Errorf("%s: waited %v", limit, w.clock.naps())
		}
	}
}

func TestTheAnswerToABlobSaysWhenItMayBeSentAgain(t *testing.T) {
	w := newWorld(t, nil, nil)
	w.faults.Add(faultregistry.Fault{Match: faultregistry.On(http.MethodPut, "/blobs/uploads/"), Times: 1, Do: faultregistry.RetryAfter(429, "9")})
	src, _, _ := app(t)
	if err := w.client.Upload(t.Context(), w.tag(t, "app"), src.image("amd64"), src); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]time.Duration{9 * time.Second}, w.clock.naps()); diff != "" {
		t.Errorf("pauses (-want +got):\n%s", diff)
	}

	w.faults.Add(faultregistry.Fault{Match: faultregistry.On(http.MethodPut, "/blobs/uploads/"), Do: faultregistry.RetryAfter(429, "3600")})
	err := w.client.Upload(t.Context(), w.tag(t, "app"), src.image("arm64"), src)
	if !errors.Is(err, manifest.ErrUnreachable) || !strings.Contains(err.Error(), "asks for a wait of 1h0m0s") {
		t.Errorf("got %v", err)
	}
}

func TestTimeInWhichARegistryWasSilentCountsInABackoff(t *testing.T) {
	w := newWorld(t, nil, nil)
	work := w.client.Backoff()
	for n, want := range []string{"", "", "busy (attempt 3)"} {
		work.Waited(59 * time.Second)
		err := work.Wait(t.Context(), w.tag(t, "app"), errBusy, func(time.Duration) {})
		if (err == nil) != (want == "") || err != nil && err.Error() != want {
			t.Errorf("%d: %v", n, err)
		}
	}
}

func TestAWaitThatIsTooLongInAllIsToldFromOneThatIsTooLong(t *testing.T) {
	w := newWorld(t, nil, nil)
	w.faults.Add(faultregistry.Fault{Match: faultregistry.On("", "/blobs/"), Do: faultregistry.RetryAfter(429, "50")})
	work := w.client.Backoff()
	var err error
	for err == nil {
		err = work.Wait(t.Context(), w.tag(t, "app"), errBusy, func(time.Duration) {})
	}
	const want = "busy (attempt 3; the registry asks for a wait of 50s more, which would be longer than the 2m0s allowed in all)"
	if err.Error() != want {
		t.Errorf("got %v", err)
	}
}
