package manifest_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/distribution/reference"

	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
	"github.com/docker-multiarch/docker-multiarch/manifest"
)

var uploads = faultregistry.On("", "/blobs/uploads/")

func TestCheckPushStartsAnUploadAndCancelsIt(t *testing.T) {
	w := newWorld(t, nil, nil)
	w.faults.Add(faultregistry.Fault{Match: faultregistry.On(http.MethodDelete, ""), Do: faultregistry.Answer(204, "", "")})
	note, err := w.client.CheckPush(t.Context(), w.tag(t, "team/app:v1"))
	if err != nil || note != "" {
		t.Fatalf("got %q, %v", note, err)
	}
	cancelled := func() bool { return len(w.faults.Matching(faultregistry.On(http.MethodDelete, ""))) == 1 }
	for start := time.Now(); !cancelled() && time.Since(start) < 10*time.Second; {
		time.Sleep(time.Millisecond)
	}
	requests := w.faults.Requests()
	if len(requests) != 3 || requests[1].String() != "POST /v2/team/app/blobs/uploads/ 202" || requests[2].Method != http.MethodDelete {
		t.Errorf("requests: %v", requests)
	}
}

func TestCheckPushSaysWhyAPushWouldFail(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   faultregistry.Action
		kind error
		want []string
	}{
		{"a login is wanted", faultregistry.AnswerWith(401, "UNAUTHORIZED", "authentication required", http.Header{"Www-Authenticate": {`Basic realm="x"`}}), manifest.ErrUnauthorized, []string{"401 Unauthorized", "docker login 127.0.0.1:"}},
		{"the login may not", faultregistry.Answer(403, "DENIED", "requested access is denied"), manifest.ErrDenied, []string{"403 Forbidden DENIED: requested access is denied", "typo"}},
		{"the repository must be made first", faultregistry.Answer(404, "NAME_UNKNOWN", "no such repository"), manifest.ErrDenied, []string{"create the repository", "NAME_UNKNOWN"}},
		{"the name is not allowed", faultregistry.Answer(400, "NAME_INVALID", "bad"), manifest.ErrDenied, []string{"NAME_INVALID", "typo"}},
		{"the registry is down for long", faultregistry.Answer(503, "", ""), manifest.ErrUnreachable, []string{"503 Service Unavailable"}},
		{"the registry hangs", faultregistry.Hang, manifest.ErrUnreachable, []string{"does not answer within 300ms"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, nil, func(o *manifest.Options) { o.PushCheck = 300 * time.Millisecond })
			w.faults.Add(faultregistry.Fault{Match: uploads, Do: tt.do})
			if strings.HasSuffix(tt.name, "hangs") { // not only for the upload
				w.faults.Clear()
				w.faults.Add(faultregistry.Fault{Do: tt.do})
			} else if _, err := w.client.Resolve(t.Context(), w.tag(t, "app")); !errors.Is(err, manifest.ErrNotFound) {
				t.Fatal(err)
			}
			_, err := w.client.CheckPush(t.Context(), w.tag(t, "app:v1"))
			if !errors.Is(err, tt.kind) {
				t.Fatalf("got %v, want %v", err, tt.kind)
			}
			for _, part := range append(tt.want, w.host, "http", "app") {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q lacks %q", err, part)
				}
			}
		})
	}
}

func TestCheckPushOnlyNotesAnAnswerThatSaysNeitherYesNorNo(t *testing.T) {
	for _, do := range map[string]faultregistry.Action{
		"405": faultregistry.Answer(405, "UNSUPPORTED", "the operation is unsupported"),
		"404": faultregistry.Answer(404, "", ""),
		"400": faultregistry.Answer(400, "UNSUPPORTED", ""),
	} {
		w := newWorld(t, nil, nil)
		w.faults.Add(faultregistry.Fault{Match: uploads, Do: do})
		note, err := w.client.CheckPush(t.Context(), w.tag(t, "app:v1"))
		if err != nil || !strings.Contains(note, w.host) || !strings.Contains(note, "trying anyway") {
			t.Errorf("got %q, %v", note, err)
		}
	}
}

func TestCheckPushLeavesARegistryThatAsksForALongerWaitToThePush(t *testing.T) {
	for name, wait := range map[string]string{"within the push's bound": "30", "longer than that": "600"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil, func(o *manifest.Options) {
				o.PushCheck = time.Second
				o.Clock.Sleep = func(ctx context.Context, _ time.Duration) error { <-ctx.Done(); return context.Cause(ctx) }
			})
			w.faults.Add(faultregistry.Fault{Match: uploads, Do: faultregistry.RetryAfter(429, wait)})
			note, err := w.client.CheckPush(t.Context(), w.tag(t, "app:v1"))
			if err != nil || !strings.Contains(note, w.host) || !strings.Contains(note, "busy") {
				t.Errorf("got %q, %v", note, err)
			}
		})
	}
}

func TestCheckPushFindsAClosedPortAtOnce(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host := listener.Addr().String()
	listener.Close()
	named, _ := reference.ParseNormalizedNamed(host + "/app")
	clock := newClock()
	client := manifest.New(manifest.Options{Clock: manifest.Clock{Now: clock.Now, Sleep: clock.Sleep}})
	_, err = client.CheckPush(t.Context(), named)
	if !errors.Is(err, manifest.ErrUnreachable) || len(clock.naps()) != 0 {
		t.Fatalf("got %v after %v", err, clock.naps())
	}
	for _, part := range []string{host, "http and https", "connection refused", "typo"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q lacks %q", err, part)
		}
	}
}

func TestCheckPushIsOverInTimeWhenNothingAnswersTheConnection(t *testing.T) {
	dialing := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	client := manifest.New(manifest.Options{Transport: dialing, PushCheck: 30 * time.Millisecond})
	named, _ := reference.ParseNormalizedNamed("registry.example/app")
	start := time.Now()
	_, err := client.CheckPush(t.Context(), named)
	if !errors.Is(err, manifest.ErrUnreachable) || time.Since(start) > time.Second {
		t.Errorf("got %v after %s", err, time.Since(start))
	}
}

func TestCheckPushPassesACancelledContextOn(t *testing.T) {
	w := newWorld(t, nil, nil)
	ctx, cancel := context.WithCancel(t.Context())
	w.faults.Add(faultregistry.Fault{Do: func(http.ResponseWriter, *http.Request, http.Handler) { cancel() }})
	if _, err := w.client.CheckPush(ctx, w.tag(t, "app")); !errors.Is(err, context.Canceled) || errors.Is(err, manifest.ErrUnreachable) {
		t.Errorf("got %v", err)
	}
}
