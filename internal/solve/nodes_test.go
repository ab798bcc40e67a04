package solve

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/distribution/reference"
	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/buildcache"
	"github.com/docker-multiarch/docker-multiarch/internal/buildkittest"
	"github.com/docker-multiarch/docker-multiarch/internal/index"
	"github.com/docker-multiarch/docker-multiarch/internal/layout"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/internal/preflight"
	"github.com/docker-multiarch/docker-multiarch/internal/sink"
	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// armNative says that the kernel of an arm64 machine runs arm without an emulator.
var armNative = map[string]emulation.Mode{"arm": emulation.Native}

// second adds a node with these platforms, its own first, and with this kernel for other architectures.
func (w *harness) second(list string, kernel map[string]emulation.Mode) *buildkittest.Builder {
	w.t.Helper()
	ps, _, err := platform.Parse(list)
	if err != nil {
		w.t.Fatal(err)
	}
	b := buildkittest.New(w.t)
	b.Platforms = ps
	w.env.NodeNames = []string{"default", "second"}
	w.env.Nodes = append(w.env.Nodes, Node{
		Node: plan.Node{Name: "second", Platforms: ps, CPUs: 2}, Solver: b, Blobs: b, Layers: b, Near: true, Probe: (&harness{kernel: kernel}).probe, Install: w.install,
	})
	return b
}

// solvedFor returns the platforms of a builder's solves, each once.
func solvedFor(b *buildkittest.Builder) (names []string) {
	for _, s := range b.Solves() {
		names = append(names, platform.Format(s.Platform))
	}
	return slices.Compact(names)
}

func TestTwoNodesMakeOneIndexEachOfItsOwnPlatforms(t *testing.T) {
	w := newHarness(t, runsForTheTarget)
	w.kernel = nil // the first node emulates nothing
	arm := w.second("linux/arm64,linux/arm/v7", armNative)
	archive := filepath.Join(t.TempDir(), "image")
	w.req.Outputs.List = []sink.Output{sink.Archive{Dest: archive, Folder: true, Names: w.req.Tags}}
	rep := w.mustRun()

	want := "linux/amd64 on default: native\nlinux/arm/v7 on second: native\nlinux/arm64 on second: native\n"
	if diff := cmp.Diff([]string{want}, w.progress.plans); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
	got := map[string][]string{"default": solvedFor(w.Builder), "second": solvedFor(arm)}
	if diff := cmp.Diff(map[string][]string{"default": {"linux/amd64"}, "second": {"linux/arm/v7", "linux/arm64"}}, got); diff != "" {
		t.Errorf("solves (-want +got):\n%s", diff)
	}
	for _, p := range rep.Platforms {
		if node := map[bool]string{true: "default", false: "second"}[p.Platform.Architecture == "amd64"]; p.Node != node || p.Mode != plan.Native {
			t.Errorf("%s: %s on %s", platform.Format(p.Platform), p.Mode, p.Node)
		}
	}
	for _, b := range []*buildkittest.Builder{w.Builder, arm} {
		sent := 0
		for _, s := range b.Solves() {
			sent += s.Context
		}
		if sent != 1 || b.Ran("RUN echo hello") != len(b.Platforms) {
			t.Errorf("%v: the context was sent %d times, the step ran %d times", b.Platforms, sent, b.Ran("RUN echo hello"))
		}
	}
	if names, _ := w.indexed("app:v1"); !slices.Equal(names, []string{"linux/amd64", "linux/arm/v7", "linux/arm64"}) {
		t.Errorf("the index has %q", names)
	}
	// A layer is only in the store of the node that made it.
	if w.Fetched() != 1 || arm.Fetched() != 2 || w.tagged("app:v1") != rep.Target.Digest.String() {
		t.Errorf("%d and %d layers were read, want 1 and 2; the tag names %q", w.Fetched(), arm.Fetched(), w.tagged("app:v1"))
	}
	a, err := layout.Open(t.Context(), archive)
	if err != nil {
		t.Fatal(err)
	}
	if a.Images[0].Root.Digest != rep.Target.Digest {
		t.Errorf("the archive has %s, the tag names %s", a.Images[0].Root.Digest, rep.Target.Digest)
	}
}

