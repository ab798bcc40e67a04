package faultregistry_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/registry"

	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
)

const manifestType = "application/vnd.oci.image.index.v1+json"

var body = []byte(`{"schemaVersion":2,"manifests":[]}`)

func backend() http.Handler { return registry.New(registry.Logger(log.New(io.Discard, "", 0))) }

func start(t *testing.T, h http.Handler) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

// send returns the status, or 0 and the error.
func send(t *testing.T, method, target string, header http.Header) (int, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", manifestType)
	for key, values := range header {
		req.Header[key] = values
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

func TestAFaultAppliesToItsRequestsOnlyAndTheLogHasAll(t *testing.T) {
	faults := faultregistry.New(backend())
	faults.Add(faultregistry.Fault{Match: faultregistry.TagPut, Skip: 1, Times: 2, Do: faultregistry.Answer(502, "", "")})
	base := start(t, faults)
	var got []int
	for range 4 {
		status, _ := send(t, http.MethodPut, base+"/v2/app/manifests/v1", nil)
		got = append(got, status)
	}
	status, _ := send(t, http.MethodGet, base+"/v2/app/manifests/v1", nil)
	if diff := cmp.Diff([]int{201, 502, 502, 201, 200}, append(got, status)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if requests := faults.Requests(); len(requests) != 5 || requests[1].String() != "PUT /v2/app/manifests/v1 502" {
		t.Errorf("log: %v", requests)
	}
	faults.Clear()
	faults.Forget()
	if requests := faults.Requests(); len(requests) != 0 {
		t.Errorf("log: %v", requests)
	}
}

func TestUpstreamPassesRequestsOn(t *testing.T) {
	behind := start(t, backend())
	base, err := url.Parse(behind)
	if err != nil {
		t.Fatal(err)
	}
	front := start(t, faultregistry.New(faultregistry.Upstream(base)))
	if status, err := send(t, http.MethodPut, front+"/v2/app/manifests/v1", nil); status != 201 {
		t.Fatal(status, err)
	}
	if status, err := send(t, http.MethodGet, behind+"/v2/app/manifests/v1", nil); status != 200 {
		t.Fatal(status, err)
	}
}

func TestConnectionsBreak(t *testing.T) {
	for name, do := range map[string]faultregistry.Action{
		"reset": faultregistry.Reset, "reset in the body": faultregistry.ResetBody(3), "reset after": faultregistry.ResetAfter,
	} {
		faults := faultregistry.New(backend())
		base := start(t, faults)
		send(t, http.MethodPut, base+"/v2/app/manifests/v1", nil)
		faults.Add(faultregistry.Fault{Do: do})
		_, err := send(t, http.MethodGet, base+"/v2/app/manifests/v1", nil)
		if !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestImmutableTagsAreWrittenOnce(t *testing.T) {
	faults := faultregistry.New(backend())
	faults.Add(faultregistry.Fault{Match: faultregistry.TagPut, Do: faultregistry.Immutable()})
	base := start(t, faults)
	for _, want := range []int{201, 400} {
		if status, _ := send(t, http.MethodPut, base+"/v2/app/manifests/v1", nil); status != want {
			t.Errorf("got %d, want %d", status, want)
		}
	}
}

func TestRefusedTypesAndDroppedWritesAreNotStored(t *testing.T) {
	for name, tt := range map[string]struct {
		do   faultregistry.Action
		want int
	}{
		"refused": {faultregistry.RefuseType(manifestType), 415},
		"dropped": {faultregistry.Drop, 201},
	} {
		faults := faultregistry.New(backend())
		faults.Add(faultregistry.Fault{Match: faultregistry.TagPut, Do: tt.do})
		base := start(t, faults)
		if status, _ := send(t, http.MethodPut, base+"/v2/app/manifests/v1", nil); status != tt.want {
			t.Errorf("%s: got %d, want %d", name, status, tt.want)
		}
		if status, _ := send(t, http.MethodGet, base+"/v2/app/manifests/v1", nil); status != 404 {
			t.Errorf("%s: it was stored (%d)", name, status)
		}
	}
}

func TestTokensHoldForTheirScopeAndTheirTime(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	tokens := &faultregistry.Tokens{
		Next: backend(), Life: 2 * time.Second, Now: func() time.Time { return now },
		Login: func(user, password string) bool { return user == "ann" && password == "pw" },
	}
	put := func(token string) int {
		req := httptest.NewRequest(http.MethodPut, "/v2/a/b/manifests/v1", strings.NewReader(string(body)))
		req.Header.Set("Content-Type", manifestType)
		req.Header.Set("Authorization", "Bearer "+token)
		answer := httptest.NewRecorder()
		tokens.ServeHTTP(answer, req)
		return answer.Code
	}
	token := func(scope string) string {
		req := httptest.NewRequest(http.MethodGet, "/token?scope="+url.QueryEscape(scope), nil)
		req.SetBasicAuth("ann", "pw")
		answer := httptest.NewRecorder()
		tokens.ServeHTTP(answer, req)
		return strings.Split(answer.Body.String(), `"`)[3]
	}
	good, pullOnly, elsewhere := token("repository:a/b:pull,push"), token("repository:a/b:pull"), token("repository:a/c:pull,push")
	if diff := cmp.Diff([]int{201, 401, 401, 401}, []int{put(good), put(pullOnly), put(elsewhere), put("made up")}); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	now = now.Add(2 * time.Second)
	if status := put(good); status != 401 {
		t.Errorf("an expired token got %d", status)
	}
	fresh := token("repository:a/b:pull,push")
	tokens.Revoke()
	if status := put(fresh); status != 401 || tokens.Served() != 4 {
		t.Errorf("a revoked token got %d, %d served", status, tokens.Served())
	}
}

func TestQuirksAreChosenByNameHeaderAndRepository(t *testing.T) {
	quirky := &faultregistry.Quirky{Next: &faultregistry.Memory{}}
	base := start(t, quirky)
	for _, tt := range []struct {
		names  []string
		header string
		repo   string
		want   int
	}{
		{nil, "", "app", 201},
		{[]string{"put-200"}, "", "app", 200},
		{nil, "no-digest, put-202", "app", 202},
		{nil, "", "quirks.put-204.no-head-405/app", 204},
		{nil, "", "team/quirks.basic/app", 401},
		{nil, "unheard-of", "app", 400},
	} {
		quirky.Names = tt.names
		got, err := send(t, http.MethodPut, base+"/v2/"+tt.repo+"/manifests/v1", http.Header{"Quirks": {tt.header}})
		if got != tt.want || err != nil {
			t.Errorf("%+v: got %d, %v", tt, got, err)
		}
	}
}

func TestEveryQuirkHasItsOwnNameAndSaysWhatItMeans(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range faultregistry.Quirks {
		if seen[k.Name] || k.Group == "" || !strings.HasSuffix(k.Means, ".") || strings.Trim(k.Name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			t.Errorf("%q, %q, %q", k.Name, k.Group, k.Means)
		}
		seen[k.Name] = true
	}
}

func TestARegistryInMemoryKeepsBlobsByRepository(t *testing.T) {
	memory := &faultregistry.Memory{}
	sum := sha256.Sum256(body)
	digest := "sha256:" + hex.EncodeToString(sum[:])
	base := start(t, memory)
	var got []int
	for _, request := range []string{
		"POST /app/blobs/uploads/?is=1", "PUT /app/blobs/uploads/1?digest=sha256:0", "PUT /app/blobs/uploads/1?digest=" + digest, // another digest, then forgotten
		"GET /app/blobs/" + digest, "POST /app/blobs/uploads/", "PUT /app/blobs/uploads/2?digest=" + digest, "HEAD /app/blobs/" + digest,
		"GET /other/blobs/" + digest, "POST /other/blobs/uploads/?mount=" + digest + "&from=nowhere", "POST /other/blobs/uploads/?mount=" + digest + "&from=app",
		"GET /other/blobs/" + digest, "GET /app/manifests/v1", "PUT /app/manifests/v1", "GET /app/manifests/" + digest, "GET /app/unknown",
	} {
		method, path, _ := strings.Cut(request, " ")
		text := string(body)
		if method == http.MethodPost {
			text = ""
		}
		req, err := http.NewRequestWithContext(t.Context(), method, base+"/v2"+path, strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		got = append(got, resp.StatusCode)
	}
	if d := cmp.Diff([]int{202, 400, 404, 404, 202, 201, 200, 404, 202, 201, 200, 404, 201, 200, 404}, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"app/" + digest, "other/" + digest}, memory.Blobs()); d != "" || string(memory.Manifest("app/v1")) != string(body) {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestABlobThatIsBeingUploadedIsRefused(t *testing.T) {
	first, finish := make(chan struct{}), make(chan struct{})
	var once sync.Once
	base := start(t, faultregistry.Exclusive(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if strings.HasSuffix(req.URL.RawQuery, "same") {
			once.Do(func() { close(first); <-finish })
		}
		w.WriteHeader(http.StatusCreated)
	})))
	put := func(digest string) int {
		status, err := send(t, http.MethodPut, base+"/v2/app/blobs/uploads/1?digest="+digest, nil)
		if err != nil {
			t.Error(err)
		}
		return status
	}
	ended := make(chan int)
	go func() { ended <- put("same") }()
	<-first
	got := []int{put("same"), put("other")}
	close(finish)
	got = append(got, <-ended, put("same"))
	if diff := cmp.Diff([]int{400, 201, 201, 201}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestALineCountsAndItsUploadsShareItsRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		line := &faultregistry.Line{Rate: 1000, Next: http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
			_, _ = io.Copy(io.Discard, req.Body)
		})}
		began := time.Now()
		var uploads sync.WaitGroup
		for range 2 {
			uploads.Go(func() {
				line.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPut, "/", strings.NewReader(strings.Repeat("x", 3000))))
			})
		}
		uploads.Wait()
		requests, bytes := line.Traffic()
		if took := time.Since(began); took != 6*time.Second || requests != 2 || bytes != 6000 {
			t.Errorf("%v, %d requests, %d bytes", took, requests, bytes)
		}
		if requests, bytes = line.Traffic(); requests != 0 || bytes != 0 {
			t.Errorf("afterwards: %d requests, %d bytes", requests, bytes)
		}
	})
}
