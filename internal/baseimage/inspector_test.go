package baseimage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/buildkittest"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/recipe"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

var (
	amd64 = platform.Platform{OS: "linux", Architecture: "amd64"}
	arm64 = platform.Platform{OS: "linux", Architecture: "arm64"}
	armv7 = platform.Platform{OS: "linux", Architecture: "arm", Variant: "v7"}
)

// toolchain has the files of the tests' image, and golang is its name.
var toolchain = fstest.MapFS{
	"usr/local/go/VERSION": {Data: []byte("go1.26")},
	"usr/local/go/bin/go":  {Data: []byte("program"), Mode: 0o755},
	"usr/local/go/large":   {Data: make([]byte, maxRead+1)},
	"usr/bin/cc":           {Data: []byte("gone"), Mode: fs.ModeSymlink},
	"usr/bin/golang":       {Data: []byte("../local/go/bin/go"), Mode: fs.ModeSymlink},
	"empty/below":          {Mode: fs.ModeDir | 0o755},
}

var golang = graph.ImageRef{Name: "docker.io/library/golang:1", Digest: digest.FromString("golang"), Platform: arm64}

// newToolchain returns a builder whose images have the toolchain, and their platform in the environment.
func newToolchain(t *testing.T) *buildkittest.Builder {
	b := buildkittest.New(t)
	b.Contents = func(_ string, p platform.Platform) (ocispecs.ImageConfig, fs.FS) {
		return ocispecs.ImageConfig{Env: []string{"OF=" + platform.Format(p)}}, toolchain
	}
	return b
}

func asking(read, exist []string) func(ocispecs.ImageConfig) ([]string, []string) {
	return func(ocispecs.ImageConfig) ([]string, []string) { return read, exist }
}

func TestBaseImagesAreLookedAtForBothPlatforms(t *testing.T) {
	b := newToolchain(t)
	read := []string{"/usr/local/go/VERSION", "/usr/local/go/bin", "/usr/local/go/large", "/usr/local/go/VERSION/x", "/usr/local/go/go.env"}
	exist := []string{"/usr/local/go/VERSION", "/usr/bin/golang", "/usr/bin/cc", "/usr/bin/gcc", "/empty", "/usr", "/usr/*/go*", "/empty/*", "/etc/*"}
	var base recipe.Base
	buildkittest.Call(t, b, func(ctx context.Context, gw gateway.Client) {
		base = NewInspector(amd64, "").Base(ctx, gw, golang, func(target ocispecs.ImageConfig) ([]string, []string) {
			if diff := cmp.Diff([]string{"OF=linux/arm64"}, target.Env); diff != "" {
				t.Errorf("the recipe is asked with another configuration than the target's (-want +got):\n%s", diff)
			}
			return read, exist
		})
	})
	files := map[string]recipe.File{
		"/usr/local/go/VERSION":   {Exists: true, Holds: true, Data: []byte("go1.26")},
		"/usr/local/go/bin":       {Exists: true},
		"/usr/local/go/large":     {Exists: true},
		"/usr/local/go/VERSION/x": {},
		"/usr/local/go/go.env":    {},
		"/usr/bin/golang":         {Exists: true, Holds: true},
		"/usr/bin/cc":             {Holds: true}, // COPY would copy it as it is
		"/usr/bin/gcc":            {},
		"/empty":                  {Exists: true},
		"/empty/*":                {Exists: true},
		"/usr":                    {Exists: true, Holds: true},
		"/usr/*/go*":              {Exists: true, Holds: true},
		"/etc/*":                  {},
	}
	want := recipe.Base{
		Native: &recipe.Image{Config: ocispecs.ImageConfig{Env: []string{"OF=linux/amd64"}}, Files: files},
		Target: &recipe.Image{Config: ocispecs.ImageConfig{Env: []string{"OF=linux/arm64"}}, Files: files},
	}
	if diff := cmp.Diff(want, base); diff != "" {
		t.Error(diff)
	}
}

