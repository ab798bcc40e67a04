package solve

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/client"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/buildkittest"
	"github.com/docker-multiarch/docker-multiarch/internal/source"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

func TestTheFrontendRunsOnceForAllPlatformsThatDifferByNothingElse(t *testing.T) {
	const branches = "FROM alpine AS of-amd64\nRUN echo 1\nFROM busybox AS of-arm64\nRUN echo 2\nFROM alpine AS of-arm\nRUN echo 3\nFROM of-$TARGETARCH\n"
	for name, tt := range map[string]struct {
		change func(*harness)
		runs   int
	}{
		"alike": {func(*harness) {}, 1},
		"of the same lines": {func(w *harness) {
			w.dockerfile("FROM --platform=$BUILDPLATFORM alpine AS b\nRUN echo\nFROM alpine\nCOPY --from=b /x /\n")
		}, 1},
		"of other lines": {func(w *harness) { w.dockerfile(branches) }, 3}, // the frontend warns about the first platform's only
		"FROM scratch":   {func(w *harness) { w.dockerfile("FROM scratch\n") }, 1},
		"one with values of its own": {func(w *harness) {
			w.req.Own = map[string]Own{"linux/arm64": {BuildArgs: map[string]string{"X": "1"}}}
		}, 2},
		"each with values of its own": {func(w *harness) {
			w.req.Own = map[string]Own{"linux/arm64": {Target: "base"}, "linux/amd64": {BuildArgs: map[string]string{"X": "1"}}}
			w.dockerfile("FROM alpine AS base\nRUN true\nFROM base\n")
		}, 3},
		"attested": {func(w *harness) { w.req.Attests = map[string]string{"provenance": "type=provenance"} }, 6}, // and pushed alone
		"one that fails": {func(w *harness) {
			w.Read = failing("boom", "linux/arm64")
			w.req.AllowPartial = []platform.Platform{arm64}
		}, 4},
	} {
		t.Run(name, func(t *testing.T) {
			w := newHarness(t, runsForTheTarget)
			tt.change(w)
			_, _ = w.run()
			if n := w.Runs(); n != tt.runs {
				t.Errorf("it ran %d times, want %d", n, tt.runs)
			}
			leftNothing(t)
		})
	}
}

// dockerfile replaces the Dockerfile of the request.
func (w *harness) dockerfile(text string) {
	w.t.Helper()
	dir := w.t.TempDir()
	write(w.t, dir, "Dockerfile", text)
	w.source(source.Options{Context: dir})
}

func TestACommonReadingIsThatOfEachPlatform(t *testing.T) {
	w := newHarness(t, "")
	w.source(source.Options{Context: "https://example.com/app.git#main"}) // no session is needed to read it
	w.Files["git://example.com/app.git#main"] = "FROM --platform=$BUILDPLATFORM golang AS build\nARG TARGETARCH\nRUN echo $TARGETARCH\n" +
		"FROM alpine\nCOPY --from=build /x /\nCOPY --link hello /\nRUN echo hello\nLABEL a=b\n"
	j := job{nodeRun: &nodeRun{task: task{req: w.req, env: w.env, targets: w.req.Platforms}, node: w.env.Nodes[0], fleet: &fleet{}, ahead: &sync.Once{}}}
	buildkittest.Call(t, w.Builder, func(ctx context.Context, gw gateway.Client) {
		together := j.readAll(ctx, gw, w.req.Platforms)
		for _, j.target = range w.req.Platforms {
			got, ok := together[platform.Format(j.target)]
			want, err := j.readAlone(ctx, gw, j.attrs())
			if !ok || err != nil {
				t.Fatalf("%s is missing: %v", platform.Format(j.target), err)
			}
			if got, err = got.in(ctx, gw); err != nil {
				t.Fatal(err)
			}
			for _, diff := range []string{
				cmp.Diff(want.result.Metadata, got.result.Metadata), cmp.Diff(want.graph, got.graph), cmp.Diff(want.base, got.base),
				cmp.Diff(want.configPlatform, got.configPlatform), cmp.Diff(descriptions(want), descriptions(got)),
			} {
				if diff != "" {
					t.Errorf("%s (-alone +together):\n%s", platform.Format(j.target), diff)
				}
			}
		}
	})
}

// descriptions returns what a definition says about its operations; the IDs of groups are random.
func descriptions(r reading) map[digest.Digest][]string {
	all := map[digest.Digest][]string{}
	for d, meta := range r.def.Metadata {
		for key, value := range meta.Description {
			all[d] = append(all[d], key+"="+value)
		}
		all[d] = append(slices.Sorted(slices.Values(all[d])), meta.ProgressGroup.GetName())
	}
	return all
}

func TestTheOthersReadAloneWhereTheFirstIsStopped(t *testing.T) {
	w := newHarness(t, runsForTheTarget)
	var once sync.Once
	w.Read = func(context.Context, platform.Platform) (err error) {
		once.Do(func() { err = errors.New("boom") })
		return err
	}
	w.mustRun()
	if n := w.Runs(); n != 4 {
		t.Errorf("the frontend ran %d times", n)
	}
}

func TestLookupsOfACommonReadingAreTheirPlatforms(t *testing.T) {
	const load, relocated = "[internal] load metadata for alpine", "[linux/amd64->arm64 build 2/4] RUN go build"
	vertex := func(d digest.Digest, name, err string) *client.Vertex {
		return &client.Vertex{Digest: d, Name: name, Error: err}
	}
	l := lookups{[]platform.Platform{amd64, arm64}, map[digest.Digest]int{}}
	parts := func(msg *client.SolveStatus) map[string][]string {
		all := map[string][]string{}
		taken := l.take(msg)
		for name, part := range map[string]*client.SolveStatus{"own": msg, "amd64": taken[0], "arm64": taken[1]} {
			if part == nil {
				continue
			}
			for _, v := range part.Vertexes {
				all[name] = append(all[name], v.Name+v.Error)
			}
			for _, v := range part.Statuses {
				all[name] = append(all[name], v.ID)
			}
		}
		return all
	}
	got := parts(&client.SolveStatus{
		Vertexes: []*client.Vertex{
			vertex("1", "[linux/amd64 internal] load metadata for alpine", ""), vertex("2", "[linux/arm64 internal] load metadata for alpine", ""),
			vertex("3", "[linux/s390x internal] load metadata for alpine", ""), vertex("4", relocated, ""), vertex("5", "[linux/amd64 internal] load metadata for x", "boom"),
		},
		Statuses: []*client.VertexStatus{{Vertex: "2", ID: "resolve"}, {Vertex: "4", ID: "runs"}},
	})
	want := map[string][]string{"own": {load, relocated, "runs"}, "amd64": {load, "[internal] load metadata for xcontext canceled"}, "arm64": {load, "resolve"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	got = parts(&client.SolveStatus{Vertexes: []*client.Vertex{vertex("2", load, "boom")}}) // read alone
	if diff := cmp.Diff(map[string][]string{"own": {load + "boom"}}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
