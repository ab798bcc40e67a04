package cachejoin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moby/buildkit/client/ociindex"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/index"
)

// place is a folder with a cache.
type place struct {
	t testing.TB
	Folder
	now   time.Time
	notes []string
}

func newPlace(t testing.TB) *place {
	return &place{t: t, Folder: Folder{Dir: filepath.Join(t.TempDir(), "cache"), Stage: ".stage-"}, now: day}
}

func (p *place) target() Target {
	return Target{p.Folder, func(d diag.Diagnostic) { p.notes = append(p.notes, d.Shown()) }, p.now}
}

func (p *place) check(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// store writes a manifest and its blobs under a tag of a layout, as BuildKit's client does it.
func (p *place) store(dir, tag, mediaType string, body []byte, all index.Bodies) digest.Digest {
	p.t.Helper()
	desc := described(mediaType, digest.FromBytes(body), int64(len(body)))
	all[desc.Digest] = body
	p.check(os.MkdirAll(filepath.Join(dir, "blobs", "sha256"), 0o755))
	for dgst, blob := range all {
		name := filepath.Join(dir, "blobs", "sha256", dgst.Encoded())
		if _, err := os.Stat(name); err != nil {
			p.check(os.WriteFile(name, blob, 0o444))
		}
	}
	p.check(ociindex.NewStoreIndex(dir).Put(desc, ociindex.Tag(tag)))
	return desc.Digest
}

func manifestOf(config ocispecs.Descriptor, layers []ocispecs.Descriptor) []byte {
	body, _ := json.Marshal(ocispecs.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispecs.MediaTypeImageManifest, Config: config, Layers: layers,
	})
	return body
}

// export is a node's export of steps to a folder of its own. sent are the steps whose layers it had to send.
func (p *place) export(node string, steps ...string) (e Export, remove func(), sent []string) {
	p.t.Helper()
	dir, remove, err := p.NewStage(p.t.Context())
	p.check(err)
	config, layers, all := exported(steps)
	for _, step := range steps {
		if _, err := os.Stat(filepath.Join(dir, "blobs", "sha256", digest.FromString(step).Encoded())); err != nil {
			sent = append(sent, step)
		}
	}
	return Export{node, p.store(dir, "latest", ocispecs.MediaTypeImageManifest, manifestOf(config, layers), all), dir}, remove, sent
}

func (p *place) joins(node string, steps ...string) (sent []string) {
	p.t.Helper()
	e, remove, sent := p.export(node, steps...)
	defer remove()
	p.check(p.target().Join(p.t.Context(), []Export{e}))
	return sent
}

// has fails the test unless BuildKit's client finds a cache with shares of these nodes and the layers of these steps.
func (p *place) has(nodes string, steps ...string) {
	p.t.Helper()
	desc, err := ociindex.NewStoreIndex(p.Dir).Get(p.tag())
	if err != nil || desc == nil {
		p.t.Fatalf("%v, %v", desc, err)
	}
	now, marks, err := p.target().read(p.t.Context())
	p.check(err)
	if now.digest != desc.Digest {
		p.t.Errorf("BuildKit finds %s, not %s", desc.Digest, now.digest)
	}
	var got []string
	for _, m := range marks {
		got = append(got, m.node)
	}
	if fmt.Sprint(got) != nodes {
		p.t.Errorf("the shares of %q, want %s", got, nodes)
	}
	var want []digest.Digest
	for _, step := range steps {
		want = append(want, digest.FromString(step))
	}
	slices.Sort(want)
	if layers := slices.Sorted(maps.Keys(now.blobs)); !slices.Equal(layers, want) {
		p.t.Errorf("layers %v, want those of %v", layers, steps)
	}
	exist, err := now.existing(p.t.Context())
	if err != nil || len(exist) != len(steps) {
		p.t.Errorf("%v: %d layers exist", err, len(exist))
	}
}

// left are the files in the folder beside the layout.
func (p *place) left() (names []string) {
	entries, _ := os.ReadDir(p.Dir)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), p.Stage) || strings.HasPrefix(e.Name(), ".new-") {
			names = append(names, e.Name())
		}
	}
	return names
}

func TestAFoldersCacheHasTheSharesOfAllNodes(t *testing.T) {
	p := newPlace(t)
	p.joins("amd", "base", "amd")
	p.has("[amd]", "base", "amd")
	if sent := p.joins("arm", "base", "arm"); fmt.Sprint(sent) != "[arm]" {
		t.Errorf("%v was sent", sent)
	}
	p.has("[amd arm]", "base", "amd", "arm")
	p.joins("amd", "base", "amd2")
	p.has("[amd arm]", "base", "arm", "amd2")
	if left := p.left(); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	if _, err := os.Stat(filepath.Join(p.Dir, "blobs", "sha256", digest.FromString("amd").Encoded())); err != nil {
		t.Errorf("the layer is gone before the folder is cleaned: %v", err)
	}
	p.check(p.Clean(t.Context()))
	p.has("[amd arm]", "base", "arm", "amd2")
	if _, err := os.Stat(filepath.Join(p.Dir, "blobs", "sha256", digest.FromString("amd").Encoded())); err == nil {
		t.Error("the replaced layer is still there")
	}
}

