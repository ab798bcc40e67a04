package smoke

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/distribution/reference"
	"github.com/google/go-cmp/cmp"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/system"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/content/memory"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/internal/engine/enginetest"
)

// world is a runner on an engine, and an image that the engine does not have yet.
type world struct {
	*Runner
	t     *testing.T
	fake  *enginetest.Engine
	img   Image
	id    string // its ID in the engine's store
	notes []string
}

// onEachStore runs a test on both kinds of stores.
func onEachStore(t *testing.T, tell func(*world)) {
	for name, containerd := range map[string]bool{"classic": false, "containerd": true} {
		t.Run(name, func(t *testing.T) { tell(newWorld(t, containerd)) })
	}
}

func newWorld(t *testing.T, containerd bool) *world {
	t.Helper()
	w := &world{t: t, fake: &enginetest.Engine{
		Info:  system.Info{OSType: "linux", Architecture: "x86_64", NCPU: 2, MemoryLimit: true, PidsLimit: true},
		Store: enginetest.Store{Containerd: containerd},
	}}
	if containerd {
		w.fake.Info.DriverStatus = [][2]string{{"driver-type", "io.containerd.snapshotter.v1"}}
	}
	eng := engine.New(w.fake.Start(t))
	var err error
	if w.Runner, err = Open(t.Context(), eng, func(n diag.Diagnostic) { w.notes = append(w.notes, n.Shown()) }); err != nil {
		t.Fatal(err)
	}
	w.makeImage()
	if w.id = w.img.Config.String(); containerd {
		w.id = w.img.Root.Digest.String()
	}
	return w
}

func (w *world) makeImage() {
	store := memory.New()
	push := func(mediaType string, v any) ocispecs.Descriptor {
		body, err := json.Marshal(v)
		if err == nil {
			err = store.Push(w.t.Context(), content.NewDescriptorFromBytes(mediaType, body), bytes.NewReader(body))
		}
		if err != nil {
			w.t.Fatal(err)
		}
		return content.NewDescriptorFromBytes(mediaType, body)
	}
	arm64 := ocispecs.Platform{OS: "linux", Architecture: "arm64"}
	layer := push(ocispecs.MediaTypeImageLayer, "a layer")
	config := push(ocispecs.MediaTypeImageConfig, ocispecs.Image{Platform: arm64, RootFS: ocispecs.RootFS{Type: "layers", DiffIDs: []digest.Digest{layer.Digest}}})
	root := push(ocispecs.MediaTypeImageManifest, ocispecs.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispecs.MediaTypeImageManifest, Config: config, Layers: []ocispecs.Descriptor{layer},
	})
	w.img = Image{Platform: arm64, Root: root, Config: config.Digest, Blobs: func(context.Context) (content.Fetcher, error) { return store, nil }}
}

// pushed puts the image into a registry.
func (w *world) pushed() {
	named, err := reference.ParseNormalizedNamed("registry.example/app")
	if err != nil {
		w.t.Fatal(err)
	}
	w.img.Pull = named
}

func (w *world) mustBring() string {
	w.t.Helper()
	name, err := w.Provide(w.t.Context(), w.img)
	if err != nil {
		w.t.Fatal(err)
	}
	return name
}

// has checks the engine's names after the runner is closed.
func (w *world) has(want map[string]string) {
	w.t.Helper()
	if err := w.Close(w.t.Context()); err != nil {
		w.t.Error(err)
	}
	if diff := cmp.Diff(want, w.fake.Has()); diff != "" {
		w.t.Errorf("(-want +got):\n%s", diff)
	}
	if id := w.fake.Store.Layers[w.id]; len(want) == 0 && id != nil {
		w.t.Error("the engine still has the image")
	}
}

func TestAPushedImageIsPulledByItsOwnDigestAndGoesAtTheEnd(t *testing.T) {
	onEachStore(t, func(w *world) {
		w.pushed()
		var pulled string
		w.fake.Pull = func(ref string) error {
			pulled = ref
			w.fake.Have(ref, w.id)
			return nil
		}
		name := w.mustBring()
		if want := "registry.example/app:" + w.img.Root.Digest.String(); pulled != want || w.fake.Has()[name] != w.id || !strings.HasPrefix(name, temporary+":") {
			t.Errorf("pulled %q, want %q; %s is %q of %v", pulled, want, w.id, name, w.fake.Has())
		}
		w.has(map[string]string{})
	})
}

