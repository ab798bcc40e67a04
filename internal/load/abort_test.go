package load_test

import (
	"context"
	"errors"
	"maps"
	"strings"
	"testing"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/load"
)

// has returns the engine's images by name, and those without a name.
func (w *world) has() map[string]string {
	all := w.fake.Has()
	for id := range w.fake.Store.Layers {
		all[id] = "in the store"
	}
	return all
}

func TestStagedContentIsRemoved(t *testing.T) {
	for _, containerd := range []bool{false, true} {
		for what, names := range map[string][]string{"with names": {"app:v1", "app:v2"}, "without a name": nil} {
			w := newWorld(t, containerd)
			w.load(w.request(w.app("1"), "app:v1"))
			w.notes = nil
			before := maps.Clone(w.has())
			staged, err := load.Stage(t.Context(), w.eng, w.request(w.app("2"), names...))
			if err != nil {
				t.Fatal(err)
			}
			if !containerd {
				w.equal(len(w.has()) > len(before), true)
			}
			done, end := context.WithCancel(t.Context())
			end()
			staged.Abort(done) // an interrupted build takes its image away as well
			w.equal(w.has(), before)
			w.equal(w.notes, []string(nil))
			if t.Failed() {
				t.Fatalf("containerd %t, %s", containerd, what)
			}
		}
	}
}

func TestAnImageThatWasThereBeforeStays(t *testing.T) {
	for _, containerd := range []bool{false, true} {
		for what, names := range map[string][]string{"without a name": nil, "under another name": {"mine:v1"}} {
			w := newWorld(t, containerd)
			app := w.app("1")
			w.load(w.request(app, names...))
			before := maps.Clone(w.has())
			staged, err := load.Stage(t.Context(), w.eng, w.request(app, "app:v1"))
			if err != nil {
				t.Fatal(err)
			}
			staged.Abort(t.Context())
			w.equal(w.has(), before)
			if t.Failed() {
				t.Fatalf("containerd %t, %s", containerd, what)
			}
		}
	}
}

func TestAnImageThatHasGotANameStays(t *testing.T) {
	for _, containerd := range []bool{false, true} {
		w := newWorld(t, containerd)
		staged, err := load.Stage(t.Context(), w.eng, w.request(w.image("linux/amd64", "base"), "app:first", "app:second"))
		if err != nil {
			t.Fatal(err)
		}
		w.fake.Tag = func(ref string) error {
			if strings.HasSuffix(ref, ":second") {
				return errors.New("the disk is full")
			}
			return nil
		}
		if _, err := staged.Commit(t.Context()); err == nil {
			t.Fatal("it was placed")
		}
		staged.Abort(t.Context())
		if w.fake.Has()["app:first"] == "" {
			t.Errorf("containerd %t: %v", containerd, w.has())
		}
	}
}

func TestAnImageThatIsRefusedAfterItWasSentIsTakenAway(t *testing.T) {
	for _, containerd := range []bool{false, true} {
		w := newWorld(t, containerd)
		req := w.request(w.app("1"), "app")
		req.Check = func(context.Context, ...ocispecs.Descriptor) error { return errors.New("it is broken") }
		if _, err := load.Load(t.Context(), w.eng, req); err == nil {
			t.Fatal("it was loaded")
		}
		w.equal(w.has(), map[string]string{})
	}
}
