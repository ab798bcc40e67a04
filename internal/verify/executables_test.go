package verify_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/errdef"

	"github.com/docker-multiarch/docker-multiarch/internal/exe/exetest"
	"github.com/docker-multiarch/docker-multiarch/internal/gate"
	"github.com/docker-multiarch/docker-multiarch/internal/tree"
	"github.com/docker-multiarch/docker-multiarch/internal/verify"
	"github.com/docker-multiarch/docker-multiarch/manifest"
)

// layer returns a layer with a file.
func (s *imageStore) layer(path string, file []byte) ocispecs.Descriptor {
	s.t.Helper()
	var body bytes.Buffer
	w := tar.NewWriter(&body)
	err := w.WriteHeader(&tar.Header{Name: path, Mode: 0o755, Size: int64(len(file)), Typeflag: tar.TypeReg})
	if err == nil {
		_, err = w.Write(file)
	}
	if err = errors.Join(err, w.Close()); err != nil {
		s.t.Fatal(err)
	}
	desc := content.NewDescriptorFromBytes(ocispecs.MediaTypeImageLayer, body.Bytes())
	s.real[desc.Digest] = desc
	if ok, _ := s.Exists(s.t.Context(), desc); !ok {
		if err := s.Push(s.t.Context(), desc, bytes.NewReader(body.Bytes())); err != nil {
			s.t.Fatal(err)
		}
	}
	return desc
}

// program returns an image for a platform that starts a program for a machine. Another layer is the same for all.
func (s *imageStore) program(name, arch string) parts {
	return s.image(name, func(p *parts) {
		p.m.Layers = []ocispecs.Descriptor{s.layer("etc/text", []byte("text")), s.layer("app", exetest.Program(arch, ""))}
		p.config.Config.Entrypoint = []string{"/app"}
		p.config.History = []ocispecs.History{{CreatedBy: "COPY text"}, {CreatedBy: "ENV a", EmptyLayer: true}, {CreatedBy: "COPY app # buildkit"}}
	})
}

// examined runs a check with the executables and returns its findings as "severity check platform".
func (s *imageStore) examined(root ocispecs.Descriptor, e verify.Executables) (verify.Result, []string) {
	s.t.Helper()
	result, err := verify.Run(s.t.Context(), verify.Request{Root: root, Source: s, Executables: &e})
	if err != nil {
		s.t.Fatal(err)
	}
	lines := []string{}
	for _, f := range result.Findings {
		s.t.Log(f)
		lines = append(lines, strings.TrimSpace(string(f.Severity)+" "+f.Check+" "+f.Platform()))
	}
	return result, lines
}

func TestAProgramForAnotherMachineIsFoundAndEachLayerIsReadOnce(t *testing.T) {
	s := newShelf(t)
	root := s.index(s.program("linux/amd64", "amd64").entry, s.program("linux/arm64", "amd64").entry, s.program("linux/riscv64", "riscv64").entry)
	result, lines := s.examined(root, verify.Executables{})
	if diff := cmp.Diff([]string{"error entrypoint-machine linux/arm64", "note same-layers linux/arm64"}, lines); diff != "" || result.OK() {
		t.Errorf("all is well: %t %s", result.OK(), diff)
	}
	f := result.Findings[0]
	if got, want := [...]string{f.Path, f.Step, f.Machine, f.Wanted}, [...]string{"/app", "COPY app", "amd64", "arm64"}; got != want {
		t.Errorf("%q, not %q", got, want)
	}
	want := []verify.Tally{{"linux/amd64", gate.OK, 1}, {"linux/arm64", gate.Refused, 1}, {"linux/riscv64", gate.OK, 1}}
	if diff := cmp.Diff(want, result.Tally); diff != "" {
		t.Error(diff)
	}
	for d, n := range s.asked {
		if n != 1 {
			t.Errorf("%s was asked for %d times", d, n)
		}
	}
}

func TestAllowedFindingsPassAndUnmatchedPatternsAreReported(t *testing.T) {
	s := newShelf(t)
	root := s.index(s.program("linux/arm64", "amd64").entry, s.program("linux/amd64", "amd64").entry)
	result, lines := s.examined(root, verify.Executables{Options: gate.Options{Allow: []string{"/app", "/nothing"}}})
	if diff := cmp.Diff([]string{"note same-layers linux/arm64", "warning allow-unmatched"}, lines); diff != "" || !result.OK() {
		t.Errorf("all is well: %t %s", result.OK(), diff)
	}
}

func TestALayerThatListsItselfFromTheCacheIsOnlyAskedFor(t *testing.T) {
	s := newShelf(t)
	root := s.index(s.program("linux/amd64", "amd64").entry)
	e := verify.Executables{Cache: t.TempDir()}
	s.examined(root, e)
	s.asked, s.lost = map[digest.Digest]int{}, map[digest.Digest]error{}
	lost := s.layer("app", exetest.Program("amd64", "")).Digest
	s.lost[lost] = errdef.ErrNotFound
	if _, lines := s.examined(root, e); cmp.Diff([]string{"error missing linux/amd64"}, lines) != "" {
		t.Errorf("%q", lines)
	}
}

