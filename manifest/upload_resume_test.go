package manifest_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content/memory"

	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
	"github.com/docker-multiarch/docker-multiarch/manifest"
)

var uploadPut = faultregistry.On(http.MethodPut, "/blobs/uploads/")

// keepHalf gives the registry a part of a blob, as if it had received no more, and resets the connection.
func keepHalf(part int) faultregistry.Action {
	return func(w http.ResponseWriter, req *http.Request, next http.Handler) {
		received := make([]byte, part)
		if _, err := io.ReadFull(req.Body, received); err == nil {
			next.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPatch, req.URL.Path, bytes.NewReader(received)))
		}
		faultregistry.Reset(w, req, next)
	}
}

func TestAnUploadIsResumedWhereTheRegistryAllowsIt(t *testing.T) {
	const size, part = 3 << 20, 1 << 20
	status := faultregistry.On(http.MethodGet, "/blobs/uploads/")
	says := func(text string) faultregistry.Action {
		return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			w.Header().Set("Range", text)
			w.WriteHeader(http.StatusNoContent)
		}
	}
	for name, tt := range map[string]struct {
		status faultregistry.Action // nil: the registry's own answer
		put    faultregistry.Action // nil: the registry takes the rest
		rest   bool                 // only the rest is sent at first
		pauses int
	}{
		"it says what it has":                   {nil, nil, true, 1},
		"it says so in other words":             {says("bytes=0-1048575"), nil, true, 1},
		"it does not answer the question":       {faultregistry.Answer(405, "UNSUPPORTED", ""), nil, false, 1},
		"it has forgotten the upload":           {faultregistry.Answer(404, "BLOB_UPLOAD_UNKNOWN", ""), nil, false, 1},
		"it does not say how much":              {says(""), nil, false, 1},
		"it has nothing":                        {says("0-0"), nil, false, 1},
		"it says more than there is":            {says("0-99999999"), nil, false, 1},
		"it says less than it has":              {says("0-9"), nil, true, 2},
		"it takes no rest":                      {nil, faultregistry.Answer(416, "", ""), true, 2},
		"it breaks off again, and has no more":  {nil, faultregistry.Reset, true, 2},
		"it cannot answer the question at once": {faultregistry.Answer(503, "", ""), nil, true, 2},
	} {
		t.Run(name, func(t *testing.T) {
			backend := &faultregistry.Memory{}
			w := newWorld(t, func(http.Handler) http.Handler { return backend }, nil)
			w.faults.Add(faultregistry.Fault{Match: uploadPut, Times: 1, Do: keepHalf(part)})
			if tt.put != nil {
				w.faults.Add(faultregistry.Fault{Match: uploadPut, Times: 1, Do: tt.put})
			}
			if tt.status != nil {
				w.faults.Add(faultregistry.Fault{Match: status, Times: 1, Do: tt.status})
			}
			src := shelf{memory.New(), t}
			blob := src.put(ocispecs.MediaTypeImageLayer, strings.Repeat("x", size))
			if err := w.client.Upload(t.Context(), w.tag(t, "app"), blob, src); err != nil {
				t.Fatal(err)
			}
			if got := backend.Blobs(); len(got) != 1 || got[0] != "app/"+blob.Digest.String() {
				t.Errorf("the registry has %q", got)
			}
			rest := false
			for _, r := range w.faults.Requests() {
				rest = rest || r.Method == http.MethodPut && r.Header.Get("Content-Range") != ""
			}
			if rest != tt.rest || len(w.clock.naps()) != tt.pauses {
				t.Errorf("the rest was sent: %t; waited %v; %v", rest, w.clock.naps(), w.faults.Matching(faultregistry.On("", "")))
			}
		})
	}
}

func TestALoginThatExpiresInTheMiddleOfABlobIsRenewed(t *testing.T) {
	for name, do := range map[string]func(*faultregistry.Tokens) faultregistry.Action{
		"before its first byte": func(tokens *faultregistry.Tokens) faultregistry.Action {
			return func(w http.ResponseWriter, req *http.Request, next http.Handler) {
				tokens.Revoke()
				next.ServeHTTP(w, req)
			}
		},
		"after some bytes": func(tokens *faultregistry.Tokens) faultregistry.Action {
			return func(w http.ResponseWriter, req *http.Request, next http.Handler) {
				_, _ = io.CopyN(io.Discard, req.Body, 1<<20)
				tokens.Revoke()
				next.ServeHTTP(w, req)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			var keys keyring
			backend := &faultregistry.Memory{}
			tokens := &faultregistry.Tokens{Login: keys.current, Next: backend}
			w := newWorld(t, func(http.Handler) http.Handler { return tokens }, withKeyring(&keys))
			w.faults.Add(faultregistry.Fault{Match: uploadPut, Times: 1, Do: do(tokens)})
			src := shelf{memory.New(), t}
			blob := src.put(ocispecs.MediaTypeImageLayer, strings.Repeat("x", 3<<20))
			if err := w.client.Upload(t.Context(), w.tag(t, "app"), blob, src); err != nil {
				t.Fatal(err)
			}
			if got := backend.Blobs(); len(got) != 1 || tokens.Served() < 2 {
				t.Errorf("the registry has %q, %d tokens", got, tokens.Served())
			}
		})
	}
}

func TestALoginThatExpiresWithEveryBlobIsGivenUp(t *testing.T) {
	var keys keyring
	tokens := &faultregistry.Tokens{Login: keys.current, Next: &faultregistry.Memory{}}
	w := newWorld(t, func(http.Handler) http.Handler { return tokens }, func(o *manifest.Options) {
		withKeyring(&keys)(o)
		o.Retry.MaxWait = 5 * time.Second
	})
	w.faults.Add(faultregistry.Fault{Match: uploadPut, Do: func(rw http.ResponseWriter, req *http.Request, next http.Handler) {
		tokens.Revoke()
		next.ServeHTTP(rw, req)
	}})
	src := shelf{memory.New(), t}
	err := w.client.Upload(t.Context(), w.tag(t, "app"), src.put(ocispecs.MediaTypeImageLayer, "base"), src)
	if n := len(w.faults.Matching(uploadPut)); err == nil || n > 8 {
		t.Errorf("sent %d times: %v", n, err)
	}
}
