package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/util/progress/progressui"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/build"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

const (
	amd64, arm64 = "linux/amd64", "linux/arm64"
	sharedStep   = digest.Digest("sha256:shared")
	ownStep      = digest.Digest("sha256:own") // "exporting to image" has the same digest in every solve
	loadStep     = digest.Digest("sha256:load")
)

func vertex(d digest.Digest, name string) *client.Vertex {
	return &client.Vertex{Digest: d, Name: name, Inputs: []digest.Digest{sharedStep, ownStep}}
}

func newRelabelling() *progress {
	p := &progress{owners: map[digest.Digest]string{}, names: map[digest.Digest]string{}, ended: map[digest.Digest]bool{}}
	p.Cleared(build.Plan{Shared: map[digest.Digest]int{sharedStep: 2, ownStep: 1}})
	return p
}

// relabelled are the names of the steps that a platform's message still has after relabelling.
func (p *progress) relabelled(platform string, vs ...*client.Vertex) (names []string) {
	for _, v := range p.relabel(platform, &client.SolveStatus{Vertexes: vs}).Vertexes {
		names = append(names, v.Name)
	}
	return names
}

func TestEachStepSaysItsPlatformAndSharedOnesAreShownOnce(t *testing.T) {
	p := newRelabelling()
	messages := []*client.Vertex{
		vertex(sharedStep, "[build 2/4] RUN make"), vertex(ownStep, "exporting to image"), vertex(loadStep, "[internal] load build context"),
	}
	first := p.relabelled(amd64, messages...)
	second := p.relabelled(arm64, messages...)
	if diff := cmp.Diff([]string{"[shared build 2/4] RUN make", "[linux/amd64] exporting to image", "[shared internal] load build context"}, first); diff != "" {
		t.Errorf("the first (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"[linux/arm64] exporting to image"}, second); diff != "" {
		t.Errorf("the second (-want +got):\n%s", diff)
	}
}

func TestStepsOfPlatformsDoNotMixAndTheirInputsFollow(t *testing.T) {
	p := newRelabelling()
	a := p.relabel(amd64, &client.SolveStatus{
		Vertexes: []*client.Vertex{vertex(ownStep, "x")}, Logs: []*client.VertexLog{{Vertex: ownStep}},
		Statuses: []*client.VertexStatus{{Vertex: ownStep}}, Warnings: []*client.VertexWarning{{Vertex: ownStep}},
	})
	b := p.relabel(arm64, &client.SolveStatus{Vertexes: []*client.Vertex{vertex(ownStep, "x")}})
	own := a.Vertexes[0].Digest
	if own == b.Vertexes[0].Digest || a.Logs[0].Vertex != own || a.Statuses[0].Vertex != own || a.Warnings[0].Vertex != own {
		t.Errorf("%+v and %+v", a.Vertexes[0], b.Vertexes[0])
	}
	if diff := cmp.Diff([]digest.Digest{sharedStep, own}, a.Vertexes[0].Inputs); diff != "" {
		t.Errorf("inputs (-want +got):\n%s", diff)
	}
}

func TestOnlyTheFirstWhoSpeaksOfASharedStepIsHeardUntilItsSolveEnds(t *testing.T) {
	p := newRelabelling()
	logs := func(platform string) int {
		return len(p.relabel(platform, &client.SolveStatus{Logs: []*client.VertexLog{{Vertex: sharedStep, Data: []byte("x")}}}).Logs)
	}
	p.relabelled(amd64, vertex(sharedStep, "[1/2] RUN make"))
	if logs(amd64) != 1 || logs(arm64) != 0 {
		t.Error("not only the first is heard")
	}
	p.passTheWord(amd64) // its solve was cancelled, the step goes on
	if logs(arm64) != 1 {
		t.Error("nobody speaks for the step")
	}
	now := time.Now()
	done := vertex(sharedStep, "[1/2] RUN make")
	done.Completed = &now
	p.relabelled(arm64, done)
	p.passTheWord(arm64)
	if n := len(p.relabelled(amd64, done)); n != 0 {
		t.Error("a step that has ended is shown again")
	}
}

func TestRelabellingDoesNotWriteToItsInput(t *testing.T) {
	p := newRelabelling()
	v := vertex(ownStep, "[2/2] RUN make")
	p.relabelled(amd64, v)
	if diff := cmp.Diff(vertex(ownStep, "[2/2] RUN make"), v); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWhatIsSaidAfterTheEndIsNotHeard(t *testing.T) {
	var out buffer
	p, err := newProgress(t.Context(), &out, progressui.PlainMode, "building")
	if err != nil {
		t.Fatal(err)
	}
	p.Note("early")
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	p.Note("late")
	p.Status(platform.Platform{OS: "linux", Architecture: "amd64"}, &client.SolveStatus{})
	if !strings.Contains(out.String(), "early") || strings.Contains(out.String(), "late") {
		t.Errorf("%q", out.String())
	}
}

func TestPlainProgressNamesThePlatformOfEveryStep(t *testing.T) {
	s := newStage(t)
	s.write("Dockerfile", "FROM --platform=$BUILDPLATFORM golang AS b\nRUN echo generate\nFROM alpine\nCOPY --from=b /x /\nRUN echo hello\n")
	if status := s.run("build", "--push", "--progress", "plain", "-t", "HOST/app", "--platform", three, "."); status != 0 {
		t.Fatalf("status %d:\n%s", status, s.err.String())
	}
	text := s.err.String()
	contains(t, text, "[shared b 2/2] RUN echo generate", "[linux/arm64 stage-1 3/3] RUN echo hello", "[linux/arm/v7 stage-1 3/3] RUN echo hello")
	if n := strings.Count(text, "RUN echo generate"); n != 1 {
		t.Errorf("the shared step is shown %d times:\n%s", n, text)
	}
	if n := strings.Count(text, "RUN echo hello"); n != 3 {
		t.Errorf("the platforms' steps are shown %d times:\n%s", n, text)
	}
}
