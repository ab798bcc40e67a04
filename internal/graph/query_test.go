package graph_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/client/llb"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/graph"
)

func TestRunsTellsWhereProgramsAreExecuted(t *testing.T) {
	alpine := func(p string) llb.State { return image(t, "alpine", p) }
	run := llb.Shlex("true")
	tests := map[string]struct {
		state llb.State
		want  []string
	}{
		"on the builder only, when it cross-compiles": {crossCompiled(t, "linux/arm64"), []string{"linux/amd64"}},
		"nowhere, for files on scratch":               {llb.Scratch().File(llb.Copy(llb.Local("context"), "a", "b")), nil},
		"nowhere, for files on a base image":          {alpine("linux/s390x").File(llb.Mkdir("/a", 0o755)), nil},
		"nowhere, for scratch":                        {llb.Scratch(), nil},
		"on the target, once for two steps":           {alpine("linux/arm64").Run(run).Run(llb.Shlex("false")).Root(), []string{"linux/arm64"}},
		"on several, in the canonical order": {
			alpine("linux/s390x").Run(run,
				llb.AddMount("/a", alpine("linux/arm/v7").Run(run).Root()),
				llb.AddMount("/b", alpine("linux/arm/v6").Run(run).Root()),
			).Root(),
			[]string{"linux/arm/v6", "linux/arm/v7", "linux/s390x"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, formatted(read(t, tt.state).Runs())); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestSharedCountsTheGraphsThatHaveAStep(t *testing.T) {
	arm64, s390x := read(t, crossCompiled(t, "linux/arm64")), read(t, crossCompiled(t, "linux/s390x"))
	shared := graph.Shared(arm64, s390x, graph.Graph{})
	got := map[string]int{}
	for _, s := range arm64.Steps {
		got[s.Name] = shared[s.Digest]
	}
	want := map[string]int{
		"[build 1/3] FROM golang:1.26":                      2,
		"[internal] load build context":                     2,
		"[build 2/3] COPY go.mod .":                         2,
		"[build 3/3] RUN go build -o /out/hello .":          1,
		"[stage-1 1/1] COPY --from=build /out/hello /hello": 1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestImagesAreNormalisedAndListedOnce(t *testing.T) {
	dgst := digest.FromString("index")
	from := func(names ...string) llb.State {
		var states []llb.State
		for _, name := range names {
			states = append(states, image(t, name, "linux/arm64").File(llb.Mkdir("/"+name, 0o755)))
		}
		return llb.Merge(states)
	}
	tests := map[string]struct {
		state llb.State
		want  []graph.ImageRef
	}{
		"a name as the frontend leaves it": {
			from("docker.io/library/alpine:3.20@" + dgst.String()),
			[]graph.ImageRef{{Name: "docker.io/library/alpine:3.20", Digest: dgst, Platform: parse(t, "linux/arm64")}},
		},
		"a name without a tag that is not resolved": {
			from("alpine"),
			[]graph.ImageRef{{Name: "docker.io/library/alpine:latest", Platform: parse(t, "linux/arm64")}},
		},
		"a digest without a tag": {
			from("ghcr.io/a/b@" + dgst.String()),
			[]graph.ImageRef{{Name: "ghcr.io/a/b", Digest: dgst, Platform: parse(t, "linux/arm64")}},
		},
		"a checksum beside the name": {
			llb.Image("ghcr.io/a/b:1", llb.WithImageChecksum(dgst), llb.Platform(parse(t, "linux/arm64"))),
			[]graph.ImageRef{{Name: "ghcr.io/a/b:1", Digest: dgst, Platform: parse(t, "linux/arm64")}},
		},
		"one image through two operations": {
			llb.Merge([]llb.State{image(t, "alpine:3", "linux/arm64"), image(t, "alpine:3", "linux/arm64", llb.WithLayerLimit(1))}),
			[]graph.ImageRef{{Name: "docker.io/library/alpine:3", Platform: parse(t, "linux/arm64")}},
		},
		"one name for two platforms": {
			llb.Merge([]llb.State{image(t, "alpine:3", "linux/arm64"), image(t, "alpine:3", "linux/amd64")}),
			[]graph.ImageRef{
				{Name: "docker.io/library/alpine:3", Platform: parse(t, "linux/arm64")},
				{Name: "docker.io/library/alpine:3", Platform: parse(t, "linux/amd64")},
			},
		},
		"none, of other sources": {
			llb.Merge([]llb.State{llb.Local("context"), llb.Git("https://github.com/a/b.git", ""), llb.OCILayout("a@" + dgst.String())}), nil,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, read(t, tt.state).Images()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestRemotesAreSourcesThatMayChangeBetweenPlatforms(t *testing.T) {
	sum := digest.FromString("content")
	commit := "0123456789012345678901234567890123456789"
	g := read(t, llb.Merge([]llb.State{
		image(t, "alpine", "linux/arm64"),
		llb.Local("context"),
		llb.HTTP("http://buildkit-session/upload1"),
		llb.HTTP("http://buildkit-session.example.com/a"),
		llb.HTTP("https://example.com/a"),
		llb.HTTP("https://example.com/b", llb.Checksum(sum)),
		llb.Git("https://github.com/a/b.git", "main:docs"),
		llb.Git("https://github.com/a/b.git", commit+":docs"),
		llb.Git("https://github.com/a/b.git", "v1", llb.GitChecksum(commit)),
	}))
	got := map[string]bool{}
	for _, s := range g.Remotes() {
		got[s.Source] = s.Pinned()
	}
	want := map[string]bool{
		"http://buildkit-session.example.com/a":        false,
		"https://example.com/a":                        false,
		"https://example.com/b":                        true,
		"git://github.com/a/b.git#main:docs":           false,
		"git://github.com/a/b.git#" + commit + ":docs": true,
		"git://github.com/a/b.git#v1":                  true,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if n := len(g.Sources()); n != 9 {
		t.Errorf("%d sources, want 9", n)
	}
}

func TestPinnedSources(t *testing.T) {
	dgst := digest.FromString("index").String()
	for name, tt := range map[string]struct {
		state llb.State
		want  bool
	}{
		"an image by tag":       {image(t, "alpine:3", "linux/arm64"), false},
		"an image by digest":    {image(t, "alpine:3@"+dgst, "linux/arm64"), true},
		"a layout by digest":    {llb.OCILayout("a@" + dgst), true},
		"the context":           {llb.Local("context"), false},
		"a step with no source": {image(t, "alpine@"+dgst, "linux/arm64").Run(llb.Shlex("true")).Root(), false},
	} {
		g := read(t, tt.state)
		if got := g.Steps[len(g.Steps)-1].Pinned(); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestChainGoesFromTheBaseToTheResult(t *testing.T) {
	base := llb.Image("base", llb.WithCustomName("FROM base"))
	tool := llb.Image("tool", llb.WithCustomName("FROM tool"))
	context := llb.Local("context", llb.WithCustomName("context"))
	link := func(to llb.State, name string) llb.State {
		return llb.Merge([]llb.State{to, llb.Scratch().File(llb.Copy(context, name, "/"))}, llb.WithCustomName("COPY --link "+name))
	}
	tests := map[string]struct {
		state llb.State
		want  []string
	}{
		"nothing":     {llb.Scratch(), nil},
		"only a base": {base, []string{"FROM base"}},
		"from scratch, whatever is copied": {
			llb.Scratch().File(llb.Copy(tool, "a", "/").Copy(context, "b", "/"), llb.WithCustomName("COPY a b")), []string{"COPY a b"},
		},
		"through a program that sees another image": {
			base.Run(llb.Shlex("make"), llb.AddMount("/tool", tool), llb.WithCustomName("RUN make")).Root().
				File(llb.Copy(tool, "a", "/"), llb.WithCustomName("COPY a")),
			[]string{"FROM base", "RUN make", "COPY a"},
		},
		"through links": {link(link(base, "a"), "b"), []string{"FROM base", "COPY --link a", "COPY --link b"}},
		"links on nothing": {
			link(link(llb.Scratch().File(llb.Mkdir("/d", 0o755), llb.WithCustomName("WORKDIR /d")), "a"), "b"),
			[]string{"WORKDIR /d", "COPY --link a", "COPY --link b"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, s := range read(t, tt.state).Chain() {
				got = append(got, s.Name)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestBaseImagesFollowTheRootsOfSteps(t *testing.T) {
	base, tool := llb.Image("base", llb.WithCustomName("FROM base")), llb.Image("tool", llb.WithCustomName("FROM tool"))
	made := tool.Run(llb.Shlex("make"), llb.WithCustomName("RUN make")).Root()
	g := read(t, base.File(llb.Copy(made, "a", "/"), llb.WithCustomName("COPY a")))
	names := map[digest.Digest]string{}
	for _, s := range g.Steps {
		names[s.Digest] = s.Name
	}
	got := map[string]string{}
	for step, base := range g.Bases() {
		got[names[step]] = names[base]
	}
	want := map[string]string{"FROM base": "FROM base", "FROM tool": "FROM tool", "RUN make": "FROM tool", "COPY a": "FROM base"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
