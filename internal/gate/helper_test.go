package gate_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/exe/exetest"
	"github.com/docker-multiarch/docker-multiarch/internal/gate"
	"github.com/docker-multiarch/docker-multiarch/internal/gate/layers"
	"github.com/docker-multiarch/docker-multiarch/internal/gate/layerstest"
	"github.com/docker-multiarch/docker-multiarch/internal/gate/listing"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

type (
	entry = layerstest.Entry
	store = layerstest.Store
)

var (
	file, dir, link, hardlink = layerstest.File, layerstest.Dir, layerstest.Link, layerstest.Hardlink
	mode, script              = layerstest.Mode, layerstest.Script
	layerOf, gzipped          = layerstest.Tar, layerstest.Gzip
	newStore                  = layerstest.NewStore
)

func program(arch string) []byte     { return exetest.Program(arch, "") }
func macho() []byte                  { return exetest.MachO(0x0100000c) }
func dynamic(arch, ld string) []byte { return exetest.Program(arch, ld) }

// An image is a test's image, lowest layer first.
type image struct {
	platform   string
	base       [][]byte
	added      [][]byte
	entrypoint []string
	cmd        []string
	dir        string
	env        []string
}

func (i image) in(t testing.TB, s *store) gate.Image {
	t.Helper()
	if i.platform == "" {
		i.platform = "linux/arm64"
	}
	ps, _, err := platform.Parse(i.platform)
	if err != nil {
		t.Fatal(err)
	}
	img := gate.Image{Platform: ps[0]}
	img.Config.Config = ocispecs.ImageConfig{Entrypoint: i.entrypoint, Cmd: i.cmd, WorkingDir: i.dir, Env: i.env}
	for _, b := range i.base {
		img.Layers = append(img.Layers, gate.Layer{Descriptor: s.Put(b), Base: true})
	}
	for _, b := range i.added {
		img.Layers = append(img.Layers, gate.Layer{Descriptor: s.Put(b), Step: "COPY app /app", Line: 7})
	}
	return img
}

// examine judges an image in its own store.
func (i image) examine(t testing.TB, opt gate.Options) gate.Result {
	t.Helper()
	s := newStore()
	img := i.in(t, s)
	result, err := gate.Examine(t.Context(), img, &layers.Lister{Fetch: s.Fetch}, opt)
	if err != nil {
		t.Fatal(err)
	}
	far, err := gate.Examine(t.Context(), img, listedOnNode(t, s, img), opt)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(result, far); diff != "" {
		t.Errorf("the layers' listings from a node give another result:\n%s", diff)
	}
	return result
}

// listedOnNode is a lister that has the listings of an image's layers as a node sends them.
func listedOnNode(t testing.TB, s *store, img gate.Image) *layers.Lister {
	t.Helper()
	l := &layers.Lister{Fetch: s.Fetch}
	for _, layer := range img.Layers {
		l.Fill([]ocispecs.Descriptor{layer.Descriptor}, func(missing []digest.Digest) map[digest.Digest]layers.Made {
			made, err := listing.Scan(t.Context(), bytes.NewReader(s.Blobs[missing[0]]), listing.MaxCost)
			if err != nil {
				return nil // it is no layer as a node writes one
			}
			if made, err = listing.Decode(made.Encode()); err != nil {
				t.Fatal(err)
			}
			return map[digest.Digest]layers.Made{missing[0]: {Listing: made}}
		})
	}
	return l
}

// summary returns a short form of a result: the verdict, and each finding as its severity, check and path.
func summary(r gate.Result) []string {
	texts := []string{string(r.Verdict)}
	for _, f := range r.Findings {
		texts = append(texts, string(f.Severity)+" "+f.Check+" "+f.Path)
	}
	return texts
}
