package manifest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
	"github.com/docker-multiarch/docker-multiarch/manifest"
)

var blobReads = faultregistry.On(http.MethodGet, "/blobs/sha256:")

// layer adds a blob that is too long to be read ahead to "app", and returns a source for it.
func layer(t *testing.T, w world) (ocispecs.Descriptor, []byte, *manifest.Source) {
	t.Helper()
	body := bytes.Repeat([]byte("0123456789abcdef"), 5<<16) // 5 MiB
	desc := ocispecs.Descriptor{MediaType: ocispecs.MediaTypeImageLayer, Digest: digest.FromBytes(body), Size: int64(len(body))}
	req, err := http.NewRequest(http.MethodPost, "http://"+w.host+"/v2/app/blobs/uploads/?digest="+desc.Digest.String(), bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil || resp.StatusCode != http.StatusCreated {
		t.Fatalf("got %v, %v", resp, err)
	}
	resp.Body.Close()
	root, index := image(t, ocispecs.MediaTypeImageManifest, "linux/amd64")
	w.put(t, "/v2/app/manifests/v1", root.MediaType, index)
	_, source, err := w.client.Source(t.Context(), w.tag(t, "app:v1"))
	if err != nil {
		t.Fatal(err)
	}
	return desc, body, source
}

func read(ctx context.Context, source *manifest.Source, desc ocispecs.Descriptor) ([]byte, error) {
	rc, err := source.Fetch(ctx, desc)
	if err != nil {
		return nil, err
	}
	defer rc.Close()
	return io.ReadAll(rc)
}

// withoutRanges lets the registry send all of a blob for every range request.
func withoutRanges(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		req.Header.Del("Range")
		next.ServeHTTP(w, req)
	})
}

func TestALayerIsReadOnWhereItBrokeOff(t *testing.T) {
	const most = 4<<20 + 4096
	for name, do := range map[string]faultregistry.Action{
		"silence": faultregistry.StallBody(most), "reset": faultregistry.ResetBody(most), "an early end": faultregistry.CutBody(most),
	} {
		for _, wrap := range []func(http.Handler) http.Handler{nil, withoutRanges} {
			t.Run(fmt.Sprint(name, wrap != nil), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, wrap, func(o *manifest.Options) {
					if name == "silence" {
						o.Retry.Silence = 3 * time.Second // enough for a busy machine
					}
				})
				desc, want, source := layer(t, w)
				w.faults.Add(faultregistry.Fault{Match: blobReads, Times: 2, Do: do})
				got, err := read(t.Context(), source, desc)
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("got %d bytes of %d, %v", len(got), len(want), err)
				}
			})
		}
	}
}

// stalling is a registry with a manifest, all of whose blobs stop after a little more than 4 MiB.
type stalling struct {
	root  ocispecs.Descriptor
	body  []byte
	reads *int // of blobs
}

func (s stalling) RoundTrip(req *http.Request) (*http.Response, error) {
	resp := &http.Response{StatusCode: http.StatusOK, Request: req, Header: http.Header{"Content-Type": {s.root.MediaType}}}
	if strings.Contains(req.URL.Path, "/manifests/") {
		resp.ContentLength, resp.Body = s.root.Size, io.NopCloser(bytes.NewReader(s.body))
		return resp, nil
	}
	*s.reads++
	resp.ContentLength = 5 << 20
	resp.Body = io.NopCloser(io.MultiReader(io.LimitReader(nothing{}, 4<<20+4096), mute{req.Context()}))
	return resp, nil
}

// mute is a body that never returns data.
type mute struct{ ctx context.Context }

func (n mute) Read([]byte) (int, error) {
	<-n.ctx.Done()
	return 0, n.ctx.Err()
}

