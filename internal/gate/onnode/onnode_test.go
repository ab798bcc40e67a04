package onnode

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/client"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	gatewaypb "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/gate/layers"
	"github.com/docker-multiarch/docker-multiarch/internal/gate/listing"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// node is a BuildKit that takes one definition, and has files as its result.
type node struct {
	gateway.Client
	gateway.Reference
	files map[string]string
	err   error

	opt client.SolveOpt
	ops []*pb.Op
}

func (n *node) Build(ctx context.Context, opt client.SolveOpt, _ string, fn gateway.BuildFunc, _ chan *client.SolveStatus) (*client.SolveResponse, error) {
	n.opt = opt
	_, err := fn(ctx, n)
	return nil, err
}

func (n *node) Solve(_ context.Context, req gateway.SolveRequest) (*gateway.Result, error) {
	for _, data := range req.Definition.Def {
		var op pb.Op
		if err := op.UnmarshalVT(data); err != nil {
			return nil, err
		}
		n.ops = append(n.ops, &op)
	}
	res := gateway.NewResult()
	res.SetRef(n)
	return res, n.err
}

func (n *node) ReadFile(_ context.Context, req gateway.ReadRequest) ([]byte, error) {
	text, ok := n.files[req.Filename]
	if !ok {
		return nil, errors.New("no such file")
	}
	return []byte(text[:min(len(text), req.Range.Length)]), nil
}

func layer(n int) ocispecs.Descriptor {
	return ocispecs.Descriptor{MediaType: ocispecs.MediaTypeImageLayerGzip, Digest: digest.FromString(fmt.Sprint("blob ", n)), Size: 1000}
}

func image() (img Image) {
	for n := range 4 {
		img.Layers, img.DiffIDs = append(img.Layers, layer(n)), append(img.DiffIDs, digest.FromString(fmt.Sprint(n)))
	}
	return img
}

var amd64 = platform.Platform{OS: "linux", Architecture: "amd64"}

// made is the listing of the tests, and its result for a layer.
func made(img Image, n int) (*listing.Listing, string) {
	l := &listing.Listing{Entries: []listing.Entry{{Path: fmt.Sprint("file-", n), Type: listing.File}}}
	return l, fmt.Sprintf("%s %d\n%s", img.DiffIDs[n], n, l.Encode())
}

func TestAStepListsTheLayers(t *testing.T) {
	img := image()
	zero, text0 := made(img, 0)
	_, text2 := made(img, 2)
	three, text3 := made(img, 3)
	n := &node{files: map[string]string{"/0": text0, "/2": strings.Replace(text2, img.DiffIDs[2].String(), img.DiffIDs[1].String(), 1), "/3": text3}}
	got, err := Node{n, amd64}.List(t.Context(), img, []int{0, 2, 3})
	if err != nil {
		t.Fatal(err)
	}
	want := map[digest.Digest]layers.Made{layer(0).Digest: {Listing: zero}, layer(3).Digest: {Listing: three, Unpacked: 3}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("a listing counts if it is of the layer (-want +got):\n%s", diff)
	}
	i := slices.IndexFunc(n.ops, func(op *pb.Op) bool { return op.GetExec() != nil })
	exec := n.ops[i].GetExec()
	if exec.Network != pb.NetMode_NONE || exec.Security != pb.SecurityMode_SANDBOX || n.ops[i].Platform.Architecture != "amd64" || !n.opt.Internal {
		t.Errorf("%v on %v", exec, n.ops[i].Platform)
	}
	var at []string
	for _, m := range exec.Mounts {
		at = append(at, fmt.Sprint(m.Dest, " ", m.Readonly))
	}
	if diff := cmp.Diff([]string{
		"/ false", "/layers/0/changed true", "/layers/2/changed true", "/layers/2/lower true", "/layers/2/upper true", "/layers/3/changed true", "/layers/3/lower true",
		"/layers/3/upper true", "/out false",
	}, at); diff != "" {
		t.Errorf("mounts (-want +got):\n%s", diff)
	}
}

// The session serves the program and no layer of an image: BuildKit has it, or the step fails.
func TestNoLayerIsFetched(t *testing.T) {
	img := image()
	_, text := made(img, 1)
	n := &node{files: map[string]string{"/1": text}}
	if _, err := (Node{n, amd64}).ListApart(t.Context(), img, []int{1}); err != nil {
		t.Fatal(err)
	}
	store := n.opt.OCIStores[storeName]
	for _, l := range img.Layers {
		if _, err := store.Info(t.Context(), l.Digest); err == nil {
			t.Errorf("%s is served", l.Digest)
		}
	}
	var sources int
	for _, op := range n.ops {
		if src := op.GetSource(); src != nil {
			_, d, _ := strings.Cut(src.Identifier, "@")
			if _, err := store.Info(t.Context(), digest.Digest(d)); err != nil {
				t.Errorf("%s is not served: %v", src.Identifier, err)
			}
			sources++
		}
	}
	if sources != 2 {
		t.Errorf("%d images, want that of the program and that of the layer", sources)
	}
}

func TestWhyANodeDoesNotListIsSaid(t *testing.T) {
	img := image()
	for name, test := range map[string]struct {
		node Node
		img  Image
		want string
	}{
		"an architecture of few":    {Node{&node{}, platform.Platform{OS: "linux", Architecture: "s390x"}}, img, ErrNoProgram.Error()},
		"a program that fails":      {Node{&node{err: fmt.Errorf("failed to solve: %w", &gatewaypb.ExitError{ExitCode: 126})}, amd64}, img, "the program for that ended with status 126"},
		"a layer that is not there": {Node{&node{err: errors.New("failed to solve: not found")}, amd64}, img, "not found"},
		"no result":                 {Node{&node{}, amd64}, img, "no such file"},
		"a damaged image":           {Node{&node{}, amd64}, Image{Layers: img.Layers}, "the image's configuration does not match its manifest"},
	} {
		if _, err := test.node.List(t.Context(), test.img, []int{1}); err == nil || Reason(err) != test.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzResult(f *testing.F) {
	img := image()
	_, text := made(img, 0)
	for _, seed := range []string{text, "error: no\n", img.DiffIDs[0].String() + " 9\n", img.DiffIDs[0].String() + " -1\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, ok := result(b, img.DiffIDs[0]); ok && (m.Listing == nil || m.Unpacked < 0) {
			t.Errorf("%+v", m)
		}
	})
}
