package gate_test

import (
	"testing"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/exe/exetest"
	"github.com/docker-multiarch/docker-multiarch/internal/gate"
	"github.com/docker-multiarch/docker-multiarch/internal/gate/layers"
	"github.com/docker-multiarch/docker-multiarch/internal/gate/layerstest"
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
	result, err := gate.Examine(t.Context(), i.in(t, s), &layers.Lister{Fetch: s.Fetch}, opt)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// summary returns a short form of a result: the verdict, and each finding as its severity, check and path.
func summary(r gate.Result) []string {
	texts := []string{string(r.Verdict)}
	for _, f := range r.Findings {
		texts = append(texts, string(f.Severity)+" "+f.Check+" "+f.Path)
	}
	return texts
}