func TestAnImageThatIsNotPushedIsSentAndGoesAtTheEnd(t *testing.T) {
	onEachStore(t, func(w *world) {
		if name := w.mustBring(); w.fake.Has()[name] != w.id {
			t.Errorf("%q is not %s, of %v", name, w.id, w.fake.Has())
		}
		w.has(map[string]string{})
	})
}

func TestAnImageThatTheEngineCannotPullIsSentAndThatIsSaid(t *testing.T) {
	onEachStore(t, func(w *world) {
		w.pushed()
		w.fake.Pull = func(string) error { return errors.New("certificate signed by unknown authority") }
		w.mustBring()
		if len(w.notes) != 1 || !strings.Contains(w.notes[0], "cannot pull the image for linux/arm64") || !strings.Contains(w.notes[0], "unknown authority") {
			t.Errorf("notes %q", w.notes)
		}
		w.has(map[string]string{})
	})
}

func TestImagesOfTheEngineAreNotSentAndStay(t *testing.T) {
	onEachStore(t, func(w *world) {
		w.pushed()
		w.fake.Have("mine:1", w.id)
		w.mustBring()
		w.has(map[string]string{"mine:1": w.id})
	})
}

func TestAnImageWithoutANameIsUsedByItsIDAndStays(t *testing.T) {
	onEachStore(t, func(w *world) {
		w.pushed()
		w.fake.Have("", w.id)
		if name := w.mustBring(); name != w.id {
			t.Errorf("it is used as %q", name)
		}
		w.has(map[string]string{"": w.id})
	})
}

func TestAnImageThatCannotBeNamedIsNotLeft(t *testing.T) {
	onEachStore(t, func(w *world) {
		w.fake.Tag = func(string) error { return errors.New("no room") }
		if _, err := w.Provide(t.Context(), w.img); err == nil || !strings.Contains(err.Error(), "no room") {
			t.Errorf("%v", err)
		}
		w.has(map[string]string{})
	})
}

// process sets the behaviour of the engine's containers, and returns their settings.
func (w *world) process(do func(stdin io.Reader, stdout, stderr io.Writer) int) *container.HostConfig {
	w.fake.Have("app:1", w.id)
	seen := &container.HostConfig{}
	w.fake.Process = func(c *enginetest.Container, _ []string, stdin io.Reader, stdout, stderr io.Writer) int {
		*seen = *c.HostConfig
		return do(stdin, stdout, stderr)
	}
	return seen
}

func (w *world) try(test Test) Outcome {
	return w.Place("app:1").Try(w.t.Context(), Job{Test: test, Stdout: io.Discard, Stderr: io.Discard})
}

func TestATestHasLimitsAndNoNetwork(t *testing.T) {
	w := newWorld(t, false)
	seen := w.process(func(io.Reader, io.Writer, io.Writer) int { return 0 })
	if o := w.try(Test{Name: "x"}); !o.Passed {
		t.Errorf("%+v", o)
	}
	if seen.NetworkMode != "none" || seen.Memory != DefaultMemory || seen.MemorySwap != DefaultMemory || *seen.PidsLimit != maxPids || seen.LogConfig.Type != "none" {
		t.Errorf("%+v", seen)
	}
	w.try(Test{Network: "mine", Memory: 64 << 20})
	if seen.NetworkMode != "mine" || seen.Memory != 64<<20 {
		t.Errorf("%+v", seen)
	}
	if _, err := w.Run(t.Context(), Job{Image: "app:1", Plain: true, Stdout: io.Discard, Stderr: io.Discard}); err != nil {
		t.Fatal(err)
	}
	if seen.NetworkMode != "" || seen.Memory != 0 || seen.PidsLimit != nil {
		t.Errorf("docker run has no limits: %+v", seen)
	}
	if left := w.fake.Containers(); len(left) != 0 {
		t.Errorf("%d containers are left", len(left))
	}
}

