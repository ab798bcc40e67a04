package graph_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/client/llb"

	"github.com/docker-multiarch/docker-multiarch/internal/graph"
)

// taken names the inputs of what a step takes.
func taken(t *testing.T, g graph.Graph, s graph.Step) map[string][]string {
	t.Helper()
	got := map[string][]string{}
	for _, take := range s.InputPaths {
		for _, in := range g.Steps {
			if in.Digest == take.Input {
				got[in.Name] = append(got[in.Name], take.Path)
			}
		}
	}
	return got
}

func TestStepsOfADockerfileHaveInputPaths(t *testing.T) {
	g := fromDockerfile(t, `FROM golang AS build
RUN --mount=type=cache,target=/root/.cache --mount=type=bind,source=src,target=/src --mount=from=tools,source=bin,target=/tools make
FROM scratch
COPY --from=build /out/a* out/b /bin/
COPY --from=build --link /etc /etc
ADD . /src
WORKDIR /x
`, "linux/arm64")
	from := func(name string) string { return "FROM docker.io/library/" + name + ":latest@" + baseDigest.String() }
	run := "[build 2/2] RUN --mount=type=cache,target=/root/.cache --mount=type=bind,source=src,target=/src --mount=from=tools,source=bin,target=/tools make"
	link := "[stage-1 2/4] COPY --from=build --link /etc /etc"
	got := map[string]map[string][]string{}
	for _, s := range g.Steps {
		if takes := taken(t, g, s); len(takes) > 0 {
			got[s.Name] = takes
		}
	}
	want := map[string]map[string][]string{
		run: {"local://context": {"/src"}, from("tools"): {"/bin"}},
		"[stage-1 1/4] COPY --from=build /out/a* out/b /bin/": {run: {"/out/a*", "/out/b"}},
		link: {run: {"/etc"}},
		"[stage-1 2/4] LINK COPY --from=build --link /etc /etc": {link: {"/"}},
		"[stage-1 3/4] ADD . /src":                              {"local://context": {"/"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestInputPathsHaveDestinations(t *testing.T) {
	g := fromDockerfile(t, "FROM golang\nWORKDIR /w\nRUN --mount=from=x,target=/m true\nCOPY --from=x /a /b c/\nCOPY --link --from=x /a /usr/d\n", "linux/arm64")
	var got []string
	for _, s := range g.Steps {
		for _, take := range s.InputPaths {
			got = append(got, take.Path+" to "+take.Dest)
		}
	}
	if diff := cmp.Diff([]string{"/ to /m", "/a to /w/c", "/b to /w/c", "/a to /usr/d", "/ to /"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestUnknownOperationsMayUseAllOfTheirInputs(t *testing.T) {
	base, other := image(t, "alpine", "linux/arm64"), image(t, "debian", "linux/arm64")
	a := llb.Mkdir("/a", 0o755)
	for name, tt := range map[string]struct {
		state llb.State
		want  map[string][]string
	}{
		"a layer":      {llb.Merge([]llb.State{base, other}), map[string][]string{"docker-image://docker.io/library/debian:latest": {"/"}}},
		"a difference": {llb.Diff(base, other), map[string][]string{"docker-image://docker.io/library/alpine:latest": {"/"}, "docker-image://docker.io/library/debian:latest": {"/"}}},
		"of the action before it": {
			base.File(llb.Copy(llb.Mkfile("/f", 0o644, nil).WithState(other), "/f", "/g")), map[string][]string{"docker-image://docker.io/library/debian:latest": {"/"}},
		},
		"of itself":     {base.File(a).File(llb.Copy(base.File(a), "/a", "/b")), map[string][]string{"mkdir /a": {"/a"}}},
		"a user's name": {base.File(llb.Copy(llb.Local("context"), "/x", "/y", llb.WithUser("app"))), map[string][]string{"local://context": {"/x"}}},
	} {
		g := read(t, tt.state)
		if diff := cmp.Diff(tt.want, taken(t, g, g.Steps[len(g.Steps)-1])); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