func TestALayerThatStallsForGoodIsGivenUpByName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		root, body := image(t, ocispecs.MediaTypeImageManifest, "linux/amd64")
		var waits []manifest.Wait
		reads := 0
		client := manifest.New(manifest.Options{
			Transport: stalling{root, body, &reads}, Report: func(wait manifest.Wait) { waits = append(waits, wait) },
		})
		_, source, err := client.Source(t.Context(), world{host: "reg.example"}.tag(t, "app:v1"))
		if err != nil {
			t.Fatal(err)
		}
		desc := ocispecs.Descriptor{MediaType: ocispecs.MediaTypeImageLayer, Digest: digest.FromString("layer"), Size: 5 << 20}
		start := time.Now()
		_, err = read(t.Context(), source, desc)
		if !errors.Is(err, manifest.ErrUnreachable) || time.Since(start) > 3*time.Minute {
			t.Fatalf("got %v after %s", err, time.Since(start))
		}
		for _, part := range []string{desc.Digest.String(), "reg.example", "30s", "attempt 4", fmt.Sprint(desc.Size)} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%q lacks %q", err, part)
			}
		}
		if len(waits) != 3 || !strings.Contains(waits[0].Reason, desc.Digest.String()) {
			t.Errorf("reported: %v", waits)
		}
		reads = 0
		if _, again := source.Fetch(t.Context(), desc); again == nil || again.Error() != err.Error() || reads > 0 {
			t.Errorf("got %v after %d reads", again, reads)
		}
	})
}

func TestAStalledLayerEndsWithTheContext(t *testing.T) {
	w := newWorld(t, nil, nil) // half a minute of silence
	desc, _, source := layer(t, w)
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	w.faults.Add(faultregistry.Fault{Match: blobReads, Do: func(rw http.ResponseWriter, req *http.Request, next http.Handler) {
		time.AfterFunc(50*time.Millisecond, func() { cancel(why) })
		faultregistry.StallBody(4<<20+4096)(rw, req, next)
	}})
	if _, err := read(ctx, source, desc); !errors.Is(err, why) {
		t.Errorf("got %v", err)
	}
}

// committing is a registry that answers late after it has received a body.
type committing struct{ pause time.Duration }

func (c committing) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		if _, err := io.Copy(io.Discard, req.Body); err != nil {
			return nil, err
		}
	}
	resp := &http.Response{StatusCode: http.StatusNotFound, Header: http.Header{}, Body: http.NoBody, Request: req}
	switch req.Method {
	case http.MethodPost:
		resp.StatusCode = http.StatusAccepted
		resp.Header.Set("Location", "/v2/app/blobs/uploads/1")
	case http.MethodPut:
		select {
		case <-time.After(c.pause):
		case <-req.Context().Done():
			return nil, req.Context().Err()
		}
		resp.StatusCode = http.StatusCreated
	}
	return resp, nil
}

// zeros is a blob of many bytes.
type zeros struct{ size int64 }

func (z zeros) Fetch(context.Context, ocispecs.Descriptor) (io.ReadCloser, error) {
	return io.NopCloser(io.LimitReader(nothing{}, z.size)), nil
}

type nothing struct{}

func (nothing) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestARegistryMayTakeLongerForTheCommitOfALargeBlob(t *testing.T) {
	const large = 256 << 20
	for _, tt := range []struct {
		size  int64
		pause time.Duration
		taken bool
	}{
		{1 << 10, 29 * time.Second, true}, {1 << 10, 31 * time.Second, false}, {large, 59 * time.Second, true},
	} {
		hash := digest.SHA256.Digester()
		if _, err := io.Copy(hash.Hash(), io.LimitReader(nothing{}, tt.size)); err != nil {
			t.Fatal(err)
		}
		synctest.Test(t, func(t *testing.T) {
			client := manifest.New(manifest.Options{Transport: committing{tt.pause}, Retry: manifest.Retry{MaxWait: -1}})
			desc := ocispecs.Descriptor{MediaType: ocispecs.MediaTypeImageLayer, Digest: hash.Digest(), Size: tt.size}
			err := client.Upload(t.Context(), world{host: "reg.example"}.tag(t, "app"), desc, zeros{tt.size})
			if (err == nil) != tt.taken {
				t.Errorf("%d bytes, %s: got %v", tt.size, tt.pause, err)
			}
		})
	}
}