func TestALayerThatIsMissingIsOneFindingAndTheOtherImagesAreExamined(t *testing.T) {
	s := newShelf(t)
	amd := s.program("linux/amd64", "amd64")
	root := s.index(amd.entry, s.program("linux/riscv64", "arm64").entry)
	s.lost[amd.m.Layers[1].Digest] = errdef.ErrNotFound
	result, lines := s.examined(root, verify.Executables{})
	if diff := cmp.Diff([]string{"error missing linux/amd64", "error entrypoint-machine linux/riscv64"}, lines); diff != "" {
		t.Error(diff)
	}
	if result.Tally[0].Verdict != gate.NotExamined {
		t.Errorf("%+v", result.Tally)
	}
}

func TestAnUnreadableLayerIsAnErrorUnlessItIsMissing(t *testing.T) {
	s := newShelf(t)
	amd := s.program("linux/amd64", "amd64")
	root := s.index(amd.entry)
	busy := &manifest.Error{Kind: manifest.ErrUnreachable, Status: 503, Err: errors.New("busy")}
	s.lost[amd.m.Layers[1].Digest] = busy
	if _, err := verify.Run(t.Context(), verify.Request{Root: root, Source: s, Executables: &verify.Executables{}}); !errors.Is(err, manifest.ErrUnreachable) {
		t.Errorf("a busy registry: %v", err)
	}
	delete(s.lost, amd.m.Layers[1].Digest)
	cut := cutting{s, amd.m.Layers[1].Digest}
	if _, err := verify.Run(t.Context(), verify.Request{Root: root, Source: cut, Executables: &verify.Executables{}}); !errors.Is(err, errCut) {
		t.Errorf("a connection that breaks: %v", err)
	}
}

// cutting breaks off the read of a blob.
type cutting struct {
	*imageStore
	at digest.Digest
}

var errCut = errors.New("the connection broke")

func (c cutting) Fetch(ctx context.Context, desc ocispecs.Descriptor) (io.ReadCloser, error) {
	rc, err := c.imageStore.Fetch(ctx, desc)
	if err != nil || desc.Digest != c.at {
		return rc, err
	}
	return struct {
		io.Reader
		io.Closer
	}{io.MultiReader(io.LimitReader(rc, 600), broken{}), rc}, nil
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errCut }

func TestALayerOfElsewhereIsLeftAside(t *testing.T) {
	s := newShelf(t)
	root := s.index(s.image("windows/amd64", func(p *parts) {
		p.m.Layers = []ocispecs.Descriptor{{
			MediaType: ocispecs.MediaTypeImageLayerGzip, Digest: digest.FromString("foreign"), Size: 7, URLs: []string{"https://example.com"},
		}}
		p.config.RootFS.DiffIDs = p.config.RootFS.DiffIDs[:1]
	}).entry)
	if result, lines := s.examined(root, verify.Executables{}); !result.OK() || cmp.Diff([]string{"note layer-not-examined windows/amd64"}, lines) != "" {
		t.Errorf("%q", lines)
	}
}

func TestAnImageForNoPlatformIsNotExamined(t *testing.T) {
	s := newShelf(t)
	p := s.program("linux/amd64", "amd64")
	p.entry.Platform = &ocispecs.Platform{OS: "unknown", Architecture: "unknown"}
	read, err := tree.Read(t.Context(), s.index(p.entry), s)
	if err != nil {
		t.Fatal(err)
	}
	results, err := verify.Executables{}.Examine(t.Context(), read.Images, s)
	if err != nil || results[0].Verdict != gate.NotExamined || s.asked[p.m.Layers[1].Digest] > 0 {
		t.Errorf("%v: %+v", err, results)
	}
}

func TestARefusalNamesThePlatformAndHasAllFindings(t *testing.T) {
	s := newShelf(t)
	amd, arm := s.program("linux/amd64", "amd64"), s.program("linux/arm64", "amd64")
	read, err := tree.Read(t.Context(), s.index(amd.entry, arm.entry), s)
	if err != nil {
		t.Fatal(err)
	}
	results, err := verify.Executables{}.Examine(t.Context(), read.Images, s)
	if err != nil {
		t.Fatal(err)
	}
	refusal := verify.Refusal(results)
	refused, ok := errors.AsType[*gate.RefusedError](refusal)
	if !ok || len(refused.Findings) != 2 || !strings.HasPrefix(refusal.Error(), "linux/arm64: ") || !strings.Contains(refusal.Error(), `"/app" is for amd64`) {
		t.Errorf("%v: %+v", refusal, refused)
	}
	if err := verify.Refusal(results[:1]); err != nil {
		t.Errorf("the good one: %v", err)
	}
	s.lost[arm.m.Layers[1].Digest] = errdef.ErrNotFound
	if _, err := (verify.Executables{}).Examine(t.Context(), read.Images, s); !errors.Is(err, errdef.ErrNotFound) {
		t.Errorf("a layer that cannot be read: %v", err)
	}
}
