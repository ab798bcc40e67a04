package buildcmd

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/buildkit/client"

	"github.com/docker-multiarch/docker-multiarch/internal/cli/buildflags"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
)

func TestWrongCachesAreRefusedBeforeAnyWork(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ args, want string }{
		{"--cache-to type=registry", "type=registry needs ref="},
		{"--cache-to type=registry,ref=Bad//Name", `invalid ref "Bad//Name"`},
		{"--cache-from Bad//Name", `invalid ref "Bad//Name"`},
		{"--cache-to r/c@sha256:" + strings.Repeat("a", 64), "use a tag instead of a digest"},
		{"--cache-to ref=r/c", "the type is missing"},
		{"--cache-to type=registry,r/c", `"r/c" is not of the form key=value`},
		{"--cache-from type=nfs,src=x", `the type "nfs" is not one of registry, local,`},
		{"--cache-from type=local", "type=local needs src="},
		{"--cache-from type=inline", "imported from its image"},
		{"--cache-to type=local", "type=local needs dest="},
		{"--cache-to type=local,dest=" + file, "is not a folder"},
		{"--cache-to type=local,dest=" + file + "/below", "not a directory"},
		{"--cache-to type=local,dest=x,mode=all", `mode="all" is not one of min, max`},
		{"--cache-to type=local,dest=x,compression=brotli", `compression="brotli" is not one of gzip,`},
		{"--cache-to type=local,dest=x,compression-level=best", `compression-level="best" is not a number`},
		{"--cache-to type=registry,ref=r/c,ignore-error=maybe", `ignore-error="maybe" is neither true nor false`},
		{"--cache-to r/c:1 --cache-to type=registry,ref=r/c:1,mode=max", "--cache-to has r/c:1 twice"},
		{"--cache-to type=local,dest=x --cache-to type=local,dest=x", "--cache-to has x twice"},
		{"--cache-mounts mine", `--cache-mounts "mine" is not one of auto, shared, isolated`},
	} {
		o := parsed(t, append(strings.Fields(test.args), ".")...)
		_, err := buildflags.ParseCache(o.cache, func(string) (string, bool) { return "", false })
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", test.args, err, test.want)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".docker-multiarch-*")); len(left) > 0 {
		t.Errorf("left %q", left)
	}
}

func TestABuildForItsCacheAloneNeedsNoName(t *testing.T) {
	s := newHarness(t)
	if code := s.Command("build", "--cache-to", "HOST/app:cache", "--platform", "linux/amd64,linux/arm64", "."); code != 0 {
		t.Fatalf("exit %d: %s", code, s.Err.String())
	}
	if others := s.Others(); len(others) != 2 || len(others[1].Exported) != 2 {
		t.Errorf("%d solves besides the platforms' own", len(others))
	}
	if code := s.Command("build", "--cache-to", "type=inline", "."); code != 125 {
		t.Errorf("exit %d for a cache in an image that no output keeps", code)
	}
}

func TestARegistryThatRefusesTheCacheIsFoundOutBeforeTheBuild(t *testing.T) {
	s := newHarness(t)
	if code := s.Command("build", "--cache-to", "127.0.0.1:1/c", "--push", "-t", "HOST/app:1", "."); code != 1 {
		t.Errorf("exit %d", code)
	}
	clitest.Contains(t, s.Err.String(), "127.0.0.1:1")
	if s.Ran("") > 0 || s.Tagged("app:1") != "" {
		t.Error("something was built")
	}
	if code := s.Command("build", "--cache-to", "type=registry,ref=127.0.0.1:1/c,ignore-error=true", "--push", "-t", "HOST/app:1", "."); code != 0 {
		t.Errorf("exit %d although the cache may fail: %s", code, s.Err.String())
	}
}

func TestACacheThatCannotBeExportedIsSaidWithTheWayOut(t *testing.T) {
	s := newHarness(t)
	s.Export = func(context.Context, client.CacheOptionsEntry) error { return errors.New("no space left") }
	if code := s.Command("build", "--cache-to", "type=local,dest=c", "--push", "-t", "HOST/app:1", "."); code != 1 {
		t.Errorf("exit %d", code)
	}
	clitest.Contains(t, s.Err.String(), "the build cache could not be exported to c", "no space left", "ignore-error=true", "No tag was moved")
	if s.Tagged("app:1") != "" {
		t.Error("the tag was moved")
	}
}