func TestARegistryThatWasGivenUpIsNotAskedForTheRest(t *testing.T) {
	w := newWorld(t, nil, nil)
	children := w.push(t, "app", "linux/amd64", "linux/arm64", "linux/s390x")
	index, err := w.client.Publish(t.Context(), request(t, children, w.tag(t, "app:v1")))
	if err != nil {
		t.Fatal(index, err)
	}
	_, source, err := w.client.Source(t.Context(), w.tag(t, "app:v1"))
	if err != nil {
		t.Fatal(err)
	}
	w.clock.Sleep(t.Context(), time.Second)
	w.faults.Add(faultregistry.Fault{Match: faultregistry.ChildRead, Do: faultregistry.Answer(503, "", "")})
	var texts []string
	for _, child := range children {
		_, err := source.Fetch(t.Context(), child)
		if !errors.Is(err, manifest.ErrUnreachable) {
			t.Fatalf("got %v", err)
		}
		texts = append(texts, strings.TrimPrefix(err.Error(), fmt.Sprintf("read %q: ", w.host+"/app@"+child.Digest.String())))
	}
	if waited := w.clock.total(); waited > 2*time.Minute+2*time.Second {
		t.Errorf("waited %s", waited)
	}
	if texts[1] != texts[2] || !strings.Contains(texts[2], "503 Service Unavailable (attempt 12)") {
		t.Errorf("got %q", texts)
	}
	w.faults.Clear()
	w.clock.Sleep(t.Context(), 2*time.Minute)
	if _, err := source.Fetch(t.Context(), children[0]); err != nil {
		t.Errorf("two minutes later: %v", err)
	}
}

func TestARegistryThatCannotServeOneThingIsAskedForTheRest(t *testing.T) {
	for _, status := range []int{404, 503} {
		w := newWorld(t, nil, nil)
		children := w.push(t, "app", "linux/amd64", "linux/arm64")
		root, body := image(t, ocispecs.MediaTypeImageManifest, "linux/s390x")
		w.put(t, "/v2/app/manifests/v1", root.MediaType, body)
		_, source, err := w.client.Source(t.Context(), w.tag(t, "app:v1"))
		if err != nil {
			t.Fatal(err)
		}
		w.faults.Add(faultregistry.Fault{Match: faultregistry.On("", children[0].Digest.String()), Do: faultregistry.Answer(status, "", "")})
		var others atomic.Int32
		w.clock.onNap = func() { // another reader, meanwhile
			if _, err := source.Fetch(t.Context(), children[1]); err == nil {
				others.Add(1)
			}
		}
		if _, err := source.Fetch(t.Context(), children[0]); err == nil {
			t.Fatal("no error")
		}
		if _, err := source.Fetch(t.Context(), children[1]); err != nil {
			t.Errorf("%d: %v (%d others)", status, err, others.Load())
		}
	}
}

func TestTheTimeOfTheCredentialsIsNotTheRegistrys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asks := answers(func(req *http.Request) *http.Response {
			if _, _, loggedIn := req.BasicAuth(); loggedIn {
				return &http.Response{StatusCode: http.StatusAccepted}
			}
			return &http.Response{StatusCode: http.StatusUnauthorized, Header: http.Header{"Www-Authenticate": {`Basic realm="x"`}}}
		})
		client := manifest.New(manifest.Options{Transport: asks, Credential: func(ctx context.Context, host string) (auth.Credential, error) {
			if err := manifest.Sleep(ctx, time.Minute); err != nil { // a person
				return auth.EmptyCredential, err
			}
			return (&keyring{}).credential(ctx, host)
		}})
		if _, err := client.CheckPush(t.Context(), world{host: "reg.example"}.tag(t, "app")); err != nil {
			t.Error(err)
		}
	})
}

func TestEveryWaitForARegistryEndsWithTheContext(t *testing.T) {
	var keys keyring
	tokens := func(next http.Handler) http.Handler { return &faultregistry.Tokens{Next: next, Login: keys.current} }
	for name, match := range map[string]faultregistry.Matcher{
		"a manifest's head": faultregistry.On(http.MethodHead, "/manifests/"),
		"a manifest's body": faultregistry.On(http.MethodGet, "/manifests/"),
		"a token":           faultregistry.On("", "/token"),
		"the first answer":  faultregistry.On("", "/v2/"),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, tokens, withKeyring(&keys))
			child := w.push(t, "app", "linux/amd64")[0]
			ctx, cancel := context.WithCancelCause(t.Context())
			why := errors.New("enough")
			w.faults.Add(faultregistry.Fault{Match: match, Do: func(rw http.ResponseWriter, req *http.Request, next http.Handler) {
				cancel(why)
				faultregistry.Hang(rw, req, next)
			}})
			named, err := reference.WithDigest(reference.TrimNamed(w.tag(t, "app")), child.Digest)
			if err != nil {
				t.Fatal(err)
			}
			if _, err = w.client.Resolve(ctx, named); err == nil {
				_, _, err = w.client.Source(ctx, named)
			}
			if !errors.Is(err, why) || len(w.clock.naps()) > 0 {
				t.Errorf("got %v after %v", err, w.clock.naps())
			}
		})
	}
}