func TestATargetThatNoNodeRunsNativelyGoesToOneThatEmulatesIt(t *testing.T) {
	w := newHarness(t, runsForTheTarget)
	w.platforms("linux/amd64,linux/arm64,linux/s390x")
	w.kernel = nil
	w.second("linux/arm64", map[string]emulation.Mode{"s390x": emulation.Emulated})
	w.mustRun()
	want := "linux/amd64 on default: native\nlinux/arm64 on second: native\nlinux/s390x on second: emulated\n"
	if diff := cmp.Diff([]string{want}, w.progress.plans); diff != "" || w.probes != 1 || len(w.installed) > 0 {
		t.Errorf("%d probes, installed %q (-want +got):\n%s", w.probes, w.installed, diff)
	}
}

func TestWhatIsInTheWayOnOneNodeIsSaidOfThatNode(t *testing.T) {
	w := newHarness(t, "FROM --platform=linux/s390x alpine AS tool\nRUN make\nFROM one\nCOPY --from=tool / /\n")
	w.platforms("linux/amd64,linux/arm64")
	w.req.KeepEmulators = true
	arm := w.second("linux/arm64", nil)
	arm.Image = func(name string, p platform.Platform) (platform.Platform, error) { // the platform that this node finds in the configuration
		if strings.Contains(name, "one") {
			return amd64Only, nil
		}
		return p, nil
	}
	want := []string{
		`Dockerfile:3: base image "one:latest": the index says linux/arm64, the image's config says linux/amd64`,
		"node second cannot run programs for linux/s390x, and steps of the Dockerfile need that",
	}
	found := w.findings()
	if diff := cmp.Diff(want, w.texts(found)); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"linux/arm64"}, found[1].Platforms); diff != "" {
		t.Errorf("platforms (-want +got):\n%s", diff)
	}
}

func TestAPinHoldsForAllNodes(t *testing.T) {
	w := newHarness(t, "FROM alpine\nADD https://example.com/data.bin /\nRUN make\n")
	w.platforms("linux/amd64,linux/arm64")
	arm := w.second("linux/arm64", nil)
	arm.Digest = func(name string, _ platform.Platform) digest.Digest { return digest.FromString(name + " has moved") }
	w.mustRun()
	if n, m := w.Resolved("https://example.com/data.bin"), arm.Resolved("https://example.com/data.bin"); n != 1 || m != 0 {
		t.Errorf("the nodes were asked %d and %d times for what is the same to both", n, m)
	}
	sources := map[string][]string{}
	for name, b := range map[string]*buildkittest.Builder{"default": w.Builder, "second": arm} {
		for _, s := range b.Solves() {
			sources[name] = append(sources[name], s.Sources...)
		}
		slices.Sort(sources[name])
	}
	if diff := cmp.Diff(sources["default"], sources["second"]); diff != "" || len(sources["default"]) != 2 {
		t.Errorf("they fetched %q (-first +second):\n%s", slices.Sorted(maps.Keys(sources)), diff)
	}
}

func TestLimitsAndSharedStepsAreANodesOwn(t *testing.T) {
	w := newHarness(t, copiesContext)
	w.platforms("linux/amd64,linux/arm64,linux/arm/v7,linux/s390x,linux/ppc64le")
	w.kernel = nil
	arm := w.second("linux/arm64,linux/arm/v7", map[string]emulation.Mode{"arm": emulation.Native, "s390x": emulation.Emulated, "ppc64le": emulation.Emulated})
	w.env.Nodes[1].CPUs, w.req.NoCache = 1, true
	w.mustRun()
	// The step for the build platform runs once on each node, whatever the node's limit.
	if n, m := w.Ran("RUN make"), arm.Ran("RUN make"); n != 1 || m != 1 {
		t.Errorf("the shared step ran %d times on the first node and %d times on the second", n, m)
	}
	for b, want := range map[*buildkittest.Builder]int{w.Builder: 1, arm: 4} {
		if n := b.Ran("RUN strip"); n != want {
			t.Errorf("%v: ran %d times, want %d", b.Platforms, n, want)
		}
	}
}

