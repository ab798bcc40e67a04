package engine_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/internal/engine/enginetest"
)

func TestALoadEndsWithTheEnginesError(t *testing.T) {
	fake := &enginetest.Engine{Store: enginetest.Store{Refuse: func([]string) error { return errors.New("no space left on device") }}}
	err := engine.New(fake.Start(t)).Load(t.Context(), func(io.Writer) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "no space left on device") {
		t.Errorf("got %v", err)
	}
}

func TestALoadEndsWithTheWritersError(t *testing.T) {
	fake := &enginetest.Engine{}
	why := errors.New("the registry is gone")
	err := engine.New(fake.Start(t)).Load(t.Context(), func(w io.Writer) error {
		_, _ = w.Write(make([]byte, 512))
		return why
	})
	if !errors.Is(err, why) {
		t.Errorf("got %v", err)
	}
}

func TestAnEngineThatStopsReadingEndsTheWriter(t *testing.T) {
	fake := &enginetest.Engine{}
	err := engine.New(fake.Start(t)).Load(t.Context(), func(w io.Writer) error {
		garbage := []byte(strings.Repeat("this is no tar archive ", 1000))
		for {
			if _, err := w.Write(garbage); err != nil {
				return err
			}
		}
	})
	if err == nil || !strings.Contains(err.Error(), "tar") {
		t.Errorf("got %v", err)
	}
}

func TestACancelledLoadEndsWithItsCause(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	err := engine.New((&enginetest.Engine{}).Start(t)).Load(ctx, func(io.Writer) error {
		cancel(why)
		<-ctx.Done()
		return context.Cause(ctx)
	})
	if !errors.Is(err, why) {
		t.Errorf("got %v", err)
	}
}

func TestAnEnginesContentIsAskedForBlobs(t *testing.T) {
	there, not := digest.FromString("there"), digest.FromString("not there")
	fake := &enginetest.Engine{Store: enginetest.Store{Containerd: true, Blobs: map[digest.Digest]bool{there: true}}}
	c, err := engine.New(fake.Start(t)).Content(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for d, want := range map[digest.Digest]bool{there: true, not: false} {
		if got, err := c.Has(t.Context(), d); got != want || err != nil {
			t.Errorf("%s: %t, %v", d, got, err)
		}
	}
}

func TestAnEngineWithoutContentSaysSo(t *testing.T) {
	if _, err := engine.New((&enginetest.Engine{}).Start(t)).Content(t.Context()); !errors.Is(err, engine.ErrNoContent) {
		t.Errorf("got %v", err)
	}
}

func TestImagesAreLookedAtListedAndTagged(t *testing.T) {
	id, layer := digest.FromString("image"), digest.FromString("layer")
	fake := &enginetest.Engine{
		Images: map[string]string{"app:v1": id.String()}, Store: enginetest.Store{Layers: map[string][]digest.Digest{id.String(): {layer}}},
	}
	eng := engine.New(fake.Start(t))
	if err := eng.Tag(t.Context(), id.String(), "localhost:5000/app:v2"); err != nil {
		t.Fatal(err)
	}
	there := engine.Image{ID: id, DiffIDs: []digest.Digest{layer}, Names: []string{"app:v1", "localhost:5000/app:v2"}}
	for ref, want := range map[string]engine.Image{"app:v1": there, "localhost:5000/app:v2": there, "app:v2": {}} {
		got, err := eng.Image(t.Context(), ref)
		if d := cmp.Diff(want, got); d != "" || err != nil {
			t.Error(ref, err, d)
		}
	}
	ids, err := eng.ImageIDs(t.Context())
	if d := cmp.Diff([]string{id.String()}, ids); d != "" || err != nil {
		t.Error(err, d)
	}
	for _, name := range there.Names {
		if err := eng.RemoveImage(t.Context(), name); err != nil {
			t.Error(err)
		}
	}
	if found, err := eng.HasImage(t.Context(), id.String()); found || err != nil {
		t.Errorf("without a name the image is still there: %t, %v", found, err)
	}
	if err := eng.RemoveImage(t.Context(), "app:v1"); err != nil {
		t.Errorf("an image that is gone: %v", err)
	}
}
