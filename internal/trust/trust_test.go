package trust_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/system"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/internal/engine/enginetest"
	"github.com/docker-multiarch/docker-multiarch/internal/trust"
)

func TestAnImagePassesByItsOriginOrByTheUsersWord(t *testing.T) {
	const name = "moby/buildkit:buildx-stable-1"
	id := digest.FromString("the image")
	for words, c := range map[string]struct {
		wanted     string   // "": name
		origins    []string // that the engine records
		containerd bool
		hidden     bool // the content of the store is not shown
		registry   digest.Digest
		trusted    []digest.Digest
		want       trust.Basis
	}{
		"built, loaded, imported or tagged":        {},
		"built or loaded, with a containerd store": {containerd: true},
		"pulled": {origins: []string{"docker.io/moby/buildkit"}, want: trust.Pulled},
		"pulled, with a containerd store": {
			origins: []string{"docker.io/moby/buildkit"}, containerd: true, want: trust.Pulled,
		},
		"pulled from two repositories": {
			origins: []string{"docker.io/other/x", "docker.io/moby/buildkit"}, containerd: true, want: trust.Pulled,
		},
		"pulled from another repository and tagged":       {origins: []string{"docker.io/other/buildkit"}},
		"the same tagged with a containerd store":         {origins: []string{"docker.io/other/buildkit"}, containerd: true},
		"pulled from a repository of that path elsewhere": {origins: []string{"evil.example/moby/buildkit"}},
		"the same elsewhere with a containerd store": {
			origins: []string{"evil.example/moby/buildkit"}, containerd: true,
		},
		"pulled from a registry on a port": {
			wanted: "localhost:5000/bk:1", origins: []string{"localhost:5000/bk"}, want: trust.Pulled,
		},
		"the same, with a containerd store": {
			wanted: "localhost:5000/bk:1", origins: []string{"localhost:5000/bk"}, containerd: true, want: trust.Pulled,
		},
		"pulled from a registry on another port": {
			wanted: "localhost:5000/bk:1", origins: []string{"localhost:5001/bk"},
		},
		"trusted by the user":                {trusted: []digest.Digest{id}, want: trust.ByUser},
		"another one is trusted by the user": {trusted: []digest.Digest{digest.FromString("another")}},
		"by a digest that is the image's": {
			wanted: "moby/buildkit@" + id.String(), containerd: true, want: trust.Pulled,
		},
		"by a digest that is not the image's": {
			wanted: "moby/buildkit@" + digest.FromString("x").String(), origins: []string{"docker.io/moby/buildkit"},
		},
		"the store is hidden, and the registry has this very one": {containerd: true, hidden: true, registry: id, want: trust.Pulled},
		"the store is hidden, and the registry has another":       {containerd: true, hidden: true, registry: digest.FromString("x")},
		"the store is hidden, and the registry does not answer": {
			containerd: true, hidden: true, origins: []string{"docker.io/moby/buildkit"},
		},
	} {
		t.Run(words, func(t *testing.T) {
			t.Parallel()
			fake := &enginetest.Engine{
				Images: map[string]string{name: id.String()}, Origins: map[string][]string{id.String(): c.origins},
				Store: enginetest.Store{Containerd: c.containerd, Hidden: c.hidden}, Registries: map[string]digest.Digest{},
			}
			if c.containerd {
				fake.Info = system.Info{DriverStatus: [][2]string{{"driver-type", "io.containerd.snapshotter.v1"}}}
			}
			if c.registry != "" {
				fake.Registries[name] = c.registry
			}
			images := trust.Images{Engine: engine.New(fake.Start(t)), Trusted: c.trusted}
			wanted := name
			if c.wanted != "" {
				wanted = c.wanted
			}
			if got, err := images.Judge(t.Context(), id.String(), wanted); got != c.want || err != nil {
				t.Errorf("got %q, error %v; want %q", got, err, c.want)
			}
		})
	}
}

func TestARefusalNamesTheImageAndItsID(t *testing.T) {
	t.Parallel()
	id := digest.FromString("x").String()
	fake := &enginetest.Engine{Images: map[string]string{"reg.example/bk:1": id}}
	_, err := trust.Images{Engine: engine.New(fake.Start(t))}.Verified(t.Context(), "reg.example/bk:1")
	unproven := (*trust.UnprovenError)(nil)
	if !errors.As(err, &unproven) {
		t.Fatalf("got %v", err)
	}
	if unproven.ID != id || !strings.Contains(err.Error(), `image "reg.example/bk:1"`) {
		t.Errorf("ID %s, error %v", unproven.ID, err)
	}
}

func TestIDs(t *testing.T) {
	t.Parallel()
	a, b := digest.FromString("a"), digest.FromString("b")
	if ids, err := trust.ParseIDs(" " + a.String() + ", " + b.String() + "\n" + a.String()); err != nil || len(ids) != 3 || ids[1] != b {
		t.Errorf("got %v, error %v", ids, err)
	}
	for _, bad := range []string{"abc", a.Encoded(), a.String()[:70], "sha256:" + strings.ToUpper(a.Encoded()), "moby/buildkit:1", "*"} {
		if ids, err := trust.ParseIDs(bad); err == nil {
			t.Errorf("%q is taken for %v", bad, ids)
		}
	}
}
