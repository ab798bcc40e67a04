package nodeserver

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/system"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/internal/engine/enginetest"
	"github.com/docker-multiarch/docker-multiarch/internal/index"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// unpacked returns the program for an architecture, from its archive.
func unpacked(t *testing.T, arch string) []byte {
	t.Helper()
	archive, err := programs.ReadFile("programs/" + arch + ".tar.gz")
	if err != nil {
		t.Skipf("there is no program for %s", arch)
	}
	z, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	r := tar.NewReader(z)
	h, err := r.Next()
	if err != nil || "/"+h.Name != program || h.Mode != 0o755 {
		t.Fatalf("%v, %+v", err, h)
	}
	body, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func TestTheProgramIsThatOfTheSource(t *testing.T) {
	t.Parallel()
	entries, err := programs.ReadDir("programs")
	if err != nil || len(entries) == 0 {
		t.Fatalf("%v, %d programs", err, len(entries))
	}
	for _, e := range entries {
		arch := strings.TrimSuffix(e.Name(), ".tar.gz")
		have := unpacked(t, arch)
		info, err := buildinfo.Read(bytes.NewReader(have))
		if err != nil {
			t.Fatal(err)
		}
		if info.GoVersion != runtime.Version() {
			t.Skipf("the program was built by %s, and this is %s", info.GoVersion, runtime.Version())
		}
		file := filepath.Join(t.TempDir(), "program")
		cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-gcflags=all=-l", "-ldflags", "-s -w -buildid=", "-o", file, "./program")
		cmd.Env = append(os.Environ(), "GOFLAGS=", "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch, "GOAMD64=v1", "GOARM64=v8.0")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		made, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(made, have) {
			t.Errorf("the program for %s is not that of the source: run internal/nodeserver/make.sh", arch)
		}
	}
}

// world is an engine whose containers run the program on this machine.
type world struct {
	t       *testing.T
	fake    *enginetest.Engine
	node    Node
	folder  string
	content Content
}

func newWorld(t *testing.T) *world {
	t.Helper()
	file := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(file, unpacked(t, runtime.GOARCH), 0o700); err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, folder: t.TempDir()}
	w.fake = &enginetest.Engine{
		Info: system.Info{OSType: "linux"}, Images: map[string]string{"buildkit": "sha256:1"},
		Process: func(_ *enginetest.Container, _ []string, stdin io.Reader, stdout, stderr io.Writer) int {
			cmd := exec.CommandContext(context.Background(), file)
			cmd.Stdout, cmd.Stderr = stdout, stderr
			in, err := cmd.StdinPipe() // which Wait closes, so that an input without an end does not matter
			if err != nil || cmd.Start() != nil {
				return -1
			}
			go func() {
				_, _ = io.Copy(in, stdin)
				_ = in.Close()
			}()
			_ = cmd.Wait() // the status says it
			return cmd.ProcessState.ExitCode()
		},
	}
	w.node = Node{
		Engine: engine.New(w.fake.Start(t)), Container: "buildkitd", Image: "buildkit", Blobs: w.folder,
		Machine: platform.Platform{OS: "linux", Architecture: runtime.GOARCH},
	}
	return w
}

// layer adds a blob to the folder.
func (w *world) layer(text string) ocispecs.Descriptor {
	w.t.Helper()
	desc := ocispecs.Descriptor{Digest: digest.FromString(text), Size: int64(len(text))}
	if err := os.WriteFile(filepath.Join(w.folder, desc.Digest.Encoded()), []byte(text), 0o400); err != nil {
		w.t.Fatal(err)
	}
	return desc
}

func (w *world) start() *Server {
	w.t.Helper()
	s, err := w.node.Start(w.t.Context(), w.content)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(s.Close)
	return s
}

