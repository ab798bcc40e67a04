package manifest_test

import (
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/distribution/reference"
	"github.com/google/go-containerregistry/pkg/registry"

	"github.com/docker-multiarch/docker-multiarch/manifest"
)

// serve starts an empty registry, with TLS or without, and returns a repository in it and the server.
func serve(t *testing.T, secure bool) (reference.Named, *httptest.Server) {
	t.Helper()
	quiet := log.New(io.Discard, "", 0)
	server := httptest.NewUnstartedServer(registry.New(registry.Logger(quiet)))
	server.Config.ErrorLog = quiet
	if secure {
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	named, err := reference.ParseNormalizedNamed(server.Listener.Addr().String() + "/app")
	if err != nil {
		t.Fatal(err)
	}
	return named, server
}

func never(string) bool { return false }

func listed(insecure ...string) func() []string { return func() []string { return insecure } }

func TestSchemes(t *testing.T) {
	for _, tt := range []struct {
		name   string
		secure bool
		opt    manifest.Options
		want   []string // parts of the error; none: success
	}{
		{"a loopback registry speaks HTTP", false, manifest.Options{}, nil},
		{"a loopback registry speaks HTTPS", true, manifest.Options{}, nil},
		{"an insecure registry speaks HTTPS", true, manifest.Options{PlainHTTP: never, Insecure: listed("127.0.0.0/8")}, nil},
		{"an insecure registry speaks HTTP", false, manifest.Options{PlainHTTP: never, Insecure: listed("127.0.0.1")}, nil},
		{"another registry speaks HTTP", false, manifest.Options{PlainHTTP: never, Insecure: listed("10.0.0.0/8", "elsewhere:5000")}, []string{"(https)", "the registry speaks plain HTTP", "insecure-registries"}},
		{"another registry has an unknown certificate", true, manifest.Options{PlainHTTP: never}, []string{"(https)", "unknown authority", "certs.d"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			named, _ := serve(t, tt.secure)
			client := manifest.New(tt.opt)
			for range 2 { // the second time, the scheme is known
				_, err := client.CheckPush(t.Context(), named)
				if len(tt.want) == 0 && err != nil || len(tt.want) > 0 && !errors.Is(err, manifest.ErrUnreachable) {
					t.Fatalf("got %v", err)
				}
				for _, part := range tt.want {
					if !strings.Contains(err.Error(), part) {
						t.Errorf("%q lacks %q", err, part)
					}
				}
			}
		})
	}
}

func TestCertDirsAreTrustedForTheirHostOnly(t *testing.T) {
	named, server := serve(t, true)
	host := reference.Domain(named)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	write := func(t *testing.T, dir, host, file string, data []byte) string {
		t.Helper()
		if err := os.MkdirAll(filepath.Join(dir, host), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, host, file), data, 0o600); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	for _, tt := range []struct {
		name string
		dir  string
		want string
	}{
		{"the host's own", write(t, t.TempDir(), host, "ca.crt", ca), ""},
		{"another host's", write(t, t.TempDir(), "other:5000", "ca.crt", ca), "unknown authority"},
		{"not a certificate", write(t, t.TempDir(), host, "ca.crt", []byte("hello")), "ca.crt holds no certificate"},
		{"a client's certificate without a key", write(t, t.TempDir(), host, "client.cert", ca), "client.key"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			client := manifest.New(manifest.Options{
				PlainHTTP: never, CertDirs: []string{filepath.Join(t.TempDir(), "missing"), tt.dir},
				Transport: &http.Transport{},
			})
			_, err := client.CheckPush(t.Context(), named)
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}
