//go:build e2e

package buildkitmsg

import (
	"archive/tar"
	"bytes"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
)

// newRegistry returns a registry on loopback with the image "base:1", of this machine's platform only. In the repositories "refused",
// "busy" and "broken" each request gets 403, 503, or no answer; "readonly" refuses uploads. The repositories "limited", "coded", "failing" and "cut" take no manifest: they answer 429, with a code and
// without, 500 with a code that BuildKit does not know, or nothing.
func newRegistry(t *testing.T) string {
	t.Helper()
	faults := faultregistry.New(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	faults.Add(faultregistry.Fault{Match: faultregistry.On("", "/refused/"), Do: faultregistry.Answer(http.StatusForbidden, "DENIED", "no")})
	faults.Add(faultregistry.Fault{Match: faultregistry.On("", "/busy/"), Do: faultregistry.Answer(http.StatusServiceUnavailable, "", "")})
	faults.Add(faultregistry.Fault{Match: faultregistry.On("", "/broken/"), Do: faultregistry.Reset})
	faults.Add(faultregistry.Fault{Match: faultregistry.On("POST", "/readonly/"), Do: faultregistry.Answer(http.StatusForbidden, "DENIED", "no")})
	for repo, do := range map[string]faultregistry.Action{
		"limited": faultregistry.Answer(http.StatusTooManyRequests, "", ""), "coded": faultregistry.Answer(http.StatusTooManyRequests, "TOOMANYREQUESTS", "slow"),
		"failing": faultregistry.Answer(http.StatusInternalServerError, "ODD", "an odd failure"), "cut": faultregistry.Reset,
	} {
		faults.Add(faultregistry.Fault{Match: faultregistry.On("PUT", "/"+repo+"/app/manifests/"), Do: do})
	}
	server := httptest.NewServer(faults)
	t.Cleanup(server.Close)
	host := strings.TrimPrefix(server.URL, "http://")
	ref, err := name.ParseReference(host + "/base:1")
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(ref, index(t)); err != nil {
		t.Fatal(err)
	}
	return host
}

// index returns an index with one image, for this machine's platform. It has the program /exit and the file /text, which is executable and no
// program.
func index(t *testing.T) v1.ImageIndex {
	t.Helper()
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	for name, data := range map[string][]byte{"exit": program(t), "text": []byte("no program\n")} {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(data))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(layer.Bytes())), nil })
	if err != nil {
		t.Fatal(err)
	}
	img, err := mutate.AppendLayers(empty.Image, files)
	if err != nil {
		t.Fatal(err)
	}
	config := &v1.ConfigFile{OS: "linux", Architecture: runtime.GOARCH}
	had, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config.RootFS = had.RootFS
	if img, err = mutate.ConfigFile(img, config); err != nil {
		t.Fatal(err)
	}
	return mutate.AppendManifests(empty.Index, mutate.IndexAddendum{
		Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: runtime.GOARCH}},
	})
}

// program returns a program that waits for its second argument, a duration, and ends with the status that is its first.
func program(t *testing.T) []byte {
	t.Helper()
	dir := t.TempDir()
	source := `package main

import (
	"os"
	"strconv"
	"time"
)

func main() {
	if len(os.Args) > 2 {
		d, _ := time.ParseDuration(os.Args[2])
		time.Sleep(d)
	}
	status, _ := strconv.Atoi(os.Args[1])
	os.Exit(status)
}
`
	if err := os.WriteFile(filepath.Join(dir, "exit.go"), []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "build", "-ldflags=-s -w", "-o", "exit", "exit.go")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	data, err := os.ReadFile(filepath.Join(dir, "exit"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}
