package graph_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/graph"
)

func image(t *testing.T, name, p string, opts ...llb.ImageOption) llb.State {
	t.Helper()
	return llb.Image(name, append(opts, llb.Platform(parse(t, p)))...)
}

// crossCompiled returns the state of a Dockerfile that compiles on the builder, linux/amd64.
func crossCompiled(t *testing.T, target string) llb.State {
	t.Helper()
	sources := llb.NewSourceMap(nil, "Dockerfile", "Dockerfile", nil)
	line := func(n int32) llb.ConstraintsOpt {
		return sources.Location([]*pb.Range{{Start: &pb.Position{Line: n}, End: &pb.Position{Line: n}}})
	}
	files := llb.Local("context", llb.SessionID("s1"), llb.WithCustomName("[internal] load build context"))
	named := llb.WithCustomName
	base := llb.Image("docker.io/library/golang:1.26", llb.Platform(parse(t, "linux/amd64")), named("[build 1/3] FROM golang:1.26"), line(1))
	src := base.File(llb.Copy(files, "go.mod", "/src/"), named("[build 2/3] COPY go.mod ."), line(2))
	compile := llb.Shlex("go build -o /out/hello .")
	build := src.Run(compile, llb.AddEnv("TARGETPLATFORM", target), named("[build 3/3] RUN go build -o /out/hello ."), line(4)).Root()
	return llb.Scratch().File(llb.Copy(build, "/out/hello", "/hello"), named("[stage-1 1/1] COPY --from=build /out/hello /hello"), line(7))
}

