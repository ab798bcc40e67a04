package solve

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/internal/failure"
	"github.com/docker-multiarch/docker-multiarch/internal/sink"
)

func TestAttestationsStandBehindAllImagesAndWereSentAfterTheImageThatTheyAreAbout(t *testing.T) {
	w := newHarness(t, copiesOnly)
	w.req.Attests = map[string]string{"provenance": "type=provenance,mode=max"}
	rep := w.mustRun()
	index, _ := w.index("app:v1")
	var order []string
	for _, m := range index.Manifests {
		order = append(order, m.Platform.Architecture)
	}
	if diff := cmp.Diff([]string{"amd64", "arm", "arm64", "unknown", "unknown", "unknown"}, order); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	var puts []string
	for _, r := range w.faults.Requests() {
		if r.Method == "PUT" {
			puts = append(puts, r.Path)
		}
	}
	at := func(suffix string) int {
		return slices.IndexFunc(puts, func(path string) bool { return strings.HasSuffix(path, "/manifests/"+suffix) })
	}
	for i, p := range rep.Platforms {
		about := index.Manifests[3+i]
		if about.Annotations["vnd.docker.reference.digest"] != p.Manifest.Digest.String() || p.Attestations[0].Digest != about.Digest {
			t.Errorf("%s: %v, and the report has %v", p.Manifest.Digest, about, p.Attestations)
		}
		if image, attestation := at(p.Manifest.Digest.String()), at(about.Digest.String()); image < 0 || attestation < image || at("v1") < attestation {
			t.Errorf("sent in the order %q", puts)
		}
	}
	// Each platform has two solves: one with attestations, and one that pushes the image alone.
	for _, solves := range w.byPlatform() {
		if len(solves) != 2 || solves[0].Opt.FrontendAttrs["attest:provenance"] == "" || solves[1].Opt.FrontendAttrs["attest:provenance"] != "" {
			t.Errorf("%d solves", len(solves))
		}
	}
}

func TestAnAttestedImageOfOnePlatformIsAnIndex(t *testing.T) {
	w := newHarness(t, copiesOnly)
	w.platforms("linux/arm64")
	w.req.Attests = map[string]string{"sbom": "type=sbom"}
	w.mustRun()
	if index, _ := w.index("app:v1"); len(index.Manifests) != 2 {
		t.Errorf("got %+v", index)
	}
}

func TestTheStepsOfAnAttestedBuildRunOnceAlsoWithoutTheCache(t *testing.T) {
	w := newHarness(t, crossCompiles)
	w.req.Attests, w.req.NoCache = map[string]string{"provenance": "type=provenance"}, true
	w.mustRun()
	if n := w.Ran("RUN echo generate"); n != 1 {
		t.Errorf("it ran %d times", n)
	}
	for _, solves := range w.byPlatform() {
		if _, ok := solves[1].Opt.FrontendAttrs["no-cache"]; ok {
			t.Error("the second solve would run the steps again")
		}
	}
}

func TestAScannerThatCannotBeHadIsNamed(t *testing.T) {
	r := Request{Delivery: sink.Delivery{Attests: map[string]string{"sbom": "type=sbom,generator=example.com/scan:1"}}}
	err := failure.Scanner(r.Scanner(), errors.New("failed to solve: failed to resolve source metadata for example.com/scan:1: not found"))
	if scanner, ok := errors.AsType[*failure.ScannerError](err); !ok || scanner.Image != "example.com/scan:1" {
		t.Errorf("got %v", err)
	}
	base := errors.New("failed to solve: failed to resolve source metadata for example.com/base:1: not found")
	if err := failure.Scanner(r.Scanner(), base); !errors.Is(err, base) || errors.As(err, new(*failure.ScannerError)) {
		t.Errorf("got %v", err)
	}
	if got := (Request{Delivery: sink.Delivery{Attests: map[string]string{"sbom": "type=sbom"}}}).Scanner(); got != "docker/buildkit-syft-scanner:stable-1" {
		t.Errorf("got %q", got)
	}
}
