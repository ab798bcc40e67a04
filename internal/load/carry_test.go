package load_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/load"
)

// carried are the images that an engine was asked to fetch, and whether they were released.
type carried struct {
	asked    []load.Portable
	released int
}

// carries returns a request's Carry, after which the engine has the layers, and with a classic store the images.
func (w *world) carries(c *carried, works bool) func(context.Context, []load.Portable) func(context.Context) {
	return func(_ context.Context, images []load.Portable) func(context.Context) {
		c.asked = images
		for _, img := range images {
			if !works {
				continue
			}
			if !w.fake.Store.Containerd {
				w.fake.Images["127.0.0.1:1/x:"+img.Manifest.Digest.String()] = img.Config.Digest.String()
			}
			for _, layer := range img.Layers {
				if w.fake.Store.Blobs == nil {
					w.fake.Store.Blobs = map[digest.Digest]bool{}
				}
				w.fake.Store.Blobs[layer.Digest] = true
			}
		}
		return func(context.Context) {
			c.released++
			for name := range w.fake.Images {
				if strings.HasPrefix(name, "127.0.0.1") {
					delete(w.fake.Images, name)
				}
			}
		}
	}
}

// fetched stages an image whose layers the engine fetches.
func (w *world) fetched(c *carried) *load.Staged {
	w.t.Helper()
	req := w.request(w.app("1"), "app:v1")
	req.Carry = w.carries(c, true)
	staged, err := load.Stage(w.t.Context(), w.eng, req)
	if err != nil {
		w.t.Fatal(err)
	}
	return staged
}

func TestWhatAnEngineHasFetchedIsNotSent(t *testing.T) {
	for _, containerd := range []bool{false, true} {
		w := newWorld(t, containerd)
		var c carried
		staged := w.fetched(&c)
		w.equal([]int{len(c.asked), c.released}, []int{3, 0})
		if _, err := staged.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.equal(c.released, 1)
		for n := range w.fake.Store.Loads {
			w.equal(w.sent(n), []string(nil))
		}
		if w.fake.Has()["app:v1"] == "" {
			t.Errorf("containerd %t: %v", containerd, w.fake.Has())
		}
		// Of the next image only what is missing is asked for.
		req := w.request(w.app("2"), "app:v2")
		req.Carry = w.carries(&c, true)
		w.load(req)
		for _, img := range c.asked {
			if len(img.Layers) != 2 || containerd && len(img.Missing) != 1 {
				t.Errorf("containerd %t: %d of %d layers", containerd, len(img.Missing), len(img.Layers))
			}
		}
		c = carried{}
		req = w.request(w.app("2"), "other:v2")
		req.Carry = w.carries(&c, true)
		w.load(req)
		w.equal(len(c.asked), 0)
	}
}

func TestWhatAnEngineCouldNotFetchIsSent(t *testing.T) {
	for _, containerd := range []bool{false, true} {
		w := newWorld(t, containerd)
		var c carried
		req := w.request(w.app("1"), "app:v1")
		req.Carry = w.carries(&c, false)
		w.load(req)
		w.equal(c.released, 1)
		w.equal(w.sent(0), []string{"amd 1", "arm 1", "arm base", "arm64 1", "base"})
	}
}

func TestFetchedImagesAreReleasedWhenTheyAreGivenUp(t *testing.T) {
	for _, containerd := range []bool{false, true} {
		w := newWorld(t, containerd)
		var c carried
		staged := w.fetched(&c)
		staged.Abort(t.Context())
		staged.Abort(t.Context())
		w.equal(c.released, 1)
		w.equal(w.fake.Has(), map[string]string{})
		w = newWorld(t, containerd)
		w.fake.Store.Refuse = func([]string) error { return errors.New("the disk is full") }
		req := w.request(w.image("linux/amd64", "base", "amd 1"), "app:v1")
		c = carried{}
		req.Carry = w.carries(&c, false)
		if _, err := load.Stage(t.Context(), w.eng, req); err == nil || c.released != 1 {
			t.Errorf("containerd %t: %v, released %d times", containerd, err, c.released)
		}
	}
}

func TestAnImageWithoutANameIsSent(t *testing.T) {
	w := newWorld(t, false)
	var c carried
	req := w.request(w.app("1"))
	req.Carry = w.carries(&c, true)
	w.load(req)
	w.equal(len(c.asked), 0)
}