// cachesOf returns the names of the caches that a BuildKit was asked to import and to export.
func cachesOf(b *buildkittest.Builder) (imports, exports []string) {
	name := func(attrs map[string]string) string { return attrs["ref"] + attrs["name"] + attrs["scope"] }
	for _, s := range b.Others() {
		for _, e := range s.Opt.CacheImports {
			imports = append(imports, name(e.Attrs))
		}
		for _, e := range s.Opt.CacheExports {
			exports = append(exports, name(e.Attrs))
		}
	}
	return imports, exports
}

func TestEachNodeImportsAndExportsTheCachesOfItsPlatforms(t *testing.T) {
	w := newHarness(t, copiesContext)
	w.platforms("linux/amd64,linux/arm64")
	arm := w.second("linux/arm64", nil)
	w.req.Cache.From = []buildcache.Entry{entry("type=registry", "ref=r/c:{{platform}}")}
	w.req.Cache.To = []buildcache.Entry{entry("type=registry", "ref=r/c:{{platform}}")}
	w.mustRun()
	for b, name := range map[*buildkittest.Builder]string{w.Builder: "linux-amd64", arm: "linux-arm64"} {
		imports, exports := cachesOf(b)
		own := []string{"r/c:" + name}
		if !slices.Equal(imports, own) || len(exports) != 1 || !strings.HasPrefix(exports[0], own[0]) {
			t.Errorf("%v imports %q and exports %q", b.Platforms, imports, exports)
		}
	}
}

// exportsTo makes a builder write a cache of one step, whose name is the tag, to each registry that it exports to, and one of a step named
// folder to each folder.
func (w *harness) exportsTo(b *buildkittest.Builder, folder string) {
	b.Cached = func(e client.CacheOptionsEntry) string {
		step := folder
		tag, err := reference.ParseNormalizedNamed(e.Attrs["ref"])
		if e.Type == "registry" && err == nil {
			step = tag.(reference.Tagged).Tag()
		}
		config := fmt.Appendf(nil, `{"records":[{"digest":%q}]}`, digest.FromString(step))
		describe := func(mediaType string, body []byte) ocispecs.Descriptor {
			return ocispecs.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(body), Size: int64(len(body))}
		}
		m := ocispecs.Manifest{MediaType: ocispecs.MediaTypeImageManifest, Config: describe("application/vnd.buildkit.cacheconfig.v0", config)}
		m.SchemaVersion = 2
		body, _ := json.Marshal(m) // such a manifest can always be written
		desc := describe(m.MediaType, body)
		blobs := index.Bodies{desc.Digest: body, m.Config.Digest: config}
		if e.Type == "local" {
			err = layout.NewFolder(e.Attrs["dest"]).Tag(w.t.Context(), "latest", desc, blobs, func(digest.Digest) error { return nil })
		} else {
			err = w.env.Registry.Upload(w.t.Context(), tag, desc, blobs)
		}
		if err != nil {
			w.t.Error(err)
		}
		text, _ := json.Marshal(desc)
		return string(text)
	}
}

func TestTheCachesOfSeveralNodesAreJoinedUnderTheNameThatTheUserGave(t *testing.T) {
	w := newHarness(t, copiesContext)
	w.platforms("linux/amd64,linux/arm64")
	arm := w.second("linux/arm64", nil)
	w.exportsTo(w.Builder, "")
	w.exportsTo(arm, "")
	w.req.Cache.To = []buildcache.Entry{entry("type=registry", "mode=max", "ref="+w.host+"/c:all")}
	w.mustRun()
	for b, want := range map[*buildkittest.Builder]string{w.Builder: w.host + "/c:all-default", arm: w.host + "/c:all-second"} {
		for _, s := range b.Others() {
			for _, e := range s.Opt.CacheExports {
				if e.Attrs["ref"] != want || e.Attrs["mode"] != "max" {
					t.Errorf("%v exports %v", b.Platforms, e.Attrs)
				}
			}
		}
	}
	_, src, err := w.env.Registry.Source(t.Context(), w.tags("c:all")[0])
	if err != nil {
		t.Fatal(err)
	}
	desc, err := w.env.Registry.Resolve(t.Context(), w.tags("c:all")[0])
	if err != nil {
		t.Fatal(err)
	}
	body, err := content.FetchAll(t.Context(), src, desc)
	if err != nil {
		t.Fatal(err)
	}
	image, err := manifest.ParseImage(body)
	if err != nil {
		t.Fatal(err)
	}
	config, err := content.FetchAll(t.Context(), src, image.Config)
	if err != nil {
		t.Fatal(err)
	}
	contains(t, string(config), digest.FromString("all-default").String(), digest.FromString("all-second").String())

	// One node alone exports to its own name, too.
	w.platforms("linux/amd64")
	w.mustRun()
	if now, err := w.env.Registry.Resolve(t.Context(), w.tags("c:all")[0]); err != nil || now.Digest != desc.Digest {
		t.Errorf("%v: the cache is %s, was %s", err, now.Digest, desc.Digest)
	}
}