func TestReadGivesEachStepAfterItsInputsAndOnce(t *testing.T) {
	base := image(t, "alpine", "linux/arm64")
	a := base.Run(llb.Shlex("a")).Root()
	b := base.Run(llb.Shlex("b")).Root()
	g := read(t, llb.Merge([]llb.State{a, b, llb.Diff(base, a)}))
	seen := map[digest.Digest]bool{}
	for _, s := range g.Steps {
		if seen[s.Digest] {
			t.Errorf("%s is there twice", s.Name)
		}
		seen[s.Digest] = true
		for _, in := range s.Inputs {
			if !seen[in] {
				t.Errorf("%s is before its input %s", s.Name, in)
			}
		}
	}
	var kinds []graph.Kind
	for _, s := range g.Steps {
		kinds = append(kinds, s.Kind)
	}
	want := []graph.Kind{graph.Source, graph.Exec, graph.Exec, graph.Diff, graph.Merge}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestReadTakesDigestsOfTheOperations(t *testing.T) {
	def, err := crossCompiled(t, "linux/arm64").Marshal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	g, err := graph.Read(def)
	if err != nil {
		t.Fatal(err)
	}
	var want, got []digest.Digest
	for _, dt := range def.Def[:len(def.Def)-1] {
		want = append(want, digest.FromBytes(dt))
	}
	for _, s := range g.Steps {
		got = append(got, s.Digest)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestReadSortsADefinitionInAnyOrder(t *testing.T) {
	def, err := crossCompiled(t, "linux/arm64").Marshal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want, err := graph.Read(def)
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(def.Def[:len(def.Def)-1])
	got, err := graph.Read(def)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestReadOfNoDefinitionIsNoSteps(t *testing.T) {
	for name, def := range map[string]*llb.Definition{"nil": nil, "empty": {}} {
		if g, err := graph.Read(def); err != nil || len(g.Steps) != 0 {
			t.Errorf("%s: %v, %v", name, g, err)
		}
	}
}

func TestReadRefusesADamagedDefinition(t *testing.T) {
	tests := map[string]struct {
		damage func(*llb.Definition)
		want   string
	}{
		"bytes that are no operation": {
			func(d *llb.Definition) { d.Def[0] = []byte("\xff") },
			"read operation 0 of the build graph: unexpected EOF",
		},
		"no end": {
			func(d *llb.Definition) { d.Def = d.Def[:len(d.Def)-1] },
			"read the build graph: it does not end in a result",
		},
		"a missing input": {
			func(d *llb.Definition) { d.Def = d.Def[1:] },
			"read the build graph: operation sha256:",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			def, err := image(t, "alpine", "linux/arm64").Run(llb.Shlex("true")).Root().Marshal(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			tt.damage(def)
			_, err = graph.Read(def)
			if err == nil || len(err.Error()) < len(tt.want) || err.Error()[:len(tt.want)] != tt.want {
				t.Errorf("got  %v\nwant %s…", err, tt.want)
			}
		})
	}
}

func TestAnExecHasItsArgumentsMountsAndNetwork(t *testing.T) {
	st := image(t, "alpine", "linux/arm/v7").Dir("/src").AddEnv("A", "b").Run(
		llb.Args([]string{"/bin/sh", "-c", "make\nmake install"}),
		llb.AddMount("/root/.cache", llb.Scratch(), llb.AsPersistentCacheDir("gomod", llb.CacheMountShared)),
		llb.AddMount("/in", llb.Local("context"), llb.Readonly),
		llb.AddMount("/tmp", llb.Scratch(), llb.Tmpfs()),
		llb.AddSecret("/run/secrets/token", llb.SecretID("token")),
		llb.AddSecretWithDest("key", nil, llb.SecretAsEnvName("KEY")),
		llb.AddSSHSocket(llb.SSHID("default"), llb.SSHSocketTarget("/ssh")),
		llb.Network(llb.NetModeNone),
		llb.IgnoreCache,
	).Root()
	g := read(t, st)
	got := g.Steps[len(g.Steps)-1]
	got.Digest, got.Layer, got.Inputs, got.Root, got.InputPaths = "", "", nil, "", nil
	want := graph.Step{
		Kind:     graph.Exec,
		Name:     "RUN make…",
		Platform: parse(t, "linux/arm/v7"),
		Args:     []string{"/bin/sh", "-c", "make\nmake install"},
		Cwd:      "/src",
		Env:      []string{"A=b", "SSH_AUTH_SOCK=/ssh"},
		Mounts: []graph.Mount{
			{Type: "bind", Dest: "/in"},
			{Type: "cache", Dest: "/root/.cache", ID: "gomod"},
			{Type: "tmpfs", Dest: "/tmp"},
			{Type: "secret", Dest: "/run/secrets/token", ID: "token"},
			{Type: "ssh", Dest: "/ssh", ID: "default"},
			{Type: "secret", ID: "key"},
		},
		Network:     pb.NetMode_NONE,
		IgnoreCache: true,
	}
	slices.Sort(got.Env)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAStepSaysWhereItWasWritten(t *testing.T) {
	g := read(t, crossCompiled(t, "linux/arm64"))
	run := step(t, g, "[build 3/3] RUN go build -o /out/hello .")
	if run.File != "Dockerfile" || run.Line != 4 || run.Stage != "build" {
		t.Errorf("%s:%d in stage %q", run.File, run.Line, run.Stage)
	}
	files := step(t, g, "[internal] load build context")
	if files.File != "" || files.Line != 0 || files.Stage != "" {
		t.Errorf("the context is from %s:%d in stage %q", files.File, files.Line, files.Stage)
	}
}

func TestStagesAreReadFromTheNamesOfTheFrontend(t *testing.T) {
	for name, want := range map[string]string{
		"[build 2/4] RUN make":                          "build",
		"[build  2/14] RUN make":                        "build",
		"[linux/arm64 build 2/4] RUN make":              "build",
		"[linux/amd64->arm64 build 2/4] RUN make":       "build",
		"[linux/arm/v7 2/4] RUN make":                   "",
		"[2/4] RUN make":                                "",
		"[stage-1 1/1] ONBUILD COPY a b":                "stage-1",
		"[internal] load build context":                 "",
		"[context docs] load from local":                "",
		"[build x/y] RUN make":                          "",
		"[build 2/4]":                                   "",
		"RUN [ a = b ] && build 1/2] x":                 "",
		"[build 3/4] RUN test [ 1/2 ] && [other 1/2] x": "build",
	} {
		g := read(t, image(t, "alpine", "linux/arm64").Run(llb.Shlex("true"), llb.WithCustomName(name)).Root())
		if got := step(t, g, name).Stage; got != want {
			t.Errorf("%q: stage %q, want %q", name, got, want)
		}
	}
}

func TestStepsWithoutANameAreNamedAfterTheirOperation(t *testing.T) {
	base := image(t, "docker.io/library/alpine:3", "linux/arm64")
	for want, st := range map[string]llb.State{
		"docker-image://docker.io/library/alpine:3": base,
		"RUN ls -l":                      base.Run(llb.Args([]string{"ls", "-l"})).Root(),
		"RUN ls -l | wc":                 base.Run(llb.Args([]string{"/bin/sh", "-c", "ls -l | wc"})).Root(),
		"COPY /a /b, mkdir /c":           base.File(llb.Copy(base, "a", "b").Mkdir("/c", 0o755)),
		"mkfile /a, rm /b":               base.File(llb.Mkfile("/a", 0o644, nil).Rm("/b")),
		"symlink /new -> /old":           base.File(llb.Symlink("/old", "/new")),
		"merge":                          llb.Merge([]llb.State{base, llb.Scratch().File(llb.Mkdir("/c", 0o755))}),
		"diff":                           llb.Diff(base, base.File(llb.Mkdir("/c", 0o755))),
		"git://github.com/a/b.git#v1":    llb.Git("https://github.com/a/b.git", "v1"),
		"https://example.com/a/file.tar": llb.HTTP("https://example.com/a/file.tar"),
	} {
		g := read(t, st)
		if got := g.Steps[len(g.Steps)-1].Name; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
