package container

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client/pkg/stringid"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/internal/trust"
)

// wantedImage is the name that the image of a container must come from.
func wantedImage(have observed) string {
	if have.Image.Ref == "" {
		return DefaultImage
	}
	return have.Image.Ref
}

// asJudged is what an answer is about: the image, and the name that it must come from.
func asJudged(have observed) string { return have.ImageID + " " + wantedImage(have) }

// judge begins to find out, once for each image, whether a container's image may run with privileges, and gives the answer when it is
// called: nil, a [*trust.UnprovenError], or what kept it from being known.
func (k *reconciler) judge(ctx context.Context, have observed) func() error {
	if verdict, ok := k.judged[asJudged(have)]; ok {
		return verdict
	}
	ctx, cancel := context.WithCancel(ctx)
	verdict := sync.OnceValue(func() error { return k.spec.images(k.eng).Check(ctx, have.ImageID, wantedImage(have)) })
	k.judged[asJudged(have)] = verdict
	go func() { _ = verdict() }()
	k.unjudged = append(k.unjudged, func() {
		cancel()
		_ = verdict() // waits for it
	})
	return verdict
}

// allowed turns a step into one that replaces the container, where it would set one going whose image may not run with privileges. One
// that runs is connected to meanwhile (use), and comes here once the answer is there.
func (k *reconciler) allowed(ctx context.Context, todo step, have observed) (step, error) {
	_, known := k.judged[asJudged(have)]
	if todo.Action != actStart && todo.Action != actUnpause && (todo.Action != actUse || !known) {
		return todo, nil
	}
	err := k.judge(ctx, have)()
	if _, ok := errors.AsType[*trust.UnprovenError](err); !ok || k.kind.asIs {
		return todo, err
	}
	why := fmt.Sprintf("nothing shows that its image %s was pulled from %s", stringid.TruncateID(have.ImageID), trust.Repository(wantedImage(have)))
	return step{actRecreate, []string{why}}, nil
}

// orTrust adds to the error of a replacement that the old container's image would do, if that is why it is replaced and the user may
// know it. The error of another image says so itself.
func (k *reconciler) orTrust(err error, old observed) error {
	verdict, known := k.judged[asJudged(old)]
	if _, said := errors.AsType[*trust.UnprovenError](err); said || !known {
		return err
	}
	if unproven, ok := errors.AsType[*trust.UnprovenError](verdict()); ok {
		return fmt.Errorf("%w; the builder's old %w", err, unproven)
	}
	return err
}

// mayRun says whether a container's image may run with privileges.
func mayRun(ctx context.Context, eng *engine.Engine, c container.InspectResponse, name string, trusted []digest.Digest) bool {
	return Spec{Spec: builder.Spec{Trusted: trusted}}.images(eng).Check(ctx, c.Image, wantedImage(convert(c, name))) == nil
}

// Image is what a builder's container was made from.
type Image struct {
	Ref   string // the name that it must come from
	ID    string // as the engine shows it
	Basis trust.Basis
}

// ImageOf says what a builder's image is, and why it may run with privileges, if it may. found is false when there is no such builder.
func ImageOf(ctx context.Context, images trust.Images, name string) (img Image, found bool, err error) {
	var c container.InspectResponse
	for _, s := range sides() {
		if c, found, err = ownContainer(ctx, images.Engine, name, s); err != nil || found {
			break
		}
	}
	if err != nil || !found {
		return Image{}, false, err
	}
	have := convert(c, name)
	img = Image{Ref: wantedImage(have), ID: have.ImageID}
	img.Basis, err = images.Judge(ctx, img.ID, img.Ref)
	return img, true, err
}