func TestTheFoldersOfSeveralNodesAreJoinedInTheOneThatTheUserGave(t *testing.T) {
	w := newHarness(t, copiesContext)
	w.platforms("linux/amd64,linux/arm64")
	arm := w.second("linux/arm64", nil)
	w.exportsTo(w.Builder, "first")
	w.exportsTo(arm, "second")
	dir := filepath.Join(t.TempDir(), "cache")
	w.req.Cache.To = []buildcache.Entry{entry("type=local", "mode=max", "tag=all", "reset=true", "dest="+dir)}
	w.mustRun()
	for _, b := range []*buildkittest.Builder{w.Builder, arm} {
		for _, s := range b.Others() {
			for _, e := range s.Opt.CacheExports {
				if at := e.Attrs["dest"]; filepath.Dir(at) != dir || e.Attrs["mode"] != "max" || e.Attrs["tag"] != "" || e.Attrs["reset"] != "" {
					t.Errorf("%v exports %v", b.Platforms, e.Attrs)
				}
			}
		}
	}
	cache := layout.NewFolder(dir)
	desc, err := cache.Tagged("all")
	if err != nil {
		t.Fatal(err)
	}
	graph, err := layout.Read(t.Context(), desc, cache)
	if err != nil {
		t.Fatal(err)
	}
	config, err := content.FetchAll(t.Context(), cache, graph.Nodes[0].Config)
	if err != nil {
		t.Fatal(err)
	}
	contains(t, string(config), digest.FromString("first").String(), digest.FromString("second").String())
	if left, err := filepath.Glob(filepath.Join(dir, sink.StagePrefix+"*")); err != nil || len(left) > 0 {
		t.Errorf("%v: left: %v", err, left)
	}
}

func TestACacheOfSeveralNodesReplacesNoImage(t *testing.T) {
	w := newHarness(t, copiesContext)
	w.platforms("linux/amd64,linux/arm64")
	w.second("linux/arm64", nil)
	w.mustRun()
	w.req.Cache.To = []buildcache.Entry{entry("type=registry", "ref="+w.host+"/app:v1")}
	before, solves := w.tagged("app:v1"), len(w.Others())
	_, err := w.run()
	if _, ok := errors.AsType[*preflight.Error](err); !ok || !strings.Contains(err.Error(), w.host+"/app:v1 is an image") {
		t.Errorf("got %v", err)
	}
	for _, s := range w.Others()[solves:] {
		if len(s.Exported) > 0 {
			t.Errorf("%v was exported", s.Opt.CacheExports)
		}
	}
	if w.tagged("app:v1") != before {
		t.Error("the image was replaced")
	}
}

func TestANodeHasANameOfItsOwnInAService(t *testing.T) {
	w := newHarness(t, copiesContext)
	w.platforms("linux/amd64,linux/arm64")
	arm := w.second("linux/arm64", nil)
	w.req.Cache.From = []buildcache.Entry{entry("type=s3", "bucket=b", "name=app")}
	w.req.Cache.To = []buildcache.Entry{entry("type=s3", "bucket=b", "name=app;other"), entry("type=gha")}
	w.mustRun()
	for b, node := range map[*buildkittest.Builder]string{w.Builder: "default", arm: "second"} {
		imports, exports := cachesOf(b)
		slices.Sort(exports)
		if diff := cmp.Diff([]string{"app-" + node + ";other-" + node, "buildkit-" + node}, slices.Compact(exports)); diff != "" {
			t.Errorf("%s exports (-want +got):\n%s", node, diff)
		}
		if diff := cmp.Diff([]string{"app", "app-default", "app-second"}, imports); diff != "" {
			t.Errorf("%s imports (-want +got):\n%s", node, diff)
		}
	}
}
