package registryhttp

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

const (
	dockerList     = "application/vnd.docker.distribution.manifest.list.v2+json"
	dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
)

var all = []string{ocispecs.MediaTypeImageIndex, ocispecs.MediaTypeImageManifest, dockerList, dockerManifest}

func TestAManifestsTypeIsItsOwnThenTheAskedThenTheSent(t *testing.T) {
	bare, bareIndex := `{"config":{},"layers":[]}`, `{"manifests":[]}`
	for name, tt := range map[string]struct {
		asked []string
		sent  string
		body  string
		want  string // or a part of the error
	}{
		"its own, sent as JSON":           {all, "application/json", `{"mediaType":"` + dockerList + `","manifests":[]}`, dockerList},
		"its own, sent as HTML":           {all, "text/html; charset=utf-8", `{"mediaType":"` + dockerManifest + `","config":{},"layers":[]}`, dockerManifest},
		"its own, sent as another":        {all, ocispecs.MediaTypeImageManifest + ";charset=UTF-8", `{"mediaType":"` + dockerList + `","manifests":[]}`, dockerList},
		"its own, against the descriptor": {all[:1], "", `{"mediaType":"x/y","config":{}}`, "x/y"},
		"the descriptor's":                {[]string{dockerManifest}, "text/plain", bare, dockerManifest},
		"the sent one with a charset":     {all, dockerManifest + "; charset=utf-8", bare, dockerManifest},
		"an index sent as a manifest":     {all, ocispecs.MediaTypeImageManifest, bareIndex, ocispecs.MediaTypeImageIndex},
		"a manifest sent as a list":       {all, dockerList, bare, ocispecs.MediaTypeImageManifest},
		"a manifest without a type":       {all, "", bare, ocispecs.MediaTypeImageManifest},
		"an index without a type":         {all, "%%%", bareIndex, ocispecs.MediaTypeImageIndex},
		"neither":                         {all, "application/json", `{}`, "application/json"},
		"neither, with a type":            {all, dockerList, `{}`, dockerList},
		"both":                            {all, dockerList, `{"manifests":[],"layers":[]}`, "both an index and a manifest"},
		"both in other letters":           {all, dockerList, `{"MANIFESTS":[],"config":{}}`, "both an index and a manifest"},
		"a page of a proxy":               {all, "text/html", `<html>`, `answers with "text/html"`},
	} {
		got, err := ManifestType(tt.asked, tt.sent, []byte(tt.body))
		if err == nil && got != tt.want || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %q, %v, want %q", name, got, err, tt.want)
		}
	}
}

// server answers requests as a registry, and records them.
type server struct {
	handle http.HandlerFunc
	log    []string
}

func (s *server) send(req *http.Request) (*http.Response, error) {
	s.log = append(s.log, req.Method+" "+req.Header.Get("Range"))
	answer := httptest.NewRecorder()
	s.handle(answer, req)
	resp := answer.Result()
	if req.Method == http.MethodHead {
		resp.Body = http.NoBody
	}
	return resp, nil
}

func request(t *testing.T, method, path string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "https://reg.example/v2/app"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", strings.Join(all, ", "))
	return req
}

