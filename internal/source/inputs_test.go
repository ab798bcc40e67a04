package source

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/frontend/dockerui"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	gatewaypb "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/solver/pb"
	fstypes "github.com/tonistiigi/fsutil/types"

	"github.com/docker-multiarch/docker-multiarch/internal/buildkittest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

var arm64 = platform.Platform{OS: "linux", Architecture: "arm64"}

// given is a BuildKit that gives a frontend its inputs, and nothing of the session.
type given struct {
	recorder
	inputs map[string]*pb.Definition
}

func (g *given) Inputs(context.Context) (map[string]llb.State, error) {
	return buildkittest.States(g.inputs)
}

// Solve returns a reference to the files that the definition makes.
func (g *given) Solve(_ context.Context, req gateway.SolveRequest) (*gateway.Result, error) {
	made := files{}
	for _, dt := range req.Definition.Def {
		var op pb.Op
		if err := op.UnmarshalVT(dt); err != nil {
			return nil, err
		}
		if op.GetSource() != nil {
			return nil, errors.New("the session is asked for " + op.GetSource().Identifier)
		}
		for _, action := range op.GetFile().GetActions() {
			made[strings.TrimPrefix(action.GetMkfile().Path, "/")] = action.GetMkfile().Data
		}
	}
	res := gateway.NewResult()
	res.SetRef(madeFiles{files: made})
	return res, nil
}

type files map[string][]byte

type madeFiles struct {
	gateway.Reference
	files files
}

func (r madeFiles) StatFile(_ context.Context, req gateway.StatRequest) (*fstypes.Stat, error) {
	data, ok := r.files[req.Path]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return &fstypes.Stat{Path: req.Path, Size: int64(len(data))}, nil
}

func (r madeFiles) ReadFile(_ context.Context, req gateway.ReadRequest) ([]byte, error) {
	data, ok := r.files[req.Filename]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return data, nil
}

// asFrontend returns what BuildKit's frontend reads from the inputs of a source.
func asFrontend(t *testing.T, s Source) (text string, ignored []string) {
	t.Helper()
	attrs := s.FrontendAttrs(arm64)
	inputs := s.Inputs(t.Context(), arm64, attrs)
	g := &given{recorder{opts: gateway.BuildOpts{
		Opts: attrs, Caps: gatewaypb.Caps.CapSet(gatewaypb.Caps.All()), LLBCaps: pb.Caps.CapSet(pb.Caps.All()),
	}}, inputs}
	frontend, err := dockerui.NewClient(g)
	if err != nil {
		t.Fatal(err)
	}
	read, err := frontend.ReadEntrypoint(t.Context(), "Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	if ignored, err = frontend.DockerIgnorePatterns(t.Context()); err != nil {
		t.Fatal(err)
	}
	return string(read.Data), ignored
}

func TestAFrontendReadsTheDockerfileAndItsIgnoreFileFromInputs(t *testing.T) {
	const own, text = "FROM scratch\n# own\n", "FROM scratch\n"
	for name, tt := range map[string]struct {
		files   map[string]string
		opt     Options
		text    string
		ignored []string
	}{
		"the context's":         {map[string]string{"Dockerfile": text, ".dockerignore": "*.log\n"}, Options{}, text, []string{"*.log"}},
		"without ignore file":   {map[string]string{"Dockerfile": text}, Options{}, text, nil},
		"an empty ignore file":  {map[string]string{"Dockerfile": text, ".dockerignore": ""}, Options{}, text, nil},
		"the lower-case name":   {map[string]string{"dockerfile": text, ".dockerignore": "a"}, Options{}, text, []string{"a"}},
		"an empty Dockerfile":   {map[string]string{"Dockerfile": ""}, Options{}, "", nil},
		"another name":          {map[string]string{"sub/app.Dockerfile": text, ".dockerignore": "a"}, Options{Dockerfile: "sub/app.Dockerfile"}, text, []string{"a"}},
		"its own ignore file":   {map[string]string{"Dockerfile": text, ".dockerignore": "a", "Dockerfile.dockerignore": "b"}, Options{}, text, []string{"b"}},
		"its own that is empty": {map[string]string{"Dockerfile": text, ".dockerignore": "a", "Dockerfile.dockerignore": ""}, Options{}, text, nil},
		"of one platform": {
			files: map[string]string{"Dockerfile": text, ".dockerignore": "a", "arm/Dockerfile": own, "arm/Dockerfile.dockerignore": "b"},
			opt:   Options{Own: map[string]string{"linux/arm64": "arm/Dockerfile"}}, text: own, ignored: []string{"b"},
		},
		"standard input": {map[string]string{".dockerignore": "a"}, Options{Dockerfile: "-", Stdin: strings.NewReader(own)}, own, []string{"a"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for name, data := range tt.files {
				write(t, dir, name, data)
			}
			tt.opt.Context = dir
			if tt.opt.Dockerfile != "" && tt.opt.Dockerfile != "-" {
				tt.opt.Dockerfile = filepath.Join(dir, tt.opt.Dockerfile)
			}
			for p, name := range tt.opt.Own {
				tt.opt.Own[p] = filepath.Join(dir, name)
			}
			s, release, err := Open(t.Context(), tt.opt)
			if err != nil {
				t.Fatal(err)
			}
			defer release()
			if text, ignored := asFrontend(t, s); text != tt.text || !slices.Equal(ignored, tt.ignored) {
				t.Errorf("it read %q, and ignores %q", text, ignored)
			}
		})
	}
}

func TestARemoteContextsDockerfileIsNoInput(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "Dockerfile", "FROM scratch\n")
	for _, opt := range []Options{
		{Context: "https://example.com/app.git"},
		{Context: "https://example.com/app.git", Dockerfile: filepath.Join(dir, "Dockerfile")},
	} {
		s, release, err := Open(t.Context(), opt)
		if err != nil {
			t.Fatal(err)
		}
		defer release()
		attrs := s.FrontendAttrs(arm64)
		if inputs := s.Inputs(t.Context(), arm64, attrs); inputs != nil || attrs["dockerfilekey"] != s.FrontendAttrs(arm64)["dockerfilekey"] {
			t.Errorf("%q: %v, %v", opt.Dockerfile, inputs, attrs)
		}
	}
}