// get asks the server, and returns the status and the body.
func (w *world) get(s *Server, method, path string) (int, http.Header, string) {
	w.t.Helper()
	host, _, _ := strings.Cut(s.repo, "/")
	req, err := http.NewRequestWithContext(w.t.Context(), method, "http://"+host+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(body)
}

func TestTheEngineReadsWhatItIsToFetchAndNothingElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	big := w.layer(strings.Repeat("layer ", 1<<20))
	hidden := w.layer("of another image")
	other := ocispecs.Descriptor{Digest: digest.FromString("link"), Size: int64(len("of another image"))}
	if err := os.Symlink(filepath.Join(w.folder, hidden.Digest.Encoded()), filepath.Join(w.folder, other.Digest.Encoded())); err != nil {
		t.Fatal(err)
	}
	short := w.layer("shorter than it says")
	short.Size++
	none := ocispecs.Descriptor{Digest: digest.FromString("none"), Size: 1}
	manifest := Document{ocispecs.MediaTypeImageManifest, []byte(`{"a":"b\n.\n"}`)}
	w.content = Content{Documents: []Document{manifest}, Layers: []ocispecs.Descriptor{big, other, short, none}}
	s := w.start()
	_, repo, _ := strings.Cut(s.repo, "/")
	at := func(kind string, d digest.Digest) string { return "/v2/" + repo + "/" + kind + "/" + d.String() }
	root := digest.FromBytes(manifest.Body)
	for path, want := range map[string]string{
		"/v2/":                              "{}",
		at("manifests", root):               string(manifest.Body),
		at("blobs", root) + "?ns=docker.io": string(manifest.Body),
		at("blobs", big.Digest):             strings.Repeat("layer ", 1<<20),
	} {
		status, header, body := w.get(s, http.MethodGet, path)
		if status != http.StatusOK || body != want {
			t.Errorf("%s: %d, %d bytes", path, status, len(body))
		}
		status, head, body := w.get(s, http.MethodHead, path)
		if status != http.StatusOK || body != "" || head.Get("Content-Length") != fmt.Sprint(len(want)) || head.Get("Docker-Content-Digest") != header.Get("Docker-Content-Digest") {
			t.Errorf("HEAD %s: %d, %v", path, status, head)
		}
	}
	if _, header, _ := w.get(s, http.MethodGet, at("manifests", root)); header.Get("Content-Type") != ocispecs.MediaTypeImageManifest {
		t.Errorf("%v", header)
	}
	for what, path := range map[string]string{
		"a blob of another image": at("blobs", hidden.Digest), "a link": at("blobs", other.Digest), "a blob of another size": at("blobs", short.Digest),
		"a blob that is not there": at("blobs", none.Digest), "a layer as a manifest": at("manifests", big.Digest),
		"another repository": "/v2/other/blobs/" + big.Digest.String(), "the list of repositories": "/v2/_catalog", "the tags": "/v2/" + repo + "/tags/list",
		"a path": "/v2/" + repo + "/blobs/../../../etc/passwd", "the root": "/",
	} {
		if status, _, body := w.get(s, http.MethodGet, path); status != http.StatusNotFound || body != "" {
			t.Errorf("%s: %d %q", what, status, body)
		}
	}
	for _, method := range []string{http.MethodPut, http.MethodPost, http.MethodDelete} {
		if status, _, _ := w.get(s, method, at("blobs", big.Digest)); status != http.StatusBadRequest {
			t.Errorf("%s: %d", method, status)
		}
	}
}

func TestWhoSpeaksTLSLearnsThatItIsPlainHTTP(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.start()
	host, _, _ := strings.Cut(s.repo, "/")
	if _, err := http.Get("https://" + host + "/v2/"); err == nil || !strings.Contains(err.Error(), "server gave HTTP response to HTTPS client") { //nolint:noctx // it ends at once
		t.Errorf("got %v", err)
	}
	c, err := net.Dial("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	go func() { _, _ = io.Copy(c, strings.NewReader("GET /"+strings.Repeat("x", 1<<20))) }() // it is closed before the end
	if answer, _ := io.ReadAll(c); len(answer) > 0 && !strings.HasPrefix(string(answer), "HTTP/1.1 400") {
		t.Errorf("%q", answer)
	}
}

func TestItEndsWithItsUserAndLeavesNoContainer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.start()
	c := w.fake.Containers()[0]
	h := c.HostConfig
	if !slices.Equal(h.CapDrop, []string{"ALL"}) || !slices.Equal(h.SecurityOpt, []string{"no-new-privileges"}) || h.Privileged || h.NetworkMode != "host" ||
		!slices.Equal(h.VolumesFrom, []string{"buildkitd:ro"}) || len(c.Archives) != 1 {
		t.Errorf("%+v", h)
	}
	s.Close()
	if left := w.fake.Containers(); len(left) > 0 {
		t.Errorf("%d containers are left", len(left))
	}
	host, _, _ := strings.Cut(s.repo, "/")
	if c, err := net.Dial("tcp", host); err == nil {
		_ = c.Close()
		t.Error("it still serves")
	}
}