func TestARefusedOrPoorHeadBecomesAGet(t *testing.T) {
	index := `{"manifests":[]}`
	wanted := digest.FromString(index)
	write := func(w http.ResponseWriter, header map[string]string, status int, body string) {
		for key, value := range header {
			w.Header().Set(key, value)
		}
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
	whole := map[string]string{"Content-Type": ocispecs.MediaTypeImageIndex, "Content-Length": "16", "Docker-Content-Digest": wanted.String()}
	without := func(key string) map[string]string {
		header := map[string]string{}
		for k, v := range whole {
			if k != key {
				header[k] = v
			}
		}
		return header
	}
	wrong := without("Content-Type")
	wrong["Content-Type"] = "application/json"
	for name, tt := range map[string]struct {
		path string
		head func(http.ResponseWriter)
		want []string
	}{
		"all is there":             {"/manifests/v1", func(w http.ResponseWriter) { write(w, whole, 200, "") }, []string{"HEAD "}},
		"no digest":                {"/manifests/v1", func(w http.ResponseWriter) { write(w, without("Docker-Content-Digest"), 200, "") }, []string{"HEAD ", "GET "}},
		"no size":                  {"/manifests/v1", func(w http.ResponseWriter) { write(w, without("Content-Length"), 200, "") }, []string{"HEAD ", "GET "}},
		"no type of a tag":         {"/manifests/v1", func(w http.ResponseWriter) { write(w, without("Content-Type"), 200, "") }, []string{"HEAD ", "GET "}},
		"a wrong type of a tag":    {"/manifests/v1", func(w http.ResponseWriter) { write(w, wrong, 200, "") }, []string{"HEAD ", "GET "}},
		"no type, by digest":       {"/manifests/" + wanted.String(), func(w http.ResponseWriter) { write(w, without("Content-Type"), 200, "") }, []string{"HEAD "}},
		"405":                      {"/manifests/v1", func(w http.ResponseWriter) { write(w, nil, 405, "") }, []string{"HEAD ", "GET "}},
		"403":                      {"/manifests/v1", func(w http.ResponseWriter) { write(w, nil, 403, "") }, []string{"HEAD ", "GET "}},
		"403 of a blob":            {"/blobs/" + wanted.String(), func(w http.ResponseWriter) { write(w, nil, 403, "") }, []string{"HEAD ", "GET bytes=0-0"}},
		"403 of a blob, no ranges": {"/blobs/" + wanted.String() + "/norange", func(w http.ResponseWriter) { write(w, nil, 403, "") }, []string{"HEAD ", "GET bytes=0-0", "GET "}},
	} {
		s := &server{handle: func(w http.ResponseWriter, req *http.Request) {
			switch {
			case req.Method == http.MethodHead:
				tt.head(w)
			case req.Header.Get("Range") != "" && strings.HasSuffix(req.URL.Path, "norange"):
				write(w, nil, 416, "")
			case req.Header.Get("Range") != "":
				write(w, map[string]string{"Content-Range": "bytes 0-0/16"}, 206, "{")
			default:
				write(w, map[string]string{"Content-Length": "16"}, 200, index)
			}
		}}
		resp, err := Do(request(t, http.MethodHead, tt.path), s.send)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if d := cmp.Diff(tt.want, s.log); d != "" || resp.StatusCode != 200 || resp.ContentLength != 16 {
			t.Errorf("%s: %d, %d bytes\n%s", name, resp.StatusCode, resp.ContentLength, d)
		}
		if says := resp.Header.Get("Docker-Content-Digest"); strings.HasSuffix(tt.path, "v1") && (says != wanted.String() || resp.Header.Get("Content-Type") != ocispecs.MediaTypeImageIndex) {
			t.Errorf("%s: %q %q", name, says, resp.Header.Get("Content-Type"))
		}
	}
}

func TestAMissingTagIsNotAskedForTwice(t *testing.T) {
	s := &server{handle: http.NotFound}
	if resp, err := Do(request(t, http.MethodHead, "/manifests/v1"), s.send); err != nil || resp.StatusCode != 404 || len(s.log) != 1 {
		t.Errorf("got %v, %v after %q", resp, err, s.log)
	}
}

func TestEverySuccessOfAManifestsWriteIs201(t *testing.T) {
	for status, want := range map[int]int{200: 201, 201: 201, 202: 201, 204: 201, 302: 302, 400: 400} {
		s := &server{handle: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }}
		if resp, err := Do(request(t, http.MethodPut, "/manifests/v1"), s.send); err != nil || resp.StatusCode != want {
			t.Errorf("%d: got %v, %v", status, resp, err)
		}
	}
}