func TestTagsOfAFolderAreApart(t *testing.T) {
	p := newPlace(t)
	p.joins("amd", "first")
	p.Tag = "other"
	p.joins("amd", "second")
	p.has("[amd]", "second")
	p.Tag = ""
	p.has("[amd]", "first")
	p.check(p.Clean(t.Context()))
	p.has("[amd]", "first")
}

func TestWhatBuildKitsClientExportedToAFolderStays(t *testing.T) {
	p := newPlace(t)
	config, layers, all := exported([]string{"old"})
	body, _ := json.Marshal(ocispecs.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispecs.MediaTypeImageIndex, Manifests: append(layers, config),
	})
	p.store(p.Dir, "latest", ocispecs.MediaTypeImageIndex, body, all)
	p.check(p.Clean(t.Context()))
	p.joins("amd", "new")
	p.has("[ amd]", "old", "new")
}

func TestAnotherProcessesJoinsLoseNothingInAFolder(t *testing.T) {
	p := newPlace(t)
	var joining sync.WaitGroup
	var nodes, steps []string
	for i := range 6 {
		node := fmt.Sprint("node", i)
		nodes, steps = append(nodes, node), append(steps, "step of "+node)
		e, remove, _ := p.export(node, "step of "+node)
		joining.Go(func() {
			defer remove()
			if err := p.target().Join(context.WithoutCancel(t.Context()), []Export{e}); err != nil {
				t.Error(err)
			}
		})
	}
	joining.Wait()
	p.has(fmt.Sprint(nodes), steps...)
}

func TestAKilledExportLeavesTheOldCacheAndNothingForGood(t *testing.T) {
	p := newPlace(t)
	p.joins("amd", "base")
	e, remove, _ := p.export("arm", "arm")
	held := e.Dir + "-of-a-killed-process"
	p.check(os.Rename(e.Dir, held))
	remove()
	// Layers that were moved already, without a name.
	p.check(os.WriteFile(filepath.Join(p.Dir, "blobs", "sha256", digest.FromString("arm").Encoded()), []byte("arm"), 0o444))
	p.has("[amd]", "base")
	p.joins("amd", "base")
	if left := p.left(); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestAFolderIsNotCleanedWhileAnotherProgramExportsToIt(t *testing.T) {
	p := newPlace(t)
	p.joins("amd", "base")
	_, remove, _ := p.export("arm", "arm")
	if err := p.Clean(t.Context()); err == nil || !strings.Contains(err.Error(), "is in use") {
		t.Errorf("got %v", err)
	}
	remove()
	p.check(p.Clean(t.Context()))
}

func TestAnImageInAFolderIsNotReplaced(t *testing.T) {
	p := newPlace(t)
	config := []byte(`{"os":"linux"}`)
	p.store(p.Dir, "latest", ocispecs.MediaTypeImageManifest,
		manifestOf(described(ocispecs.MediaTypeImageConfig, digest.FromBytes(config), int64(len(config))), nil), index.Bodies{digest.FromBytes(config): config})
	if refused, ok := errors.AsType[*NotCacheError](p.target().Check(t.Context())); !ok || refused.Ref != p.Dir {
		t.Errorf("got %v", p.target().Check(t.Context()))
	}
}

func TestAHostileFolderIsRefused(t *testing.T) {
	entry := func(size string) string {
		return `{"schemaVersion":2,"manifests":[{"mediaType":"` + ocispecs.MediaTypeImageManifest + `","digest":"` + digest.FromString("x").String() +
			`","size":` + size + `,"annotations":{"` + ocispecs.AnnotationRefName + `":"latest"}}]}`
	}
	for what, body := range map[string]string{
		"no JSON": "{", "a huge index": strings.Repeat(" ", 5<<20) + "{}", "a huge manifest": entry("999999999999"), "a manifest that is not there": entry("5"),
		"a path for a digest": strings.ReplaceAll(entry("5"), digest.FromString("x").String(), "../../etc/passwd"),
	} {
		p := newPlace(t)
		p.check(os.MkdirAll(p.Dir, 0o755))
		p.check(os.WriteFile(filepath.Join(p.Dir, "index.json"), []byte(body), 0o600))
		if err := p.target().Check(t.Context()); err == nil {
			t.Errorf("%s: it was read", what)
		}
		if err := p.Clean(t.Context()); err == nil {
			t.Errorf("%s: it was cleaned", what)
		}
	}
	p := newPlace(t)
	p.check(os.MkdirAll(p.Dir, 0o755))
	p.check(os.Symlink("/dev/zero", filepath.Join(p.Dir, "index.json")))
	if err := p.target().Check(t.Context()); err == nil {
		t.Error("a link out of the folder was read")
	}
}

func TestALayerThatAFolderLostIsDropped(t *testing.T) {
	p := newPlace(t)
	p.joins("arm", "base", "lost", "last")
	p.check(os.Remove(filepath.Join(p.Dir, "blobs", "sha256", digest.FromString("lost").Encoded())))
	p.joins("amd", "amd")
	p.has("[amd arm]", "base", "amd")
}
