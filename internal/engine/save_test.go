package engine_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/moby/client"

	"github.com/docker-multiarch/docker-multiarch/internal/engine"
)

// answering is an engine with one image, base:1.
func answering(t *testing.T, version, driver string) *engine.Engine {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, path, _ := strings.Cut(r.URL.Path, "/v"+version)
		w.Header().Set("Api-Version", version)
		switch {
		case strings.HasSuffix(r.URL.Path, "/_ping"):
		case path == "/info":
			_, _ = io.WriteString(w, `{"DriverStatus": [["driver-type", "`+driver+`"]]}`)
		case path == "/images/base:1/json" && r.URL.Query().Get("manifests") != "":
			_, _ = io.WriteString(w, `{"Os": "linux", "Architecture": "amd64", "Manifests": [
				{"Kind": "image", "Available": true, "ImageData": {"Platform": {"os": "linux", "architecture": "amd64"}}},
				{"Kind": "image", "Available": false, "ImageData": {"Platform": {"os": "linux", "architecture": "s390x"}}},
				{"Kind": "attestation", "Available": true},
				{"Kind": "image", "Available": true, "ImageData": {"Platform": {"os": "linux", "architecture": "arm", "variant": "v7"}}}]}`)
		case path == "/images/base:1/json":
			_, _ = io.WriteString(w, `{"Os": "linux", "Architecture": "arm64", "Variant": "v8"}`)
		case path == "/images/get" && r.URL.Query().Get("names") == "base:1":
			_, _ = io.WriteString(w, "the stream")
		default:
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"message": "no such image"}`)
		}
	}))
	t.Cleanup(server.Close)
	api, err := client.New(client.WithHost("tcp://" + strings.TrimPrefix(server.URL, "http://")))
	if err != nil {
		t.Fatal(err)
	}
	return engine.New(api)
}

func TestThePlatformsOfAnImageAreThoseThatTheEngineHasWhole(t *testing.T) {
	for name, tt := range map[string]struct {
		version, driver string
		want            []string
	}{
		"a containerd store":         {"1.49", "io.containerd.snapshotter.v1", []string{"amd64", "arm"}},
		"one that does not tell":     {"1.44", "io.containerd.snapshotter.v1", []string{"arm64"}},
		"a classic store":            {"1.49", "", []string{"arm64"}},
		"a classic store, older API": {"1.44", "", []string{"arm64"}},
	} {
		ps, err := answering(t, tt.version, tt.driver).ImagePlatforms(t.Context(), "base:1")
		var got []string
		for _, p := range ps {
			got = append(got, p.Architecture)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
			t.Errorf("%s (-want +got):\n%s%v", name, diff, err)
		}
	}
	if ps, err := answering(t, "1.49", "").ImagePlatforms(t.Context(), "none"); len(ps) != 0 || err != nil {
		t.Errorf("an image that is not there: %v, %v", ps, err)
	}
}

func TestASavedImageIsAStream(t *testing.T) {
	eng := answering(t, "1.49", "")
	stream, err := eng.Save(t.Context(), "base:1")
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	if data, err := io.ReadAll(stream); string(data) != "the stream" || err != nil {
		t.Errorf("%q, %v", data, err)
	}
	if _, err := eng.Save(t.Context(), "none"); err == nil || !strings.Contains(err.Error(), `save image "none"`) {
		t.Errorf("got %v", err)
	}
}