func TestErrorsPassThrough(t *testing.T) {
	gone := errors.New("gone")
	if _, err := Do(request(t, http.MethodGet, "/manifests/v1"), func(*http.Request) (*http.Response, error) { return nil, gone }); !errors.Is(err, gone) {
		t.Error(err)
	}
}

func TestAnUploadGoesOnWhereTheRegistrySays(t *testing.T) {
	for _, tt := range []struct{ registry, location, want string }{
		{"https://reg.example", "/v2/app/blobs/uploads/1?_state=a==", "https://reg.example/v2/app/blobs/uploads/1?_state=a==&digest=sha256%3Aab"},
		{"https://reg.example", "1", "https://reg.example/v2/app/blobs/uploads/1?digest=sha256%3Aab"},
		{"https://reg.example", "https://reg.example/behind/a/prefix/v2/app/1", "https://reg.example/behind/a/prefix/v2/app/1?digest=sha256%3Aab"},
		{"https://reg.example", "https://storage.example/1?sig=b%2Fc&x=1", "https://storage.example/1?sig=b%2Fc&x=1&digest=sha256%3Aab"},
		{"https://reg.example:5000", "http://REG.example:5000/1", "https://reg.example:5000/1?digest=sha256%3Aab"},
		{"https://reg.example", "http://reg.example/1", "https://reg.example/1?digest=sha256%3Aab"},
		{"https://reg.example", "http://storage.example/1", "lower"},
		{"https://reg.example", "http://reg.example:8080/1", "lower"},
		{"https://reg.example", "ftp://reg.example/1", "lower"},
		{"http://reg.example:5000", "http://[::1]:5001/1", "http://[::1]:5001/1?digest=sha256%3Aab"},
		{"http://reg.example:5000", "https://storage.example/1", "https://storage.example/1?digest=sha256%3Aab"},
		{"http://reg.example:5000", "", ""},
	} {
		registry, err := url.Parse(tt.registry)
		if err != nil {
			t.Fatal(err)
		}
		begun := &http.Response{Header: http.Header{}, Request: &http.Request{URL: registry.JoinPath("/v2/app/blobs/uploads/")}}
		if tt.location != "" {
			begun.Header.Set("Location", tt.location)
		}
		at, err := UploadURL(begun, registry)
		if tt.want == "" {
			if err == nil {
				t.Errorf("%s → %s: got %s", tt.registry, tt.location, at)
			}
			continue
		}
		if lower := err == nil && IsLower(registry, at); lower != (tt.want == "lower") {
			t.Errorf("%s → %s: lower: %v", tt.registry, tt.location, lower)
		}
		if tt.want == "lower" {
			continue
		}
		if err != nil || WithDigest(at, "sha256:ab").String() != tt.want {
			t.Errorf("%s → %s: got %v, %v, want %s", tt.registry, tt.location, at, err, tt.want)
		}
	}
}

func TestRetryAfterIsSecondsOrADate(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"7": 7 * time.Second, " 7 ": 7 * time.Second, "Sat, 21 Nov 2026 12:00:30 GMT": 30 * time.Second, "Saturday, 21-Nov-26 12:01:00 GMT": time.Minute,
		"": 0, "0": 0, "-1": 0, "soon": 0, "1e9": 0, "2147483648": 0, "Sat, 21 Nov 2026 11:00:00 GMT": 0,
	} {
		got, ok := RetryAfter(http.Header{"Retry-After": {value}}, now)
		if ok != (want > 0) || ok && got != want {
			t.Errorf("%q: got %s, %v, want %s", value, got, ok, want)
		}
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, value := range []string{"", "1", "-1", "2147483648", "1e9", "Fri, 31 Dec 9999 23:59:59 GMT", "Wed, 21 Oct 2026 07:28:00 GMT", " 5"} {
		f.Add(value)
	}
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, value string) {
		if d, ok := RetryAfter(http.Header{"Retry-After": {value}}, now); ok && d <= 0 {
			t.Errorf("%q: %s", value, d)
		}
	})
}