func TestFoldersThatAreTooLargeHoldSomething(t *testing.T) {
	b := newToolchain(t)
	large := fstest.MapFS{}
	for i := range maxWalked {
		large[fmt.Sprintf("out/%d", i)] = &fstest.MapFile{Mode: fs.ModeDir | 0o755}
	}
	b.Contents = func(string, platform.Platform) (ocispecs.ImageConfig, fs.FS) { return ocispecs.ImageConfig{}, large }
	buildkittest.Call(t, b, func(ctx context.Context, gw gateway.Client) {
		base := NewInspector(amd64, "").Base(ctx, gw, golang, asking(nil, []string{"/out", "/out/*"}))
		want := map[string]recipe.File{"/out": {Exists: true, Holds: true}, "/out/*": {Exists: true, Holds: true}}
		if diff := cmp.Diff(want, base.Native.Files); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAnImageIsLookedAtOnceForAllPlatforms(t *testing.T) {
	b := newToolchain(t)
	in := NewInspector(amd64, "")
	buildkittest.Call(t, b, func(ctx context.Context, gw gateway.Client) {
		var looking sync.WaitGroup
		for _, p := range []platform.Platform{arm64, armv7} {
			ref := golang
			ref.Platform = p
			for range 2 {
				looking.Go(func() { in.Base(ctx, gw, ref, asking([]string{"/usr/local/go/VERSION"}, nil)) })
			}
		}
		looking.Wait()
	})
	if got := len(b.Asked()); got != 3 {
		t.Errorf("configurations were asked for %d times, want once each for amd64, arm64 and arm/v7", got)
	}
	times := map[string]int{}
	for _, name := range b.Looked() {
		times[name]++
	}
	want := map[string]int{} // the image is opened, and the file is found and read
	for _, p := range []string{"linux/amd64", "linux/arm64", "linux/arm/v7"} {
		want["inspecting golang:1 for "+p] = 3
	}
	if diff := cmp.Diff(want, times); diff != "" {
		t.Error(diff)
	}
}

func TestWhyABaseCannotBeLookedAtIsSaid(t *testing.T) {
	for name, test := range map[string]struct {
		image func(string, platform.Platform) (platform.Platform, error)
		want  string
	}{
		"an index without the native platform": {func(_ string, p platform.Platform) (platform.Platform, error) {
			if p.Architecture == "amd64" {
				return p, buildkittest.ErrNoMatch
			}
			return p, nil
		}, "golang:1 has no image for linux/amd64"},
		"a single image": {func(string, platform.Platform) (platform.Platform, error) { return arm64, nil }, "golang:1 has no image for linux/amd64"},
		"a registry that is away": {func(_ string, p platform.Platform) (platform.Platform, error) {
			return p, errors.New("connection refused")
		}, "golang:1 cannot be read for linux/amd64: failed to resolve source metadata for docker.io/library/golang:1@" +
			golang.Digest.String() + ": connection refused"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newToolchain(t)
			b.Image = test.image
			buildkittest.Call(t, b, func(ctx context.Context, gw gateway.Client) {
				base := NewInspector(amd64, "").Base(ctx, gw, golang, asking([]string{"/usr/local/go/VERSION"}, nil))
				if diff := cmp.Diff(recipe.Base{Reason: test.want}, base); diff != "" {
					t.Error(diff)
				}
			})
			if len(b.Looked()) > 0 {
				t.Errorf("files of %q were read", b.Looked())
			}
		})
	}
}

func TestAnImageThatNothingIsAskedOfIsNotFetched(t *testing.T) {
	b := newToolchain(t)
	buildkittest.Call(t, b, func(ctx context.Context, gw gateway.Client) {
		if base := NewInspector(amd64, "").Base(ctx, gw, golang, asking(nil, nil)); base.Native == nil || base.Target == nil {
			t.Errorf("its configuration is known: %+v", base)
		}
	})
	if len(b.Looked()) > 0 {
		t.Errorf("files of %q were read", b.Looked())
	}
}
