package imagecheck

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/moby/buildkit/client"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/exe/exetest"
	"github.com/docker-multiarch/docker-multiarch/internal/gate"
	"github.com/docker-multiarch/docker-multiarch/internal/gate/layerstest"
	"github.com/docker-multiarch/docker-multiarch/internal/gate/onnode"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// refusing is a node whose steps fail.
type refusing struct{ asked int }

func (r *refusing) Build(context.Context, client.SolveOpt, string, gateway.BuildFunc, chan *client.SolveStatus) (*client.SolveResponse, error) {
	r.asked++
	return nil, errors.New("failed to solve: steps are not permitted here")
}

func TestLayersThatANodeDoesNotListAreRead(t *testing.T) {
	amd64 := platform.Platform{OS: "linux", Architecture: "amd64"}
	for name, test := range map[string]struct {
		node  platform.Platform
		asked int
		noted bool
	}{
		"a node that runs nothing":                          {amd64, 3, true}, // added layers are asked for with those below, then without; base layers once
		"a node for whose architecture there is no program": {platform.Platform{OS: "linux", Architecture: "s390x"}, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			store, node := layerstest.NewStore(), &refusing{}
			var notes []string
			c := New(gate.Options{}, Env{
				Store: store, Far: &onnode.Node{Builder: node, Platform: test.node}, Note: func(d diag.Diagnostic) { notes = append(notes, d.Message) },
			})
			img := gate.Image{Platform: platform.Platform{OS: "linux", Architecture: "arm64"}}
			img.Config.Config.Entrypoint = []string{"/app"}
			for i, b := range [][]byte{
				layerstest.Tar(t, layerstest.File("lib/ld.so"), exetest.Program("arm64", "")), layerstest.Tar(t, layerstest.File("app"), exetest.Program("arm64", "/lib/ld.so")),
			} {
				img.Layers = append(img.Layers, gate.Layer{Descriptor: store.Put(b), Base: i == 0})
				img.Config.RootFS.DiffIDs = append(img.Config.RootFS.DiffIDs, digest.FromBytes(b))
			}
			for range 2 { // the second time everything is known
				result, err := gate.Examine(t.Context(), img, c.listerOf(img), c.opt)
				if err != nil || result.Verdict != gate.OK || !result.BaseExamined {
					t.Errorf("%+v, %v", result, err)
				}
			}
			for d, n := range store.Count {
				if n != 1 {
					t.Errorf("%s was read %d times", d, n)
				}
			}
			if node.asked != test.asked {
				t.Errorf("it was asked %d times, want %d", node.asked, test.asked)
			}
			said := slices.ContainsFunc(notes, func(n string) bool { return strings.HasSuffix(n, ": steps are not permitted here") })
			if said != test.noted || len(notes) > 1 {
				t.Errorf("%q", notes)
			}
		})
	}
}

func TestALargeLayerOfAnImageThatIsNotPushedIsReadFromTheNode(t *testing.T) {
	store := layerstest.NewStore()
	c := New(gate.Options{}, Env{Store: store, Far: &onnode.Node{}})
	desc := store.Put(make([]byte, large))
	r, err := c.fetch(t.Context(), desc)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}
