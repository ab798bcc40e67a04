package buildcmd

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/moby/client"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

var baseConfig = `{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":["` + digest.FromString("layer").String() + `"]}}`

// onEngine gives the harness an engine that has base:1 for linux/amd64. The result counts how often it is saved.
func (s *harness) onEngine() *int {
	s.T.Helper()
	saved := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", "1.44")
		switch {
		case strings.HasSuffix(r.URL.Path, "/_ping"):
		case strings.HasSuffix(r.URL.Path, "/info"):
			_, _ = io.WriteString(w, `{}`)
		case strings.HasSuffix(r.URL.Path, "/images/base:1/json"):
			_, _ = io.WriteString(w, `{"Os":"linux","Architecture":"amd64"}`)
		case strings.HasSuffix(r.URL.Path, "/images/get"):
			saved++
			archive := tar.NewWriter(w)
			for name, body := range map[string]string{
				"c.json": baseConfig, "l/layer.tar": "layer", "manifest.json": `[{"Config":"c.json","Layers":["l/layer.tar"]}]`,
			} {
				_ = archive.WriteHeader(&tar.Header{Name: name, Size: int64(len(body)), Mode: 0o644, Typeflag: tar.TypeReg})
				_, _ = io.WriteString(archive, body)
			}
			_ = archive.Close()
		default:
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"message":"no such image"}`)
		}
	}))
	s.T.Cleanup(server.Close)
	api, err := client.New(client.WithHost("tcp://" + strings.TrimPrefix(server.URL, "http://")))
	if err != nil {
		s.T.Fatal(err)
	}
	eng := engine.New(api)
	s.Env.Engine = func() *engine.Engine { return eng }
	return &saved
}

func TestALocalBaseIsOfferedAsANamedContextAndLeftNowhere(t *testing.T) {
	s := newHarness(t)
	saved := s.onEngine()
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	status := s.Command("build", "--check", "-q", "--platform", "linux/amd64", "--local-base", "docker.io/library/base:1", "--local-base", "base:1", ".")
	if status != 0 || *saved != 1 {
		t.Fatalf("status %d, saved %d times:\n%s", status, *saved, s.Err.String())
	}
	solve := s.Solves()[0]
	attr := solve.Requests[0].FrontendOpt["context:base:1"]
	name, _, _ := strings.Cut(strings.TrimPrefix(attr, "oci-layout://"), "@sha256:")
	if solve.Opt.OCIStores[name] == nil || !strings.HasPrefix(attr, "oci-layout://") {
		t.Errorf("context %q, stores %v", attr, solve.Opt.OCIStores)
	}
	if left, _ := filepath.Glob(temp + "/*"); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

func TestALocalBaseThatWillNotDoIsRefusedBeforeABuilderIsMade(t *testing.T) {
	for name, tt := range map[string]struct {
		args, dockerfile string
		want             []string
	}{
		"not there":             {"--local-base none:1", "FROM none:1\n", []string{"--local-base none:1: the engine has no image of that name", "Hint: docker images"}},
		"another platform":      {"--platform linux/amd64,linux/arm64 --local-base base:1", "FROM base:1\n", []string{"the engine has this image for linux/amd64 only, not for linux/arm64", "--platform linux/amd64"}},
		"by COPY too":           {"--platform linux/arm64 --local-base base:1", "FROM scratch\nCOPY --from=base:1 / /\n", []string{"not for linux/arm64"}},
		"a bad name":            {"--local-base BASE", "FROM scratch\n", []string{`--local-base "BASE": `}},
		"a digest":              {"--local-base base@sha256:" + strings.Repeat("a", 64), "FROM scratch\n", []string{"without a digest"}},
		"a named context, also": {"--local-base base:1 --build-context base:1=.", "FROM base:1\n", []string{"--build-context base:1 gives another source for it"}},
	} {
		s := newHarness(t)
		saved := s.onEngine()
		s.Write("Dockerfile", tt.dockerfile)
		args := append([]string{"build", "--push", "-t", "HOST/app"}, strings.Fields(tt.args)...)
		if status := s.Command(append(args, ".")...); status != cli.ExitUsage || s.Connects != 0 || *saved != 0 {
			t.Errorf("%s: status %d, %d connections, saved %d times", name, status, s.Connects, *saved)
		}
		clitest.Contains(t, s.Err.String(), tt.want...)
	}
}

func TestALocalBaseForTheBuilderOnlyNeedsNoOtherPlatform(t *testing.T) {
	s := newHarness(t)
	s.onEngine()
	s.Write("Dockerfile", "FROM --platform=$BUILDPLATFORM base:1 AS build\nFROM scratch\nCOPY --from=build / /\n")
	if status := s.Command("build", "--check", "-q", "--platform", "linux/arm64", "--local-base", "base:1", "."); status != 0 {
		t.Fatalf("status %d:\n%s", status, s.Err.String())
	}
}

func TestABaseThatOnlyTheEngineHasIsSaid(t *testing.T) {
	s := newHarness(t)
	s.onEngine()
	s.Read = func(_ context.Context, _ platform.Platform) error {
		return errors.New("failed to solve: base:1: failed to resolve source metadata for docker.io/library/base:1: pull access denied")
	}
	if status := s.Command("build", "--push", "-t", "HOST/app", "--platform", clitest.ThreePlatforms, "."); status != cli.ExitFailed {
		t.Errorf("status %d", status)
	}
	clitest.Contains(t, s.Err.String(), "ERROR: ", "pull access denied",
		"Hint: the engine has base:1 in its image store, for linux/amd64, but a builder does not look there: add --local-base base:1")
	s.Read = func(_ context.Context, _ platform.Platform) error {
		return errors.New("failed to resolve source metadata for docker.io/library/other:1: not found")
	}
	if s.Command("build", "--push", "-t", "HOST/app", "."); strings.Contains(s.Err.String(), "other:1 in its own store") {
		t.Errorf("the engine does not have it:\n%s", s.Err.String())
	}
}
