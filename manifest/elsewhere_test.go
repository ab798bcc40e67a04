package manifest_test

import (
	"cmp"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content/memory"

	"github.com/docker-multiarch/docker-multiarch/manifest"
)

// outward is a registry that has one manifest and wants a login. It sends blobs, read or written, to another place.
func outward(place string, image []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		switch _, _, loggedIn := req.BasicAuth(); {
		case !loggedIn:
			w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
			w.WriteHeader(http.StatusUnauthorized)
		case req.Method == http.MethodPost:
			w.Header().Set("Location", place+"/upload")
			w.WriteHeader(http.StatusAccepted)
		case req.Method == http.MethodGet && strings.Contains(req.URL.Path, "/blobs/"):
			http.Redirect(w, req, place+"/blob", http.StatusTemporaryRedirect)
		case req.Method == http.MethodGet:
			w.Header().Set("Content-Type", ocispecs.MediaTypeImageManifest)
			w.Write(image)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}
}

const blobText = "hello"

// store takes and gives blobs; it refuses a login, as storage with signed addresses does.
func store(w http.ResponseWriter, req *http.Request) {
	switch {
	case req.Header.Get("Authorization") != "":
		w.WriteHeader(http.StatusBadRequest)
	case req.Method == http.MethodPut:
		io.Copy(io.Discard, req.Body)
		w.WriteHeader(http.StatusOK)
	default:
		io.WriteString(w, blobText)
	}
}

func TestARegistrySendsItsClientsElsewhereWithoutTheLoginAndNotEverywhere(t *testing.T) {
	const public, private = "203.0.113.7:443", "10.1.2.3:443"
	for _, tt := range []struct {
		name, registry, place string
		at                    string // the address of the place's name
		follows               bool
	}{
		{"storage of a public registry", public, "https://storage.example", "203.0.113.9:443", true},
		{"storage in a private network", public, "https://storage.example", "10.0.0.9:443", true},
		{"another port of the registry", public, "https://203.0.113.7:8443", "203.0.113.7:8443", true},
		{"a lower scheme", public, "http://storage.example", "203.0.113.9:80", false},
		{"a lower scheme at the registry", public, "http://203.0.113.7:8080", "203.0.113.7:8080", false},
		{"a name that leads to this machine", public, "https://storage.example", "127.0.0.1:443", false},
		{"a name that leads to this machine by IPv6", public, "https://storage.example", "[::1]:443", false},
		{"a name that leads to any address", public, "https://storage.example", "0.0.0.0:443", false},
		{"a name that leads to the cloud's metadata", public, "https://storage.example", "169.254.169.254:443", false},
		{"a name that leads to the link", private, "https://storage.example", "[fe80::1]:443", false},
		{"an embedded address of this machine", public, "https://[64:ff9b::7f00:1]", "127.0.0.1:443", false},
		{"this machine by its name", public, "https://localhost", "127.0.0.1:443", false},
		{"this machine in other digits", public, "https://0x7f000001", "127.0.0.1:443", false},
		{"letters that may hide an address", public, "https://１27.0.0.1", "127.0.0.1:443", false},
		{"this machine, of a private registry", private, "https://storage.example", "127.0.0.1:443", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			src := shelf{memory.New(), t}
			layer := ocispecs.Descriptor{MediaType: ocispecs.MediaTypeImageLayer, Digest: digest.FromString(blobText), Size: int64(len(blobText))}
			place, err := url.Parse(tt.place)
			if err != nil {
				t.Fatal(err)
			}
			host := net.JoinHostPort(place.Hostname(), cmp.Or(place.Port(), map[string]string{"https": "443", "http": "80"}[place.Scheme]))
			n := &network{
				hosts: map[string]http.HandlerFunc{tt.registry: outward(tt.place, []byte(`{"config":{},"layers":[]}`)), host: store},
				at:    map[string]string{tt.registry: tt.registry, host: tt.at},
			}
			client := manifest.New(n.start(t))
			repo, err := reference.ParseNormalizedNamed(strings.TrimSuffix(tt.registry, ":443") + "/app:v1")
			if err != nil {
				t.Fatal(err)
			}
			errs := []error{client.Upload(t.Context(), repo, layer, wrong{src, blobText})}
			_, image, err := client.Source(t.Context(), repo)
			if err != nil {
				t.Fatal(err)
			}
			body, err := image.Fetch(t.Context(), layer)
			if err == nil {
				body.Close()
			}
			errs = append(errs, err)
			for i, err := range errs {
				what := []string{"upload", "read"}[i]
				if refused := (*manifest.ElsewhereError)(nil); (err == nil) != tt.follows || err != nil && !errors.As(err, &refused) {
					t.Errorf("%s: %v", what, err)
				}
			}
			visits := n.to(host)
			if tt.follows != (len(visits) > 0) || slices.ContainsFunc(visits, func(v string) bool { return strings.Contains(v, "Basic") }) {
				t.Errorf("visits: %q", visits)
			}
		})
	}
}
