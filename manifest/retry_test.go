package manifest_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
	"github.com/docker-multiarch/docker-multiarch/manifest"
)

// lookUp resolves app:v1 with one fault on it, and returns the number of requests for it.
func lookUp(t *testing.T, w world, fault faultregistry.Fault) (requests int, err error) {
	t.Helper()
	desc, body := image(t, ocispecs.MediaTypeImageManifest, "linux/amd64")
	w.put(t, "/v2/app/manifests/v1", desc.MediaType, body)
	fault.Match = faultregistry.TagRead
	w.faults.Add(fault)
	_, err = w.client.Resolve(t.Context(), w.tag(t, "app:v1"))
	return len(w.faults.Matching(faultregistry.On(http.MethodHead, "/manifests/v1"))), err
}

func TestWhatMayPassIsTriedAgainAndNothingElse(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   faultregistry.Action
		want int // requests when the fault happens twice
	}{
		{"400", faultregistry.Answer(400, "", ""), 1},
		{"401", faultregistry.Answer(401, "", ""), 1},
		{"403", faultregistry.Answer(403, "DENIED", ""), 1},
		{"404", faultregistry.Answer(404, "", ""), 1},
		{"413", faultregistry.Answer(413, "", ""), 1},
		{"415", faultregistry.Answer(415, "", ""), 1},
		{"501", faultregistry.Answer(501, "", ""), 1},
		{"408", faultregistry.Answer(408, "", ""), 3},
		{"425", faultregistry.Answer(425, "", ""), 3},
		{"429", faultregistry.Answer(429, "", ""), 3},
		{"500", faultregistry.Answer(500, "", ""), 3},
		{"502", faultregistry.Answer(502, "", ""), 3},
		{"520", faultregistry.Answer(520, "", ""), 3},
		{"reset", faultregistry.Reset, 3},
		{"silence", faultregistry.Hang, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, nil, func(o *manifest.Options) { o.Retry.Silence = 20 * time.Millisecond })
			got, err := lookUp(t, w, faultregistry.Fault{Times: 2, Do: tt.do})
			if got != tt.want {
				t.Errorf("got %d requests, want %d (%v)", got, tt.want, err)
			}
			if (err == nil) != (tt.want == 3) {
				t.Errorf("got error %v", err)
			}
		})
	}
}

func TestPausesDoubleUntilTwoMinutesAreOver(t *testing.T) {
	var waits []manifest.Wait
	w := newWorld(t, nil, func(o *manifest.Options) { o.Report = func(wait manifest.Wait) { waits = append(waits, wait) } })
	_, err := lookUp(t, w, faultregistry.Fault{Do: faultregistry.Answer(503, "", "")})
	if !errors.Is(err, manifest.ErrUnreachable) || !strings.Contains(err.Error(), "503 Service Unavailable (attempt 12)") {
		t.Errorf("got %v", err)
	}
	naps := w.clock.naps()
	want := []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 15 * time.Second, 15 * time.Second}
	if diff := cmp.Diff(want, naps[:7]); diff != "" {
		t.Errorf("pauses (-want +got):\n%s", diff)
	}
	if total := w.clock.total(); total > 2*time.Minute || total < 100*time.Second {
		t.Errorf("waited %s", total)
	}
	if len(waits) != len(naps) || !strings.Contains(waits[0].Reason, "503") {
		t.Errorf("reported: %v", waits)
	}
}

func TestAPauseIsShortenedByUpToAHalf(t *testing.T) {
	w := newWorld(t, nil, func(o *manifest.Options) { o.Retry.Random = func() float64 { return 1 } })
	if _, err := lookUp(t, w, faultregistry.Fault{Times: 2, Do: faultregistry.Answer(502, "", "")}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]time.Duration{250 * time.Millisecond, 500 * time.Millisecond}, w.clock.naps()); diff != "" {
		t.Errorf("pauses (-want +got):\n%s", diff)
	}
}

func TestRetryAfterIsHonouredUpToTheLimit(t *testing.T) {
	now := newClock().now
	for _, tt := range []struct {
		name, header string
		slept        []time.Duration
		err          string
	}{
		{"seconds", "1", []time.Duration{time.Second}, ""},
		{"a date", now.Add(30 * time.Second).Format(http.TimeFormat), []time.Duration{30 * time.Second}, ""},
		{"an hour", "3600", nil, "asks for a wait of 1h0m0s, longer than the 2m0s allowed"},
		{"a date in the past", now.Add(-time.Hour).Format(http.TimeFormat), []time.Duration{500 * time.Millisecond}, ""},
		{"nonsense", "soon", []time.Duration{500 * time.Millisecond}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, nil, nil)
			_, err := lookUp(t, w, faultregistry.Fault{Times: 1, Do: faultregistry.RetryAfter(429, tt.header)})
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("got %v, want %q", err, tt.err)
			}
			if diff := cmp.Diff(tt.slept, w.clock.naps()); diff != "" {
				t.Errorf("pauses (-want +got):\n%s", diff)
			}
		})
	}
}

func TestARegistryThatIsGoneIsWaitedForOnlyIfItHasAnsweredBefore(t *testing.T) {
	for _, tt := range []struct {
		name     string
		answered bool
	}{{"never seen", false}, {"seen in this run", true}} {
		t.Run(tt.name, func(t *testing.T) {
			named, server := serve(t, false)
			clock := newClock()
			client := manifest.New(manifest.Options{Clock: manifest.Clock{Now: clock.Now, Sleep: clock.Sleep}})
			if tt.answered {
				if _, err := client.CheckPush(t.Context(), named); err != nil {
					t.Fatal(err)
				}
			}
			server.Close()
			_, err := client.Resolve(t.Context(), named)
			if !errors.Is(err, manifest.ErrUnreachable) {
				t.Errorf("got %v, want ErrUnreachable", err)
			}
			if waited := len(clock.naps()) > 0; waited != tt.answered {
				t.Errorf("waited: %v", clock.naps())
			}
		})
	}
}

func TestNegativeMaxWaitMeansOneAttempt(t *testing.T) {
	w := newWorld(t, nil, func(o *manifest.Options) { o.Retry.MaxWait = -1 })
	got, err := lookUp(t, w, faultregistry.Fault{Do: faultregistry.Answer(503, "UNAVAILABLE", "later")})
	if got != 1 || err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("got %d requests, %v", got, err)
	}
}
