package layers_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/exe"
	"github.com/docker-multiarch/docker-multiarch/internal/gate/layers"
	"github.com/docker-multiarch/docker-multiarch/internal/gate/listing"
)

func listOf(t testing.TB, b []byte, change func(*ocispecs.Descriptor)) (*listing.Listing, error) {
	t.Helper()
	s := newStore()
	desc := s.Put(b)
	if change != nil {
		change(&desc)
	}
	return (&layers.Lister{Fetch: s.Fetch}).List(t.Context(), desc, false)
}

func TestAListingHasAllEntriesOfALayer(t *testing.T) {
	plain := layerOf(t,
		dir("./usr"), file("./usr/app"), program("arm64"), file("/usr/start"), script("#!/bin/sh -e"), file("usr/data"), []byte("data"),
		link("usr/link", "/abs/../x"), hardlink("usr/hard", "/usr/app"), entry{Name: "dev/null", Typeflag: tar.TypeChar, Mode: 0o666},
		file("usr/.wh.gone"), file("opt/.wh..wh..opq"), file(".wh..wh.plnk"), mode(file("usr/data"), 0o4755), []byte("again"),
		file("../../escape"), []byte("x"), file("a/../../../b"), []byte("x"), dir("/"))
	want := &listing.Listing{
		Entries: []listing.Entry{
			{Path: "b", Type: listing.File, Mode: 0o755},
			{Path: "dev/null", Type: listing.Other, Mode: 0o666},
			{Path: "escape", Type: listing.File, Mode: 0o755},
			{Path: "usr", Type: listing.Dir, Mode: 0o755},
			{Path: "usr/app", Type: listing.File, Mode: 0o755, Exe: &exe.File{Format: exe.ELF, Machine: "arm64", Bits: 64, Kind: exe.Executable}},
			{Path: "usr/data", Type: listing.File, Mode: 0o4755},
			{Path: "usr/hard", Type: listing.Hardlink, Link: "usr/app"},
			{Path: "usr/link", Type: listing.Symlink, Mode: 0o777, Link: "/abs/../x"},
			{Path: "usr/start", Type: listing.File, Mode: 0o755, Exe: &exe.File{Format: exe.Script, Interpreter: "/bin/sh", Args: []string{"-e"}}, Body: &listing.Body{Script: "#!/bin/sh -e\necho hello\n"}},
		},
		Hidden: []string{"usr/gone"},
		Opaque: []string{"opt"},
	}
	var z bytes.Buffer
	encoder, err := zstd.NewWriter(&z)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := encoder.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := encoder.Close(); err != nil {
		t.Fatal(err)
	}
	half := len(plain) / 1024 * 512
	for name, b := range map[string][]byte{
		"plain": plain, "gzip": gzipped(t, plain), "zstd": z.Bytes(), "eStargz": append(gzipped(t, plain[:half]), gzipped(t, plain[half:])...),
		"zstd:chunked": append([]byte{0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 'h', 'i'}, z.Bytes()...), "with padding": append(gzipped(t, plain), make([]byte, 3000)...),
	} {
		for _, mediaType := range []string{
			ocispecs.MediaTypeImageLayer, ocispecs.MediaTypeImageLayerGzip, ocispecs.MediaTypeImageLayerZstd,
			"application/vnd.docker.image.rootfs.diff.tar.gzip", "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
			"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
		} {
			got, err := listOf(t, b, func(d *ocispecs.Descriptor) { d.MediaType = mediaType })
			if err != nil {
				t.Fatalf("%s as %s: %v", name, mediaType, err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("%s as %s: %s", name, mediaType, diff)
			}
		}
	}
}

func TestALayerThatDoesNotMatchItsDescriptorIsRefused(t *testing.T) {
	good := gzipped(t, layerOf(t, file("app"), program("arm64")))
	broken := bytes.Clone(good)
	broken[len(broken)/2] ^= 0xff
	for name, test := range map[string]struct {
		body   []byte
		change func(*ocispecs.Descriptor)
		want   string
	}{
		"larger":       {good, func(d *ocispecs.Descriptor) { d.Size-- }, "larger than"},
		"smaller":      {good, func(d *ocispecs.Descriptor) { d.Size++ }, "its descriptor says"},
		"of size 0":    {good, func(d *ocispecs.Descriptor) { d.Size = 0 }, "larger than"},
		"of size < 0":  {good, func(d *ocispecs.Descriptor) { d.Size = -5 }, "larger than"},
		"bad digest":   {good, func(d *ocispecs.Descriptor) { d.Digest = "sha256:../../etc" }, "digest"},
		"no digest":    {good, func(d *ocispecs.Descriptor) { d.Digest = "x" }, "digest"},
		"cut off":      {good[:len(good)/2], nil, "cannot be unpacked"},
		"damaged":      {broken, nil, "cannot be unpacked"},
		"no tar":       {gzipped(t, bytes.Repeat([]byte("x"), 5000)), nil, "cannot be unpacked"},
		"text":         {[]byte(strings.Repeat("hello", 500)), nil, "cannot be unpacked"},
		"cut off file": {layerOf(t, file("app"), program("arm64"))[:700], nil, "cannot be unpacked"},
	} {
		_, err := listOf(t, test.body, test.change)
		if !errors.Is(err, layers.ErrBadLayer) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnEmptyLayerIsALayer(t *testing.T) {
	for name, b := range map[string][]byte{"nothing": nil, "an empty tar": make([]byte, 1024), "packed": gzipped(t, make([]byte, 1024))} {
		if l, err := listOf(t, b, nil); err != nil || len(l.Entries) > 0 {
			t.Errorf("%s: %+v, %v", name, l, err)
		}
	}
}

func TestEachLayerIsReadOnceAndAFewAtATime(t *testing.T) {
	s := newStore()
	var now, most atomic.Int32
	lister := &layers.Lister{AtOnce: 2, Fetch: func(ctx context.Context, d ocispecs.Descriptor) (io.ReadCloser, error) {
		n := now.Add(1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		rc, err := s.Fetch(ctx, d)
		runtime.Gosched()
		now.Add(-1)
		return rc, err
	}}
	var descs []ocispecs.Descriptor
	for _, arch := range []string{"amd64", "arm64", "s390x", "386", "arm", "ppc64le"} {
		descs = append(descs, s.Put(layerOf(t, file("app"), program(arch))))
	}
	var wg sync.WaitGroup
	for range 20 {
		for _, l := range descs {
			wg.Go(func() {
				if got, err := lister.List(t.Context(), l, false); err != nil || len(got.Entries) != 1 {
					t.Errorf("%+v, %v", got, err)
				}
			})
		}
	}
	wg.Wait()
	for d, n := range s.Count {
		if n != 1 {
			t.Errorf("%s was read %d times", d, n)
		}
	}
	if most.Load() > 2 {
		t.Errorf("%d at once", most.Load())
	}
}

func TestALineThatBreaksIsNoFaultOfTheLayer(t *testing.T) {
	down := errors.New("the line is down")
	b := gzipped(t, layerOf(t, file("app"), program("arm64")))
	s := newStore()
	desc, broken := s.Put(b), true
	lister := &layers.Lister{Fetch: func(ctx context.Context, d ocispecs.Descriptor) (io.ReadCloser, error) {
		if broken {
			return io.NopCloser(io.MultiReader(bytes.NewReader(b[:50]), iotest.ErrReader(down))), nil
		}
		return s.Fetch(ctx, d)
	}}
	if _, err := lister.List(t.Context(), desc, false); !errors.Is(err, down) || errors.Is(err, layers.ErrBadLayer) {
		t.Error(err)
	}
	broken = false
	if _, err := lister.List(t.Context(), desc, false); err != nil {
		t.Errorf("the second time: %v", err)
	}
}

func TestABombTakesNoMemory(t *testing.T) {
	const part, parts = 16 << 20, 64
	var header bytes.Buffer
	h := file("zeros")
	h.Size = part * parts
	if err := tar.NewWriter(&header).WriteHeader(&h); err != nil {
		t.Fatal(err)
	}
	packed := append(gzipped(t, header.Bytes()), bytes.Repeat(gzipped(t, make([]byte, part)), parts)...)
	desc := ocispecs.Descriptor{MediaType: ocispecs.MediaTypeImageLayerGzip, Digest: digest.FromBytes(packed), Size: int64(len(packed))}
	lister := &layers.Lister{Fetch: func(context.Context, ocispecs.Descriptor) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(packed)), nil
	}}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	l, err := lister.List(t.Context(), desc, false)
	runtime.ReadMemStats(&after)
	if err != nil || len(l.Entries) != 1 {
		t.Fatalf("%+v, %v", l, err)
	}
	if took := (after.TotalAlloc - before.TotalAlloc) >> 20; took > 4 {
		t.Errorf("it took %d MiB", took)
	}
}

func TestALineThatBreaksOnceIsNoError(t *testing.T) {
	s := newStore()
	desc := s.Put(layerOf(t, file("app"), program("arm64")))
	opened := 0
	l := &layers.Lister{Fetch: func(ctx context.Context, d ocispecs.Descriptor) (io.ReadCloser, error) {
		rc, err := s.Fetch(ctx, d)
		if opened++; opened == 1 {
			return io.NopCloser(io.MultiReader(io.LimitReader(rc, 100), iotest.ErrReader(errors.New("connection reset by peer")))), nil
		}
		return rc, err
	}}
	listing, err := l.List(t.Context(), desc, false)
	if err != nil || len(listing.Entries) != 1 || opened != 2 {
		t.Errorf("%v after %d readings: %v", listing, opened, err)
	}
}