func TestInputThatIsNotItsOwnIsRefused(t *testing.T) {
	t.Parallel()
	hex := digest.FromString("x").Encoded()
	file := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(file, unpacked(t, runtime.GOARCH), 0o700); err != nil {
		t.Fatal(err)
	}
	for what, in := range map[string]string{
		"nothing": "", "no secret": "\n/x\n.\n", "no folder": "s\n", "a folder that is none": "s\nx\n.\n", "no end": "s\n/x\n", "another word": "s\n/x\nc " + hex + " 1\n.\n",
		"a path for a digest": "s\n/x\nb ../../etc/passwd 1\n.\n", "a size that is none": "s\n/x\nb " + hex + " x\n.\n", "less than none": "s\n/x\nb " + hex + " -1\n.\n",
		"a document that is not there": "s\n/x\nd " + hex + " 10 t\nabc", "too much": "s\n/x\nd " + hex + " 99999999999 t\n", "a long line": strings.Repeat("x", 1<<20),
	} {
		cmd := exec.CommandContext(t.Context(), file)
		cmd.Stdin = strings.NewReader(in)
		out, err := cmd.Output()
		if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.ExitCode() != 1 || len(out) > 0 {
			t.Errorf("%s: %v, %q", what, err, out)
		}
	}
}

func TestTheImagesAreFetchedAndTheirNamesRemoved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	config, manifest := []byte("{}"), []byte(`{"schemaVersion":2}`)
	desc := func(mediaType string, body []byte) ocispecs.Descriptor {
		return ocispecs.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(body), Size: int64(len(body))}
	}
	img := Image{
		Manifest: desc(ocispecs.MediaTypeImageManifest, manifest), Config: desc(ocispecs.MediaTypeImageConfig, config),
		Layers: []ocispecs.Descriptor{w.layer("layer")}, Platform: platform.Platform{OS: "linux", Architecture: "arm64"},
	}
	var pulled []string
	var fails error
	w.fake.Pull = func(ref string) error {
		pulled = append(pulled, ref)
		w.fake.Images[ref] = "sha256:2"
		return fails
	}
	documents := index.Bodies{img.Manifest.Digest: manifest, img.Config.Digest: config}
	for _, fails = range []error{nil, errors.New("no space left on device")} {
		pulled = nil
		release, err := w.node.Carry(t.Context(), []Image{img}, documents)
		if (err == nil) != (fails == nil) || len(pulled) != 1 || !strings.HasSuffix(pulled[0], ":"+img.Manifest.Digest.String()) {
			t.Fatalf("%v: %v", err, pulled)
		}
		if left := w.fake.Containers(); len(left) > 0 {
			t.Errorf("%d containers are left", len(left))
		}
		if w.fake.Images[pulled[0]] == "" {
			t.Error("the image is gone before it has its name")
		}
		release(t.Context())
		if w.fake.Images[pulled[0]] != "" {
			t.Errorf("left: %v", w.fake.Images)
		}
	}
	if release, err := w.node.Carry(t.Context(), []Image{img}, index.Bodies{}); err == nil || release == nil {
		t.Errorf("without its documents: %v", err)
	}
}

func TestAMachineWithoutAProgramIsSaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.node.Machine.Architecture = "mips"
	if _, err := w.node.Start(t.Context(), Content{}); err == nil || !strings.Contains(err.Error(), "linux/mips") {
		t.Errorf("got %v", err)
	}
	w.node.Machine.Architecture = runtime.GOARCH
	w.node.Blobs = "" // the program refuses its input
	if _, err := w.node.Start(t.Context(), Content{}); err == nil || !strings.Contains(err.Error(), "status 1") {
		t.Errorf("got %v", err)
	}
	if left := w.fake.Containers(); len(left) > 0 {
		t.Errorf("%d containers are left", len(left))
	}
}