func TestAnEngineThatCannotLimitMemoryIsSaidOnce(t *testing.T) {
	w := newWorld(t, false)
	w.info.MemoryLimit, w.info.PidsLimit = false, false
	seen := w.process(func(io.Reader, io.Writer, io.Writer) int { return 0 })
	w.try(Test{})
	w.try(Test{})
	if len(w.notes) != 1 || seen.Memory != 0 || seen.PidsLimit != nil {
		t.Errorf("notes %q, %+v", w.notes, seen)
	}
}

func TestAnOutcomeHasTheProgramsOutputAndStatus(t *testing.T) {
	w := newWorld(t, false)
	w.process(func(stdin io.Reader, stdout, stderr io.Writer) int {
		input, _ := io.ReadAll(stdin)
		fmt.Fprintf(stdout, "got %s\n", input)
		fmt.Fprintln(stderr, "aside")
		time.Sleep(time.Millisecond) // so that it is not 0 in thousandths of a second
		return 3
	})
	var shown bytes.Buffer
	hello := "got hello"
	test := Test{Name: "x", Stdin: []byte("hello"), Exit: 3, Stdout: Expectation{Equals: &hello}, Stderr: Expectation{Contains: []string{"aside"}}}
	o := w.Place("app:1").Try(t.Context(), Job{Test: test, Stdout: &shown, Stderr: &shown})
	want := Outcome{Test: "x", Passed: true, Exit: 3, Seconds: o.Seconds, Output: "got hello\naside\n"}
	if diff := cmp.Diff(want, o); diff != "" || shown.String() != o.Output || o.Seconds <= 0 {
		t.Errorf("shown %q, after %f (-want +got):\n%s", shown.String(), o.Seconds, diff)
	}
}

func TestAProgramThatNeverEndsIsKilledAndItsOutputIsKept(t *testing.T) {
	w := newWorld(t, false)
	end := make(chan struct{})
	defer close(end)
	w.process(func(_ io.Reader, stdout, _ io.Writer) int {
		fmt.Fprintln(stdout, "the last words")
		<-end
		return 0
	})
	o := w.try(Test{Name: "x", Timeout: 200 * time.Millisecond})
	if o.Passed || o.Exit != notEnded || o.Output != "the last words\n" || o.Reason != "it did not end within 200ms, and was killed" {
		t.Errorf("%+v", o)
	}
	if left := w.fake.Containers(); len(left) != 0 {
		t.Errorf("%d containers are left", len(left))
	}
}

func TestAnEndedContextEndsRunningAndWaitingTests(t *testing.T) {
	w := newWorld(t, false)
	w.slots = make(chan struct{}, 1)
	ctx, cancel := context.WithCancel(t.Context())
	end := make(chan struct{})
	defer close(end)
	w.process(func(io.Reader, io.Writer, io.Writer) int {
		cancel()
		<-end
		return 0
	})
	outcomes := make(chan Outcome)
	for range 2 {
		go func() { outcomes <- w.Place("app:1").Try(ctx, Job{Stdout: io.Discard, Stderr: io.Discard}) }()
	}
	for range 2 {
		if o := <-outcomes; o.Passed || !strings.Contains(o.Reason, context.Canceled.Error()) {
			t.Errorf("%+v", o)
		}
	}
	if left := w.fake.Containers(); len(left) != 0 {
		t.Errorf("%d containers are left", len(left))
	}
}

func TestAStartThatFailsIsSaidWithoutTheEnginesMachinery(t *testing.T) {
	err := &engine.StartError{Err: errors.New(`Error response from daemon: failed to create task for container: failed to create shim task: OCI runtime create failed: ` +
		`runc create failed: unable to start container process: error during container init: exec: "/nope": stat /nope: no such file or directory: unknown`)}
	if got, want := Explain(err), `the engine could not start it: exec: "/nope": stat /nope: no such file or directory`; got != want {
		t.Errorf("%q", got)
	}
}
