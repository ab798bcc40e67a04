package baseimage

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	gateway "github.com/moby/buildkit/frontend/gateway/client"

	"github.com/docker-multiarch/docker-multiarch/internal/buildkittest"
	"github.com/docker-multiarch/docker-multiarch/internal/recipe"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// examined returns the base image that a separate build with the cache folder sees, and whether that build asked the builder for anything.
func examined(t *testing.T, b *buildkittest.Builder, folder string, read, exist []string) (base recipe.Base, asked bool) {
	t.Helper()
	before := len(b.Asked()) + len(b.Looked())
	buildkittest.Call(t, b, func(ctx context.Context, gw gateway.Client) {
		base = NewInspector(amd64, folder).Base(ctx, gw, golang, asking(read, exist))
	})
	return base, len(b.Asked())+len(b.Looked()) > before
}

func TestASecondBuildLooksAtNothing(t *testing.T) {
	b, folder := newToolchain(t), filepath.Join(t.TempDir(), "is", "made")
	read, exist := []string{"/usr/local/go/VERSION", "/usr/local/go/go.env"}, []string{"/empty", "/usr/bin/cc"}
	first, _ := examined(t, b, folder, read, exist)
	second, asked := examined(t, b, folder, read, exist)
	if asked {
		t.Errorf("it asked for %q and read %q", b.Asked(), b.Looked())
	}
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("it saw something else:\n%s", diff)
	}
	more, asked := examined(t, b, folder, []string{"/usr/local/go/bin/go"}, nil)
	if !asked || string(more.Native.Files["/usr/local/go/bin/go"].Data) != "program" {
		t.Errorf("what was not asked before is %+v", more.Native)
	}
	if third, asked := examined(t, b, folder, read, exist); asked || !cmp.Equal(first, third) {
		t.Error("what was asked first is forgotten")
	}
}

func TestThatAnImageLacksAPlatformIsKeptAndAnErrorIsNot(t *testing.T) {
	for name, test := range map[string]struct {
		err   error
		again bool
	}{
		"the index has nothing":      {buildkittest.ErrNoMatch, false},
		"the registry has no answer": {errors.New("connection refused"), true},
	} {
		b, folder := newToolchain(t), t.TempDir()
		b.Image = func(_ string, p platform.Platform) (platform.Platform, error) { return p, test.err }
		first, _ := examined(t, b, folder, nil, nil)
		second, again := examined(t, b, folder, nil, nil)
		if again != test.again || first.Reason == "" || first.Reason != second.Reason {
			t.Errorf("%s: asked again %v; first %q, then %q", name, again, first.Reason, second.Reason)
		}
	}
}

func TestDamagedCacheEntriesOfAnImageAreIgnored(t *testing.T) {
	for name, damage := range map[string]func(string) string{
		"empty":           func(string) string { return "" },
		"cut off":         func(s string) string { return s[:len(s)-3] },
		"another version": func(s string) string { return "docker-multiarch base 0\n" + s[len(cacheVersion):] },
		"rubbish":         func(string) string { return "\x00\x01" },
	} {
		b, folder := newToolchain(t), t.TempDir()
		read := []string{"/usr/local/go/VERSION"}
		first, _ := examined(t, b, folder, read, nil)
		files, err := filepath.Glob(filepath.Join(folder, "*.base"))
		if err != nil || len(files) != 2 {
			t.Fatalf("%q are kept: %v", files, err)
		}
		for _, f := range files {
			data, err := os.ReadFile(f)
			if err = errors.Join(err, os.WriteFile(f, []byte(damage(string(data))), 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		if base, asked := examined(t, b, folder, read, nil); !asked || !cmp.Equal(first, base) {
			t.Errorf("%s: asked %v for %+v", name, asked, base)
		}
		if _, asked := examined(t, b, folder, read, nil); asked {
			t.Errorf("%s: it was not mended", name)
		}
	}
}
